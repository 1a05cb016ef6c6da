/** The ways by which an object of S3 is had. */
import type { Readable } from 'node:stream'

export interface ObjectRequest {
  readonly key: string
  /** Where to go on: the first byte that is wanted. */
  readonly from?: number
  /** With `from`: of what object. */
  readonly etag?: string | undefined
}

/** The head of an answer that gives an object, and its body. */
export interface ObjectAnswer {
  readonly body: Readable
  /** Bytes of the body, where that is told. */
  readonly length: number | undefined
  /** `Content-Range`: the body is a part of the object. */
  readonly range: string | undefined
  readonly etag: string | undefined
  /** User metadata, without `x-amz-meta-`. */
  readonly metadata: Readonly<Record<string, string>>
}

/** To one bucket in one region. One request, sent once: whether to repeat it is for others to say. */
export interface ObjectLane {
  /** Rejects with what `parseFailure` reads. The body is as it was stored, and may break off. */
  get(request: ObjectRequest, signal: AbortSignal | undefined): Promise<ObjectAnswer>
}
