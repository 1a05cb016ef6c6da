/** An object as S3 answered with it. */
import { TransferError } from '../aws/failure.js'
import { objectIdentity } from '../aws/listing.js'
import type { ObjectAnswer, ObjectBody } from '../aws/object-lane.js'
import type { ReadObject } from './source.js'

/** Larger objects are handed out in chunks, so that memory stays flat. */
const WHOLE_OBJECT_LIMIT = 512 * 1024

/** Bytes of a body, where that is told. */
type Length = number | undefined

/** The object of an answer to a request for all of it. Throws, and rejects, with TransferError where it is not that. */
export function takeObject(
  { body, metadata, etag, modified, range, length: told }: ObjectAnswer,
  size: number | undefined,
  chunks: (body: ObjectBody, length: Length, etag: string | undefined) => AsyncIterable<Uint8Array>,
): ReadObject | Promise<ReadObject> {
  const length = told ?? size
  const identity = objectIdentity(etag, modified)
  const head = identity === undefined ? { metadata } : { metadata, identity }
  if (range !== undefined) throw refuse(body, new TransferError('cut', 'a part was sent, and all was asked for'))
  if (size !== undefined && length !== size) {
    throw refuse(body, new TransferError('altered', `listed with ${size} bytes, sent with ${length}`))
  }
  if (length === undefined || length > WHOLE_OBJECT_LIMIT) return { kind: 'object', body: chunks(body, length, etag), ...head }
  return body.whole(length).then((body) => ({ kind: 'object', body, ...head }))
}

/** Gives up a body that is not what was asked for. */
export function refuse(body: ObjectBody, error: TransferError): TransferError {
  body.destroy(error)
  return error
}
