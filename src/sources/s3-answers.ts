/** What a request to S3 that failed says of the object that it was about. */
import { describeFailure, parseFailure, reasonOf } from '../aws/failure.js'
import type { NoSuchObject, UnreadableObject } from './source.js'

/** Throws where the signal was aborted. Credentials that end while a run goes on take nothing from what was found before. */
export function answerTo(error: unknown, signal: AbortSignal | undefined): NoSuchObject | UnreadableObject {
  signal?.throwIfAborted()
  const failure = parseFailure(error)
  if (failure.code === 'NoSuchKey' && failure.status === 404) return { kind: 'missing' }
  return { kind: 'unreadable', reason: reasonOf(failure), detail: describeFailure(failure) }
}
