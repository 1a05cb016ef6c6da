/** Thrown errors: misuse, or a run that cannot be. What is found about a trail is returned, never thrown. */

export type ErrorCode =
  /** An option or argument has a value that is not allowed. */
  | 'ERR_INVALID_OPTION'
  /** A source does not exist, is of the wrong kind, or cannot be opened at all. */
  | 'ERR_SOURCE'
  /** A public key file cannot be read or has the wrong shape. */
  | 'ERR_PUBLIC_KEYS'
  /** A metadata file cannot be read, has the wrong shape, or contradicts itself. */
  | 'ERR_METADATA'
  /** A file of expectations, or an earlier report, cannot be read or has another shape. */
  | 'ERR_EXPECTATIONS'
  /** AWS credentials are missing or refused. */
  | 'ERR_CREDENTIALS'
  /** All digests of a place name another bucket under the same keys: give the original place. */
  | 'ERR_REPLICA'
  /** A source listed keys out of byte order: nothing can be reconciled. */
  | 'ERR_LISTING_ORDER'
  /** Under `doubleCheck`: two implementations that must agree did not. */
  | 'ERR_DISAGREEMENT'
  /** A report cannot be written, or read back. */
  | 'ERR_REPORT'
  /** An export cannot be written, or is there already. */
  | 'ERR_EXPORT'
  /** A run over many machines: no Redis, no results, or a worker that must not do what it was given. */
  | 'ERR_CLUSTER'
  /** A plan that cannot be read, or is none. */
  | 'ERR_PLAN'
  /** Reports that are not those of all shards of one run. */
  | 'ERR_MERGE'
  /** A state file was edited, or is of another run. */
  | 'ERR_STATE'
  /** A key or certificate for sealing reports cannot be used. */
  | 'ERR_SIGNING_KEY'

/** Test `error.code`, not the message: messages are for people and may change. */
export class VerifyTrailError extends Error {
  override readonly name = 'VerifyTrailError'
  readonly code: ErrorCode

  /** For sources and key sources of your own. */
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
