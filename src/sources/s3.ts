/** A bucket on AWS S3 or on any S3-compatible store. The AWS SDK is loaded when a source is opened, not before. */
import { invalidOption } from '../aws/environment.js'
import {
  AnswerError,
  describeFailure,
  type Failure,
  isCredentialsFailure,
  isSkewed,
  parseFailure,
  reasonOf,
  TransferError,
} from '../aws/failure.js'
import type { ListPage } from '../aws/listing.js'
import type { ObjectAnswer, ObjectBody } from '../aws/object-lane.js'
import { S3Bucket } from '../aws/s3-bucket.js'
import {
  cannotOpen,
  credentialsError,
  openPlainS3Store,
  openS3Store,
  type S3Store,
  type S3StoreOptions,
} from '../aws/s3-store.js'
import { type LanePassport, SignedLane } from '../aws/signed-lane.js'
import { LEAST_PROGRESS } from '../aws/stall-watch.js'
import { compareKeys } from '../core/compare-keys.js'
import { VerifyTrailError } from '../errors.js'
import { answerTo } from './s3-answers.js'
import { refuse, takeObject } from './s3-object.js'
import { readerAddress, type ThereFailure } from './s3-reader.js'
import { S3Versions } from './s3-versions.js'
import {
  BodyError,
  type FolderListing,
  type ListedObject,
  type ListOptions,
  type ReadAnswer,
  ReadFailure,
  type ReadObject,
  type ReadOptions,
  type Source,
  type SourceAddress,
  type UnlistedPart,
  type UnreadableObject,
  type VersionHistory,
} from './source.js'

/** How a bucket is opened and asked. */
export interface S3SourceOptions extends S3StoreOptions {
  readonly signal?: AbortSignal
}

/** A store that cannot be reached at all is said sooner than one that fails now and then. */
const OPENING_ATTEMPTS = 3
/** For how long in ms what was listed at opening is good for whoever asks for the same. */
const OPENING_LASTS = 10_000
/** Wider than what AWS grants today: old buckets and other stores. No `/`, no ARN. */
const BUCKET = /^[A-Za-z0-9][A-Za-z0-9._-]{2,254}$/

/**
 * Opens `s3://bucket[/prefix]`. Throttled, failed and broken requests are repeated; what cannot be looked at in spite of that
 * is an answer with its reason, and `missing` is said only where S3 said NoSuchKey. Bytes arrive as stored. Rejects with
 * `ERR_SOURCE` where there is no such bucket or no way to it, with `ERR_CREDENTIALS` where credentials are missing or
 * refused, with `ERR_INVALID_OPTION` for options. A bucket that may not be listed opens: each listing then says so.
 */
export async function s3Source(url: string, options: S3SourceOptions = {}): Promise<Source> {
  const [, bucket = '', path = ''] = /^s3:\/\/([^/]*)(?:\/(.*))?$/s.exec(url) ?? []
  if (!BUCKET.test(bucket)) {
    throw new VerifyTrailError('ERR_SOURCE', `not a bucket: ${JSON.stringify(url)} (give s3://bucket or s3://bucket/prefix)`)
  }
  const prefix = path === '' || path.endsWith('/') ? path : `${path}/`
  const asked = { url, bucket, prefix, options }
  const plain = openPlainS3Store(options)
  const source = plain && (await openOn(plain, asked, REFUSALS))
  const opened = source ?? (await openOn(await openS3Store(url, options), asked))
  if (opened === undefined) throw cannotOpen(url, 'it was refused', undefined)
  return opened
}

interface Asked {
  readonly url: string
  readonly bucket: string
  readonly prefix: string
  readonly options: S3SourceOptions
}

/** What S3 says to requests of the wrong form, or of somebody else: of those that were made without the SDK it is not the last word. */
const REFUSALS: readonly number[] = [400, 401, 403]

/** Undefined where the store answers with one of these refusals. */
async function openOn(store: S3Store, asked: Asked, refusals: readonly number[] = []): Promise<Source | undefined> {
  const source = new S3Source(store, asked.bucket, asked.url, asked.prefix)
  let isOpen = false
  try {
    isOpen = await source.check(asked.options, refusals)
    return isOpen ? source : undefined
  } finally {
    if (!isOpen) store.close()
  }
}

class S3Source implements Source {
  readonly name: string
  readonly kind = 'store'
  readonly bucket: string
  readonly prefix: string
  readonly #store: S3Store
  readonly versions: VersionHistory
  readonly #bucket: S3Bucket
  #there: { readonly passport: LanePassport; readonly address: SourceAddress } | undefined
  #opening: { readonly prefix: string; readonly page: ListPage; readonly until: number } | undefined

