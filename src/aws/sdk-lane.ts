/** Objects by the AWS SDK: for whatever it may be configured to do. */
import { Readable } from 'node:stream'
import type { GetObjectCommandInput, S3Client } from '@aws-sdk/client-s3'
import { sendOptions } from './environment.js'
import { TransferError } from './failure.js'
import type { ObjectAnswer, ObjectLane, ObjectRequest } from './object-lane.js'

type Sdk = typeof import('@aws-sdk/client-s3')

export class SdkLane implements ObjectLane {
  readonly #sdk: Sdk
  readonly #client: S3Client
  /** What is the same in all requests. */
  readonly #input: Omit<GetObjectCommandInput, 'Key'>

  constructor(sdk: Sdk, client: S3Client, input: Omit<GetObjectCommandInput, 'Key'>) {
    this.#sdk = sdk
    this.#client = client
    this.#input = input
  }

  async get({ key, from, etag }: ObjectRequest, signal: AbortSignal | undefined): Promise<ObjectAnswer> {
    const part = { ...(from !== undefined && { Range: `bytes=${from}-` }), ...(etag !== undefined && { IfMatch: etag }) }
    const command = new this.#sdk.GetObjectCommand({ ...this.#input, Key: key, ...part })
    const answer = await this.#client.send(command, sendOptions(signal))
    if (!(answer.Body instanceof Readable)) throw new TransferError('cut', 'the answer has no body')
    return {
      // A body that nobody reads may break off all the same.
      body: answer.Body.once('error', () => undefined),
      length: answer.ContentLength,
      range: answer.ContentRange,
      etag: answer.ETag,
      metadata: { ...answer.Metadata },
    }
  }
}
