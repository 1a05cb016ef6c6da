import type { GapEvent } from '../core/findings.js'
import { formatCounted } from './quantity.js'

/** What was done, in the words of a sentence; all other events are told by their names. */
const DEEDS: ReadonlyMap<string, string> = new Map([
  ['CreateTrail', 'created the trail'],
  ['DeleteTrail', 'deleted the trail'],
  ['StartLogging', 'started logging'],
  ['StopLogging', 'stopped logging'],
  ['UpdateTrail', 'changed the trail'],
  ['PutEventSelectors', 'changed what the trail records'],
  ['PutInsightSelectors', 'changed which insights the trail records'],
  ['DeleteBucket', 'deleted the bucket'],
  ['DeleteObject', 'deleted an object'],
  ['DeleteObjects', 'deleted objects'],
])

/**
 * An event as a sentence that an investigator can quote: when, who, what, from where, and what proves it. Not escaped here. An
 * object's key is whatever its writer chose: it comes last, where it cannot pass for the proof.
 */
export function eventStory(event: GapEvent): string {
  const { eventName, eventSource, eventTime, userArn, sourceIpAddress, target, logFile, sha256 } = event
  const deed = DEEDS.get(eventName)
  const what = deed === undefined ? `called ${eventName}` : `${deed} (${eventName})`
  const from = sourceIpAddress === null ? '' : ` from ${sourceIpAddress}`
  const on = eventSource === 'cloudtrail.amazonaws.com' ? '' : `; on ${target}`
  return `${eventTime} ${userArn ?? 'somebody'} ${what}${from}; proven by ${logFile} (SHA-256 ${sha256})${on}`
}

/** What was searched, where that found nothing or not all; undefined where it needs no word. */
export function searchStory(
  events: readonly GapEvent[],
  searched: { readonly logFiles: number; readonly complete: boolean },
): string | undefined {
  const files = `${formatCounted(searched.logFiles, 'proven log file')} around it`
  const part = searched.complete ? '' : '; others could not be searched'
  if (events.length > 0) return searched.complete ? undefined : `searched ${files}${part}`
  if (searched.logFiles === 0) return `none: there are no proven log files around it${part}`
  return `none in ${files}${part}`
}
