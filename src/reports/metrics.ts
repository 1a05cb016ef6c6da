import { FINDING_VERDICTS, type FindingCode } from '../core/findings.js'
import type { ChainSummary, Summary } from '../core/results.js'
import { parseTime } from '../core/time.js'

/** All codes, in the order of the table of codes. */
export const CODES: readonly FindingCode[] = Object.keys(FINDING_VERDICTS) as FindingCode[]

/** How many gaps the operator accepts: what is there is not proven, and lowers no verdict. */
export function acceptedGaps({ expectations }: Summary): number {
  return expectations?.accept.reduce((sum, { gaps }) => sum + gaps, 0) ?? 0
}

/** How many findings of a code there are, without gaps that are accepted. */
export function openFindings(summary: Summary, code: FindingCode): number {
  const found = summary.summary.findings[code] ?? 0
  return code === 'COVERAGE_GAP' ? Math.max(0, found - acceptedGaps(summary)) : found
}

/** How many findings there are whose code normally carries the verdict. */
export function findingsOf(summary: Summary, verdict: 'invalid' | 'unverified'): number {
  const codes = CODES.filter((code) => FINDING_VERDICTS[code] === verdict)
  return codes.reduce((sum, code) => sum + openFindings(summary, code), 0)
}

/** Seconds of a chain's range that are not proven. */
export function unprovenSeconds({ coverage }: ChainSummary): number {
  const open = coverage.filter(({ verdict }) => verdict !== 'valid')
  return open.reduce((sum, { startTime, endTime }) => sum + seconds(endTime) - seconds(startTime), 0)
}

/** Seconds since the epoch. */
export function seconds(time: string): number {
  return (parseTime(time) ?? 0) / 1000
}
