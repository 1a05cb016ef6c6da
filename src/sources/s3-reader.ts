/** A bucket as a worker thread reads it: each object is asked for once, as the thread that gave the passport would have asked. */
import { type Failure, parseFailure, TransferError } from '../aws/failure.js'
import { HttpClient } from '../aws/http-client.js'
import type { ObjectBody } from '../aws/object-lane.js'
import { Signer } from '../aws/signature-v4.js'
import { Clock, type LanePassport, SignedLane } from '../aws/signed-lane.js'
import { StallWatch } from '../aws/stall-watch.js'
import { takeObject } from './s3-object.js'
import { ReadFailure, type Source, type SourceAddress } from './source.js'

/** What `ReadFailure` carries. */
export interface ThereFailure {
  readonly failure: Failure
  /** What the thread's clock is ahead by, now that the store has answered. */
  readonly clockOffset: number
}

export interface ReaderSettings {
  readonly name: string
  readonly connectTimeout: number
  readonly idleTimeout: number
}

export function readerAddress(settings: ReaderSettings, passport: LanePassport): SourceAddress {
  return { module: import.meta.url, name: 's3Reader', args: [settings, passport] }
}

/** One for all buckets that a thread reads: connections outlive credentials. */
let http: HttpClient | undefined

/** Opened by `readerAddress`. Its reads reject with `ReadFailure` unless an object came. */
export async function s3Reader(
  { name, connectTimeout, idleTimeout }: ReaderSettings,
  { requests, region, identity, clockOffset }: LanePassport,
): Promise<Pick<Source, 'name' | 'kind' | 'read' | 'close'>> {
  const clock = new Clock(clockOffset)
  http ??= new HttpClient(connectTimeout, new StallWatch(idleTimeout))
  const means = { http, credentials: { get: () => identity }, clock }
  const lane = new SignedLane({ ...requests, signer: new Signer(region, 's3') }, means, noOtherWay)
  const failed = (error: unknown): ReadFailure => {
    const answer: ThereFailure = { failure: parseFailure(error), clockOffset: clock.offset }
    return new ReadFailure(answer)
  }
  return {
    name,
    kind: 'store',
    async read(key, { size } = {}) {
      try {
        return await takeObject(await lane.get({ key }, undefined), size, (body, length) => chunks(body, length, failed))
      } catch (error) {
        throw failed(error)
      }
    },
    async close() {
      http?.close()
    },
  }
}

async function* chunks(
  body: ObjectBody,
  length: number | undefined,
  failed: (error: unknown) => ReadFailure,
): AsyncGenerator<Uint8Array, void, undefined> {
  let came = 0
  try {
    for await (const chunk of body) {
      came += chunk.length
      yield chunk
    }
    if (length !== undefined && came !== length) throw new TransferError('cut', `${came} of ${length} bytes came`)
  } catch (error) {
    throw failed(error)
  }
}

function noOtherWay(): never {
  throw new Error('a thread that reads lists nothing')
}
