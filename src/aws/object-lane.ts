/** The ways by which a bucket is asked. */
import type { ListPage, ListQuery } from './listing.js'
export interface ObjectRequest {
  readonly key: string
  /** Where to go on: the first byte that is wanted. */
  readonly from?: number
  /** With `from`: of what object. */
  readonly etag?: string | undefined
}

/** Bytes as they come; watched, so that what stalls is broken off. To be read once, in one of two ways, or destroyed. */
export interface ObjectBody extends AsyncIterable<Uint8Array> {
  /** All of it. Rejects where more or less than `length` bytes come. */
  whole(length: number): Promise<Uint8Array>
  /** Gives up whatever is still to come. */
  destroy(error: Error): void
}

/** The head of an answer that gives an object, and its body. */
export interface ObjectAnswer {
  readonly body: ObjectBody
  /** Bytes of the body, where that is told. */
  readonly length: number | undefined
  /** `Content-Range`: the body is a part of the object. */
  readonly range: string | undefined
  readonly etag: string | undefined
  /** When it was last modified, in ms. */
  readonly modified: number | undefined
  /** User metadata, without `x-amz-meta-`. */
  readonly metadata: Readonly<Record<string, string>>
}

/** To one bucket in one region. One request, sent once: whether to repeat it is for others to say. */
export interface ObjectLane {
  /** Rejects with what `parseFailure` reads. The body is as it was stored, and may break off. */
  get(request: ObjectRequest, signal: AbortSignal | undefined): Promise<ObjectAnswer>
  /** One page of a listing. Rejects likewise. */
  list(query: ListQuery, signal: AbortSignal | undefined): Promise<ListPage>
}
