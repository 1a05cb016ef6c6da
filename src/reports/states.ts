/** What hours of a chain are, as the coverage timeline shows them. */
import type { FindingCode } from '../core/findings.js'
import type { CoverageInterval } from '../core/results.js'
import { parseTime } from '../core/time.js'

/** From the mildest to the worst: where two meet in one mark, the worse is shown. */
export const STATES = ['before', 'proven', 'unverified', 'gap', 'unlisted', 'missing', 'invalid'] as const

export type State = (typeof STATES)[number]

/** What the legend says. */
export const STATE_MEANINGS: Readonly<Record<State, string>> = {
  proven: 'every digest and log file of these hours is proven',
  invalid: 'a digest or log file is not what CloudTrail signed',
  missing: 'a digest or log file that was signed for is not there',
  unlisted: 'a log file that no digest lists',
  gap: 'no digest covers these hours',
  unverified: 'could not be proven or disproven',
  before: 'before the trail’s first digest, or not asked',
}

/** Milliseconds since the epoch, half-open. */
export interface Range {
  readonly start: number
  readonly end: number
}

export interface Segment extends Range {
  readonly state: State
}

/** From the earliest start to the latest end; undefined where there are no hours. */
export function rangeOf(parts: Iterable<{ readonly startTime: string; readonly endTime: string }>): Range | undefined {
  let start = Number.POSITIVE_INFINITY
  let end = Number.NEGATIVE_INFINITY
  for (const part of parts) {
    start = Math.min(start, parseTime(part.startTime) ?? start)
    end = Math.max(end, parseTime(part.endTime) ?? end)
  }
  return start < end ? { start, end } : undefined
}

/** The state of an interval of coverage. */
export function stateOf({ verdict, reason }: CoverageInterval): State {
  if (verdict === 'valid') return 'proven'
  if (verdict === 'invalid') return 'invalid'
  switch (reason) {
    case null:
    case 'digest-invalid':
      return 'unverified'
    case 'before-first':
      return 'before'
    case 'digests-missing':
      return 'missing'
    case 'chain-restarted':
    case 'logging-stopped':
    case 'after-last':
    case 'too-recent':
    case 'not-found':
      return 'gap'
  }
}

/** The state that a mark for an invalid finding has. */
export function stateOfCode(code: FindingCode): State {
  if (code === 'LOG_FILE_MISSING' || code === 'DIGEST_MISSING') return 'missing'
  return code === 'LOG_FILE_UNLISTED' || code === 'DIGEST_OUT_OF_CHAIN' ? 'unlisted' : 'invalid'
}
