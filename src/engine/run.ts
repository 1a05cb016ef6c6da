/** What all parts of one run share. */
import type { RangeRequest } from '../core/judge-chain.js'
import type { Discovery } from './discover.js'
import type { ResolvedOptions } from './options.js'
import type { Places } from './places.js'
import type { DigestReader } from './read-digest.js'
import type { SpoolBudget } from './sorted-spool.js'

/** How far a run has come. Counts only grow. */
export interface Progress {
  readonly phase: 'listing' | 'reading digests' | 'checking log files'
  /** The account and region at work. */
  readonly at: string
  readonly chains: number
  readonly digests: number
  readonly logFiles: number
  readonly bytesRead: number
  readonly findings: number
}

export class ProgressMeter {
  phase: Progress['phase'] = 'listing'
  at = ''
  chains = 0
  digests = 0
  logFiles = 0
  bytesRead = 0
  findings = 0
  readonly #report: ((progress: Progress) => void) | undefined

  constructor(report: ((progress: Progress) => void) | undefined) {
    this.#report = report
  }

  report(): void {
    if (this.#report === undefined) return
    const { phase, at, chains, digests, logFiles, bytesRead, findings } = this
    this.#report({ phase, at, chains, digests, logFiles, bytesRead, findings })
  }
}

export interface Run {
  readonly options: ResolvedOptions
  readonly signal: AbortSignal
  readonly discovery: Discovery
  readonly places: Places
  readonly reader: DigestReader
  readonly budget: SpoolBudget
  readonly progress: ProgressMeter
  /** Runs a read when there is room for one more. */
  readonly limit: <T>(read: () => Promise<T>) => Promise<T>
  /** The range, once the survey knows the default end. */
  readonly range: RangeRequest
  /** At least one source is a live store. */
  readonly live: boolean
}
