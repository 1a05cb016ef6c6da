/** How far a run has come. Counts only grow. */
export interface Progress {
  readonly phase: 'listing' | 'reading digests' | 'checking log files'
  /** What is at work: while folders are listed the sources, then an account and region. */
  readonly at: string
  /** Accounts and regions that were found, and of how many all is told. */
  readonly scopes: number
  readonly scopesDone: number
  /** Chains of which digests were found. */
  readonly chains: number
  readonly digests: number
  readonly logFiles: number
  /**
   * How many log files there are to check, as the digests say it. Null until the digests of every account and region
   * are read. Log files that no digest lists come on top.
   */
  readonly logFilesListed: number | null
  readonly bytesRead: number
  readonly findings: number
}

export class ProgressMeter {
  phase: Progress['phase'] = 'listing'
  at = ''
  scopes = 0
  scopesDone = 0
  chains = 0
  digests = 0
  logFiles = 0
  bytesRead = 0
  findings = 0
  #scopesRead = 0
  #listed = 0
  readonly #report: ((progress: Progress) => void) | undefined

  constructor(report: ((progress: Progress) => void) | undefined) {
    this.#report = report
  }

  /** The digests of one more account and region are read. */
  addListed(logFiles: number): void {
    this.#scopesRead++
    this.#listed += logFiles
  }

  report(): void {
    if (this.#report === undefined) return
    const { phase, at, scopes, scopesDone, chains, digests, logFiles, bytesRead, findings } = this
    const logFilesListed = this.#scopesRead === scopes ? this.#listed : null
    this.#report({ phase, at, scopes, scopesDone, chains, digests, logFiles, logFilesListed, bytesRead, findings })
  }
}
