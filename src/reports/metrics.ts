import { FINDING_VERDICTS, type FindingCode } from '../core/findings.js'
import type { ChainSummary, Summary } from '../core/results.js'
import { parseTime } from '../core/time.js'

/** All codes, in the order of the table of codes. */
export const CODES: readonly FindingCode[] = Object.keys(FINDING_VERDICTS) as FindingCode[]

/** How many findings there are whose code normally carries the verdict. */
export function findingsOf(summary: Summary, verdict: 'invalid' | 'unverified'): number {
  const codes = CODES.filter((code) => FINDING_VERDICTS[code] === verdict)
  return codes.reduce((sum, code) => sum + (summary.summary.findings[code] ?? 0), 0)
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
