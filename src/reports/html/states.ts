/** What hours of a chain are, as the coverage timeline shows them. */
import type { FindingCode } from '../../core/findings.js'
import type { CoverageInterval } from '../../core/results.js'

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

export interface Segment {
  /** Milliseconds since the epoch, half-open. */
  readonly start: number
  readonly end: number
  readonly state: State
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