  constructor(store: S3Store, bucket: string, name: string, prefix: string) {
    this.name = name
    this.bucket = bucket
    this.prefix = prefix
    this.#store = store
    this.#bucket = new S3Bucket(store, bucket)
    this.versions = new S3Versions(this.#bucket)
  }

  /** Rejects where there is no such bucket, or no way to it: the way that was asked for. False for one of these refusals. */
  async check({ signal, lane }: S3SourceOptions, refusals: readonly number[]): Promise<boolean> {
    const attempts = Math.min(OPENING_ATTEMPTS, this.#store.settings.maxAttempts)
    try {
      const query = { prefix: this.prefix, delimiter: '/' }
      const page = await this.#bucket.list(query, signal, attempts)
      this.#opening = { prefix: this.prefix, page, until: Date.now() + OPENING_LASTS }
    } catch (error) {
      signal?.throwIfAborted()
      const failure = parseFailure(error)
      if (failure.status !== undefined && refusals.includes(failure.status)) return false
      const problem = openingProblem(failure, this.name, error)
      if (problem !== undefined) throw problem
    }
    if (lane !== 'fast' || (await this.#bucket.objectLane()) instanceof SignedLane) return true
    throw invalidOption('lane', lane, `\`sdk\` for ${JSON.stringify(this.name)}, to which only the SDK knows the way`)
  }

  async folders(prefix: string, { signal, passOver }: ListOptions = {}): Promise<FolderListing | UnreadableObject> {
    const folders: string[] = []
    const objects: (ListedObject | UnlistedPart)[] = []
    const [objectOrder, folderOrder] = [new ListingOrder(), new ListingOrder()]
    try {
      const query = { prefix, delimiter: '/' }
      for await (const page of this.#bucket.pages(query, signal, this.#takeOpening(prefix))) {
        for (const object of listedOn(page)) {
          if (object.kind === 'object') objectOrder.check(object.key)
          if (object.kind === 'unreadable' || passOver?.(object.key) !== true) objects.push(object)
        }
        for (const prefix of page.prefixes) {
          const folder = decodeKey(prefix, page)
          if (typeof folder === 'string') {
            folderOrder.check(folder)
            folders.push(folder)
          } else objects.push(folder)
        }
      }
      return { folders, objects }
    } catch (error) {
      return answerToListing(error, signal)
    }
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ListedObject | UnlistedPart> {
    for await (const page of this.pages(prefix, options)) yield* page
  }

  async *pages(prefix: string, { signal }: ListOptions = {}): AsyncGenerator<readonly (ListedObject | UnlistedPart)[]> {
    const order = new ListingOrder()
    try {
      for await (const page of this.#bucket.pages({ prefix }, signal)) {
        const entries = [...listedOn(page)]
        for (const entry of entries) if (entry.kind === 'object') order.check(entry.key)
        yield entries
      }
    } catch (error) {
      yield [{ ...answerToListing(error, signal), key: prefix }]
    }
  }

  async read(key: string, { size, signal }: ReadOptions = {}): Promise<ReadAnswer> {
    if (isUnsafe(key)) return { kind: 'unreadable', reason: 'unsafe-name' }
    try {
      return await this.#bucket.get({ key }, (answer) => this.#take(answer, key, size, signal), signal)
    } catch (error) {
      return answerTo(error, signal)
    }
  }

  /** The first try is another thread's where the lane is ours; what did not go well is asked for again here. */
  async readThere<T extends { readonly kind: string }>(
    key: string,
    { size, signal }: ReadOptions,
    there: (address: SourceAddress) => Promise<T>,
  ): Promise<{ readonly kind: 'done'; readonly result: T } | ReadAnswer> {
    if (isUnsafe(key)) return { kind: 'unreadable', reason: 'unsafe-name' }
    let isFirst = true
    let unheardOf: { readonly error: unknown } | undefined
    try {
      return await this.#bucket.withLane(async (lane) => {
        if (!isFirst || !(lane instanceof SignedLane)) return this.#take(await lane.get({ key }, signal), key, size, signal)
        isFirst = false
        const address = this.#addressOf(await lane.passport())
        try {
          return { kind: 'done' as const, result: await there(address) }
        } catch (error) {
          if (error instanceof ReadFailure) throw failureThere(error, lane)
          unheardOf = { error }
          throw error
        }
      }, signal)
    } catch (error) {
      if (unheardOf !== undefined) throw unheardOf.error
      return answerTo(error, signal)
    }
  }

  #addressOf(passport: LanePassport): SourceAddress {
    if (this.#there?.passport !== passport) {
      const { connectTimeout, idleTimeout } = this.#store.settings
      this.#there = { passport, address: readerAddress({ name: this.name, connectTimeout, idleTimeout }, passport) }
    }
    return this.#there.address
  }

  otherBucket(bucket: string): Source | undefined {
    return BUCKET.test(bucket) ? new S3Source(this.#store, bucket, `s3://${bucket}`, '') : undefined
  }

  /** The first page of a prefix, where opening has asked for it: good for once. */
  #takeOpening(prefix: string): ListPage | undefined {
    const opening = this.#opening
    this.#opening = undefined
    return opening?.prefix === prefix && Date.now() < opening.until ? opening.page : undefined
  }

  /** Closes what all buckets of the store share. */
  async close(): Promise<void> {
    this.#store.close()
  }

  #take(
    answer: ObjectAnswer,
    key: string,
    size: number | undefined,
    signal: AbortSignal | undefined,
  ): ReadObject | Promise<ReadObject> {
    return takeObject(answer, size, (body, length, etag) => this.#chunks(body, { key, length, etag, signal }))
  }

  /** Goes on where the body broke off, as long as the object is the same and each part brings some progress. */
  async *#chunks(first: ObjectBody, object: LargeObject): AsyncGenerator<Uint8Array> {
    const { settings } = this.#store
    let stream = first
    let offset = 0
    let tried = { from: 0, times: 1 }
    for (;;) {
      try {
        for await (const chunk of stream) {
          offset += chunk.length
          yield chunk
        }
        if (object.length === undefined || offset === object.length) return
        throw new TransferError(offset < object.length ? 'cut' : 'altered', `${offset} of ${object.length} bytes came`)
      } catch (error) {
        tried = offset - tried.from >= LEAST_PROGRESS ? { from: offset, times: 1 } : { ...tried, times: tried.times + 1 }
        const failure = parseFailure(error)
        if (tried.times > settings.maxAttempts || object.etag === undefined || failure.altered)
          throw bodyError(error, object.signal)
        await this.#store.pause(this.#bucket.name, tried.times - 1, failure, object.signal)
        stream = await this.#resume(object, offset)
      }
    }
  }

  async #resume({ key, etag, signal }: LargeObject, from: number): Promise<ObjectBody> {
    const takeRest = ({ body, range }: ObjectAnswer): ObjectBody => {
      if (range?.startsWith(`bytes ${from}-`)) return body
      throw refuse(body, new TransferError('cut', 'the store does not go on where a body broke off'))
    }
    try {
      return await this.#bucket.get({ key, from, etag }, takeRest, signal)
    } catch (error) {
      throw bodyError(error, signal)
    }
  }
}

