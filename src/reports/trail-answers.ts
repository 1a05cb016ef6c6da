/** With which level of permission CloudTrail was asked about a trail, in words. */
import type { TrailKnowledge } from '../core/trail-knowledge.js'

export function trailAnswers({ settings, status }: TrailKnowledge): string {
  const told = status.filter((answer) => !('refused' in answer))
  const described = 'refused' in settings ? 'DescribeTrails was refused' : 'DescribeTrails answered'
  const logging = told.filter((answer) => 'isLogging' in answer && answer.isLogging).length
  if (told.length === 0) return `${described}, GetTrailStatus was refused`
  return `${described}, GetTrailStatus answered in ${told.length} of ${status.length} regions, logging is on in ${logging}`
}
