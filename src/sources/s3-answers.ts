/** What a request to S3 that failed says of the object that it was about. */
import { describeFailure, isCredentialsFailure, parseFailure, reasonOf } from '../aws/failure.js'
import { credentialsError } from '../aws/s3-store.js'
import type { NoSuchObject, UnreadableObject } from './source.js'

/** Throws where the signal was aborted, and where it is about who asks. */
export function answerTo(error: unknown, signal: AbortSignal | undefined): NoSuchObject | UnreadableObject {
  signal?.throwIfAborted()
  const failure = parseFailure(error)
  if (failure.code === 'NoSuchKey' && failure.status === 404) return { kind: 'missing' }
  // Once a bucket has answered, a signature that does not match is about one key's spelling.
  if (isCredentialsFailure(failure) && failure.code !== 'SignatureDoesNotMatch') throw credentialsError(failure, error)
  return { kind: 'unreadable', reason: reasonOf(failure), detail: describeFailure(failure) }
}
