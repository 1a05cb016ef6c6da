/** A bucket by the AWS SDK: for whatever it may be configured to do. */
import { Readable } from 'node:stream'
import type { GetObjectCommandInput, S3Client } from '@aws-sdk/client-s3'
import { collectBody } from './collect-body.js'
import { sendOptions } from './environment.js'
import { TransferError } from './failure.js'
import { type ListPage, type ListQuery, pageOf } from './listing.js'
import type { ObjectAnswer, ObjectBody, ObjectLane, ObjectRequest } from './object-lane.js'
import type { StallWatch } from './stall-watch.js'

type Sdk = typeof import('@aws-sdk/client-s3')

/** What is the same in all requests to a bucket. */
export type BucketInput = Pick<GetObjectCommandInput, 'Bucket' | 'RequestPayer'>

export class SdkLane implements ObjectLane {
  readonly #sdk: Sdk
  readonly #client: S3Client
  readonly #input: BucketInput
  readonly #watch: StallWatch

  constructor(sdk: Sdk, client: S3Client, input: BucketInput, watch: StallWatch) {
    this.#sdk = sdk
    this.#client = client
    this.#input = input
    this.#watch = watch
  }

  async get({ key, from, etag }: ObjectRequest, signal: AbortSignal | undefined): Promise<ObjectAnswer> {
    const part = { ...(from !== undefined && { Range: `bytes=${from}-` }), ...(etag !== undefined && { IfMatch: etag }) }
    const command = new this.#sdk.GetObjectCommand({ ...this.#input, Key: key, ...part })
    const answer = await this.#client.send(command, sendOptions(signal))
    if (!(answer.Body instanceof Readable)) throw new TransferError('cut', 'the answer has no body')
    return {
      body: new StreamBody(answer.Body, this.#watch),
      length: answer.ContentLength,
      range: answer.ContentRange,
      etag: answer.ETag,
      modified: answer.LastModified?.getTime(),
      metadata: { ...answer.Metadata },
    }
  }

  async list({ prefix, delimiter, token, maxKeys }: ListQuery, signal: AbortSignal | undefined): Promise<ListPage> {
    const query = {
      Prefix: prefix,
      ...(delimiter !== undefined && { Delimiter: delimiter }),
      ...(token !== undefined && { ContinuationToken: token }),
      ...(maxKeys !== undefined && { MaxKeys: maxKeys }),
    }
    const command = new this.#sdk.ListObjectsV2Command({ ...this.#input, EncodingType: 'url', ...query })
    const answer = await this.#client.send(command, sendOptions(signal))
    // The SDK reads nothing out of a page that is no listing, and calls that success.
    if (answer.IsTruncated === undefined) throw new TransferError('cut', 'the answer is no listing')
    return pageOf(answer)
  }
}

class StreamBody implements ObjectBody {
  readonly #stream: Readable
  readonly #watch: StallWatch

  constructor(stream: Readable, watch: StallWatch) {
    // A body that nobody reads may break off all the same.
    this.#stream = stream.once('error', () => undefined)
    this.#watch = watch
  }

  whole(length: number): Promise<Uint8Array> {
    return collectBody(this.#stream, length, this.#watch)
  }

  /** Only the time spent waiting for the store counts. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    const watched = this.#watch.start((error) => this.#stream.destroy(error))
    try {
      for await (const chunk of this.#stream) {
        watched.received += chunk.length
        watched.resting = true
        yield chunk
        watched.resting = false
      }
    } finally {
      this.#watch.end(watched)
    }
  }

  destroy(error: Error): void {
    this.#stream.destroy(error)
  }
}