/** What no request can be made for. */
function isUnsafe(key: string): boolean {
  return key === '' || /\p{Surrogate}/u.test(key)
}

/** A thread that read signed by a clock of its own. */
function failureThere(error: ReadFailure, lane: SignedLane): AnswerError {
  const { failure, clockOffset } = error.failure as ThereFailure
  if (isSkewed(failure)) lane.setClock(clockOffset)
  return new AnswerError(failure)
}

interface LargeObject {
  readonly key: string
  readonly length: number | undefined
  readonly etag: string | undefined
  readonly signal: AbortSignal | undefined
}

function* listedOn(page: ListPage): Generator<ListedObject | UnlistedPart> {
  for (const { key: name, ...told } of page.objects) {
    const key = decodeKey(name, page)
    yield typeof key === 'string' ? { kind: 'object', key, ...told } : key
  }
}

/** S3 writes a space as `+`. What is no UTF-8 cannot be asked for by name. */
function decodeKey(text: string, page: ListPage): string | UnlistedPart {
  if (!page.urlEncoded || !/[%+]/.test(text)) return text
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return { kind: 'unreadable', key: text, reason: 'unsafe-name', detail: 'not UTF-8' }
  }
}

/** S3 lists in byte order. What does not go on in it may never end, and what lies before was perhaps never listed. */
class ListingOrder {
  #last = ''

  check(key: string): void {
    if (this.#last !== '' && compareKeys(key, this.#last) <= 0) throw new TransferError('cut', 'the listing is out of order')
    this.#last = key
  }
}

function answerToListing(error: unknown, signal: AbortSignal | undefined): UnreadableObject {
  const answer = answerTo(error, signal)
  return answer.kind === 'unreadable' ? answer : { kind: 'unreadable', reason: 'network', detail: 'NoSuchKey' }
}

function bodyError(error: unknown, signal: AbortSignal | undefined): BodyError {
  if (error instanceof BodyError) return error
  const answer = answerTo(error, signal)
  if (answer.kind === 'unreadable') return new BodyError(answer.reason, answer.detail ?? answer.reason, { cause: error })
  return new BodyError('altered-in-transfer', 'it was deleted while it was read', { cause: error })
}

/** Why a source cannot be opened; undefined where it can: what may not be listed may perhaps be read. */
function openingProblem(failure: Failure, name: string, cause: unknown): VerifyTrailError | undefined {
  if (isCredentialsFailure(failure)) return credentialsError(failure, cause)
  if (failure.code === 'NoSuchBucket') return cannotOpen(name, 'there is no such bucket', cause)
  const reason = reasonOf(failure)
  if (reason === 'access-denied' || reason === 'throttled') return undefined
  return cannotOpen(name, describeFailure(failure), cause)
}
