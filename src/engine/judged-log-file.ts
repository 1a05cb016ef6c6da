import type { Finding } from '../core/findings.js'
import type { LogFileResult, LogFileStatus } from '../core/results.js'

/** What became of one log file. */
export interface JudgedLogFile {
  readonly result: LogFileResult | undefined
  readonly findings: readonly Finding[]
  /** Ordinals of the vouching digests that list it. */
  readonly listedBy: readonly number[]
  readonly status: LogFileStatus
  /** The day in whose folder it lies. */
  readonly day: number | null
  /** The number of the run whose state has it, where one object was measured, as exactly what is listed. */
  readonly keptIn?: number | undefined
}
