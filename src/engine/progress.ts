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
