/** What goes wrong between us and AWS, or what speaks as AWS does: one reading of it for S3 and CloudTrail. */
import type { UnreadableReason } from '../core/findings.js'

/** Of a connection that was given up. */
export const TIMED_OUT = 'ETIMEDOUT'
/** An object that changed since it was listed stays so. */
const ALTERED_ATTEMPTS = 3

/** What the SDK calls success and is none. */
export class TransferError extends Error {
  override readonly name = 'TransferError'
  readonly kind: 'cut' | 'altered'

  constructor(kind: 'cut' | 'altered', message: string) {
    super(message)
    this.kind = kind
  }
}

/** An error of the SDK, of a connection or of ours, as far as it matters. Messages are the store's words. */
export interface Failure {
  /** S3's error code, else Node's, else the error's name. */
  readonly code: string
  readonly message: string
  /** HTTP status; undefined where there was no answer. */
  readonly status: number | undefined
  /** The bucket's region, where the answer names it. */
  readonly region: string | undefined
  /** In ms: when the store wants to be asked again. */
  readonly retryAfter: number | undefined
  readonly altered: boolean
}

/** An answer that says no, of a request that the SDK did not send. */
export class AnswerError extends Error {
  override readonly name = 'AnswerError'
  readonly failure: Failure

  constructor(failure: Failure) {
    super(failure.message)
    this.failure = failure
  }
}

/** Never throws. */
export function parseFailure(error: unknown): Failure {
  if (error instanceof AnswerError) return error.failure
  const { name, message } = error instanceof Error ? error : { name: 'Error', message: String(error) }
  const status = property(property(error, '$metadata'), 'httpStatusCode')
  const code = status === undefined ? (property(error, 'code') ?? (name === 'TimeoutError' ? TIMED_OUT : undefined)) : undefined
  const headers = property(property(error, '$response'), 'headers')
  const region = property(headers, 'x-amz-bucket-region') ?? property(error, 'Region')
  return {
    code: typeof code === 'string' ? code : name,
    message,
    status: typeof status === 'number' ? status : undefined,
    region: typeof region === 'string' ? region : undefined,
    retryAfter: parseRetryAfter(property(headers, 'retry-after'), property(headers, 'date')),
    altered: error instanceof TransferError && error.kind === 'altered',
  }
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}

/** Seconds, or a date by the clock of whoever sent it. */
export function parseRetryAfter(value: unknown, date: unknown): number | undefined {
  if (typeof value !== 'string') return undefined
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000
  const wait = Date.parse(value) - (Date.parse(String(date)) || Date.now())
  return wait >= 0 ? wait : undefined
}

const THROTTLED = /^(?:SlowDown|Throttl.*|TooManyRequests.*|RequestLimitExceeded|BandwidthLimitExceeded|ServiceUnavailable)$/
const REPEATABLE = /^(?:InternalError|RequestTimeout|OperationAborted)$/
/** Node's codes for broken connections; those of TLS and of wrong use begin with ERR_ or name a certificate. */
const BROKEN = /^(?:E(?!RR_)[A-Z_]+|HPE_.*|ERR_STREAM_PREMATURE_CLOSE|TransferError)$/
/** Whoever asks is not known: no request of this run will be answered. */
const CREDENTIALS =
  /^(?:.*ProviderError|InvalidAccessKeyId|SignatureDoesNotMatch|ExpiredToken.*|InvalidToken|TokenRefreshRequired|InvalidClientTokenId|UnrecognizedClientException|NotSignedUp)$/

/** Whether it is about who asks, and not about what is asked for. */
export function isCredentialsFailure({ code }: Failure): boolean {
  return CREDENTIALS.test(code)
}

/** Whether other credentials of the same provider may do. */
export function isExpired({ code }: Failure): boolean {
  return /^(?:ExpiredToken.*|TokenRefreshRequired)$/.test(code)
}

/** Whether a request signed by a better clock may do. */
export function isSkewed({ code }: Failure): boolean {
  return code === 'RequestTimeTooSkewed'
}

export function isThrottled({ code, status }: Failure): boolean {
  return THROTTLED.test(code) || status === 429 || status === 503
}

/** Whether the same request may be answered otherwise. */
export function isWorthRepeating(failure: Failure, attempt: number): boolean {
  const { code, status, altered } = failure
  if (altered) return attempt < ALTERED_ATTEMPTS
  if (isThrottled(failure) || REPEATABLE.test(code)) return true
  if (status === undefined) return BROKEN.test(code)
  // A success that could not be read was damaged on its way.
  return status < 300 || status === 408 || (status >= 500 && status !== 501)
}

/** Why something could not be looked at. */
export function reasonOf(failure: Failure): UnreadableReason {
  const { code, message, status } = failure
  if (failure.altered || status === 412 || status === 416) return 'altered-in-transfer'
  if (code === 'NoSuchBucket') return 'no-such-bucket'
  if (code === 'InvalidObjectState') return 'archived'
  if (/^KMS\./.test(code) || (isRefusal(status) && /\bkms:[A-Z]|\bKMS\b|customer master key/.test(message))) return 'kms'
  if (isThrottled(failure)) return 'throttled'
  if (status === 401 || status === 403 || code === 'AccessDenied' || isCredentialsFailure(failure)) return 'access-denied'
  return code === 'KeyTooLongError' ? 'unsafe-name' : 'network'
}

function isRefusal(status: number | undefined): boolean {
  return status !== undefined && status >= 400 && status < 500
}

/** Names that say nothing; their messages do. */
const MESSAGE_SAYS_MORE = /^(?:Error|TransferError|.*ProviderError)$/

/** Fit for a report: equal runs say equal words, so no message of a connection, which may name ports. */
export function describeFailure({ code, message, status }: Failure): string {
  const line = message.split('\n', 1)[0]?.slice(0, 300) ?? ''
  if (status === undefined) return MESSAGE_SAYS_MORE.test(code) ? line : code
  return line === '' || line === code || line === 'UnknownError' ? `${code} (HTTP ${status})` : `${code}: ${line}`
}
