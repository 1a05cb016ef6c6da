/** A bucket on AWS S3 or on any S3-compatible store. The AWS SDK is loaded when a source is opened, not before. */
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type {
  GetObjectCommandInput,
  GetObjectCommandOutput,
  ListObjectsV2CommandInput,
  ListObjectsV2CommandOutput,
  S3Client,
  S3ClientConfig,
} from '@aws-sdk/client-s3'
import pLimit, { type LimitFunction } from 'p-limit'
import { checkEndpointUrl, invalidOption, sendOptions, withSdkEnvironment } from '../aws/environment.js'
import {
  describeFailure,
  type Failure,
  isCredentialsFailure,
  isWorthRepeating,
  parseFailure,
  reasonOf,
  TIMED_OUT,
  TransferError,
} from '../aws/failure.js'
import { isRegion } from '../core/object-key.js'
import { VerifyTrailError } from '../errors.js'
import {
  BodyError,
  type FolderListing,
  type ListedObject,
  type ListOptions,
  type NoSuchObject,
  type ReadAnswer,
  type ReadObject,
  type ReadOptions,
  type Source,
  type UnlistedPart,
  type UnreadableObject,
} from './source.js'

type Sdk = typeof import('@aws-sdk/client-s3')

export interface S3SourceOptions {
  /**
   * URL of an S3-compatible store. Buckets are then addressed in the path.
   * @default as the SDK has it: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, or the profile's `endpoint_url`
   */
  readonly endpointUrl?: string
  /** @default as the SDK has it: AWS_PROFILE, or `default` */
  readonly profile?: string
  /**
   * Where to ask first; the bucket's own region is found.
   * @default as the SDK has it, else us-east-1
   */
  readonly region?: string
  /** Requests at a time. @default 64 */
  readonly concurrency?: number
  /** How often a request is sent that meets throttling, a server error or a broken connection. @default 8 */
  readonly maxAttempts?: number
  /** Upper limit in ms of the first pause between attempts; it doubles each time. Pauses are random up to it. @default 200 */
  readonly retryDelay?: number
  /** How long in ms a connection may take. @default 10000 */
  readonly connectTimeout?: number
  /** How long in ms an answer, or 16 KiB of a body, may take. @default 30000 */
  readonly idleTimeout?: number
  /** Pay for requests to a requester-pays bucket. @default false */
  readonly requestPayer?: boolean
  readonly signal?: AbortSignal
}

const DEFAULTS = {
  concurrency: 64,
  maxAttempts: 8,
  retryDelay: 200,
  connectTimeout: 10_000,
  idleTimeout: 30_000,
  requestPayer: false,
}

type Settings = Readonly<typeof DEFAULTS>

/** Larger objects are handed out in chunks, so that memory stays flat. */
const WHOLE_OBJECT_LIMIT = 1024 * 1024
/** A body that brings less than this in `idleTimeout` has stalled: a trickle is no progress. */
const LEAST_PROGRESS = 16 * 1024
/** Which of several timers rang first is chance. */
const LONGEST_PAUSE = 20_000
/** A store that cannot be reached at all is said sooner than one that fails now and then. */
const OPENING_ATTEMPTS = 3
const MOST_REGION_CHANGES = 3
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
  const store = await openStore(url, options)
  const source = new S3Source(store, bucket, url, prefix)
  try {
    await source.checkBucket(options.signal)
    return source
  } catch (error) {
    store.close()
    throw error
  }
}

/** One bucket. Where it is another than the one that was opened, nothing is known about it until it is asked. */
class S3Source implements Source {
  readonly name: string
  readonly kind = 'store'
  readonly bucket: string
  readonly prefix: string
  readonly #store: Store
  #region: string
  #regionChanges = 0

  constructor(store: Store, bucket: string, name: string, prefix: string) {
    this.name = name
    this.bucket = bucket
    this.prefix = prefix
    this.#store = store
    this.#region = store.region
  }

  /** Whether there is such a bucket, and a way to it. */
  async checkBucket(signal: AbortSignal | undefined): Promise<void> {
    const attempts = Math.min(OPENING_ATTEMPTS, this.#store.settings.maxAttempts)
    try {
      await this.#list({ Prefix: this.prefix, MaxKeys: 1 }, signal, attempts)
    } catch (error) {
      signal?.throwIfAborted()
      const problem = openingProblem(parseFailure(error), this.name, error)
      if (problem !== undefined) throw problem
    }
  }

  async folders(prefix: string, { signal }: ListOptions = {}): Promise<FolderListing | UnreadableObject> {
    const folders: string[] = []
    const objects: (ListedObject | UnlistedPart)[] = []
    try {
      for await (const page of this.#pages({ Prefix: prefix, Delimiter: '/' }, signal)) {
        for (const object of listedOn(page)) objects.push(object)
        for (const common of page.CommonPrefixes ?? []) {
          const folder = decodeKey(common.Prefix ?? '', page)
          if (typeof folder === 'string') folders.push(folder)
          else objects.push(folder)
        }
      }
      return { folders, objects }
    } catch (error) {
      return answerToListing(error, signal)
    }
  }

  async *list(prefix: string, { signal }: ListOptions = {}): AsyncGenerator<ListedObject | UnlistedPart> {
    try {
      for await (const page of this.#pages({ Prefix: prefix }, signal)) yield* listedOn(page)
    } catch (error) {
      yield { ...answerToListing(error, signal), key: prefix }
    }
  }

  async read(key: string, { size, signal }: ReadOptions = {}): Promise<ReadAnswer> {
    if (key === '' || /\p{Surrogate}/u.test(key)) return { kind: 'unreadable', reason: 'unsafe-name' }
    try {
      return await this.#attempt((client) => this.#readOnce(client, key, size, signal), signal)
    } catch (error) {
      return answerTo(error, signal)
    }
  }

  otherBucket(bucket: string): Source | undefined {
    return BUCKET.test(bucket) ? new S3Source(this.#store, bucket, `s3://${bucket}`, '') : undefined
  }

  /** Closes what all buckets of the store share. */
  async close(): Promise<void> {
    this.#store.close()
  }

  async #readOnce(client: S3Client, key: string, size: number | undefined, signal: AbortSignal | undefined): Promise<ReadObject> {
    const response = await this.#get(client, { Key: key }, signal)
    const stream = bodyOf(response)
    const length = response.ContentLength ?? size
    if (size !== undefined && length !== size) {
      stream.destroy()
      throw new TransferError('altered', `listed with ${size} bytes, sent with ${length}`)
    }
    const metadata = { ...response.Metadata }
    if (length === undefined || length > WHOLE_OBJECT_LIMIT) {
      return { kind: 'object', body: this.#chunks(stream, { key, length, etag: response.ETag, signal }), metadata }
    }
    return { kind: 'object', body: await collect(stream, length, this.#store.settings.idleTimeout), metadata }
  }

  /** Goes on where the body broke off, as long as the object is the same and each part brings some progress. */
  async *#chunks(first: Readable, object: LargeObject): AsyncGenerator<Uint8Array> {
    const { maxAttempts, idleTimeout } = this.#store.settings
    let stream = first
    let offset = 0
    let tried = { from: 0, times: 1 }
    for (;;) {
      try {
        for await (const chunk of paced(stream, idleTimeout)) {
          offset += chunk.length
          yield chunk
        }
        if (object.length === undefined || offset === object.length) return
        throw new TransferError(offset < object.length ? 'cut' : 'altered', `${offset} of ${object.length} bytes came`)
      } catch (error) {
        tried = offset - tried.from >= LEAST_PROGRESS ? { from: offset, times: 1 } : { ...tried, times: tried.times + 1 }
        if (tried.times > maxAttempts || object.etag === undefined || parseFailure(error).altered)
          throw bodyError(error, object.signal)
        await this.#store.pause(tried.times - 1, object.signal)
        stream = await this.#resume(object, offset)
      }
    }
  }

  async #resume({ key, etag, signal }: LargeObject, offset: number): Promise<Readable> {
    const input = { Key: key, Range: `bytes=${offset}-`, ...(etag !== undefined && { IfMatch: etag }) }
    try {
      const response = await this.#attempt((client) => this.#get(client, input, signal), signal)
      const stream = bodyOf(response)
      if (response.ContentRange?.startsWith(`bytes ${offset}-`)) return stream
      stream.destroy()
      throw new TransferError('cut', 'the store does not go on where a body broke off')
    } catch (error) {
      throw bodyError(error, signal)
    }
  }

  #get(
    client: S3Client,
    input: Omit<GetObjectCommandInput, 'Bucket'>,
    signal: AbortSignal | undefined,
  ): Promise<GetObjectCommandOutput> {
    const { sdk, payer } = this.#store
    return client.send(new sdk.GetObjectCommand({ Bucket: this.bucket, ...payer, ...input }), sendOptions(signal))
  }

  async *#pages(query: ListQuery, signal: AbortSignal | undefined): AsyncGenerator<ListObjectsV2CommandOutput> {
    let token: string | undefined
    do {
      const page = await this.#list({ ...query, ...(token !== undefined && { ContinuationToken: token }) }, signal)
      yield page
      const next = page.IsTruncated ? page.NextContinuationToken : undefined
      if (page.IsTruncated && (next === undefined || next === token)) throw new TransferError('cut', 'the listing does not go on')
      token = next
    } while (token !== undefined)
  }

  /** One page. XML cannot say every key (control characters, for one): keys come URL-encoded. */
  #list(query: ListQuery, signal: AbortSignal | undefined, attempts?: number): Promise<ListObjectsV2CommandOutput> {
    const { sdk, payer } = this.#store
    const input = { Bucket: this.bucket, EncodingType: 'url' as const, ...payer, ...query }
    return this.#attempt((client) => client.send(new sdk.ListObjectsV2Command(input), sendOptions(signal)), signal, attempts)
  }

  /** Runs a request, again where that may help, in the bucket's own region once an answer has named it. */
  async #attempt<T>(
    run: (client: S3Client) => Promise<T>,
    signal: AbortSignal | undefined,
    attempts: number = this.#store.settings.maxAttempts,
  ): Promise<T> {
    for (let attempt = 1; ; ) {
      signal?.throwIfAborted()
      const region = this.#region
      try {
        return await this.#store.limit(() => run(this.#store.client(region)))
      } catch (error) {
        signal?.throwIfAborted()
        const failure = parseFailure(error)
        if (this.#followRegion(failure, region)) continue
        if (attempt >= attempts || !isWorthRepeating(failure, attempt)) throw error
        await this.#store.pause(attempt++, signal)
      }
    }
  }

  #followRegion({ region }: Failure, asked: string): boolean {
    if (region === undefined || region === asked || !isRegion(region)) return false
    // Another request may have found it meanwhile.
    if (region === this.#region) return true
    if (++this.#regionChanges > MOST_REGION_CHANGES) return false
    this.#region = region
    return true
  }
}

type ListQuery = Pick<ListObjectsV2CommandInput, 'Prefix' | 'Delimiter' | 'ContinuationToken' | 'MaxKeys'>

interface LargeObject {
  readonly key: string
  readonly length: number | undefined
  readonly etag: string | undefined
  readonly signal: AbortSignal | undefined
}

/** What all buckets of one store share. */
class Store {
  readonly sdk: Sdk
  readonly settings: Settings
  /** Where nothing else is known. */
  readonly region: string
  readonly limit: LimitFunction
  readonly payer: Pick<GetObjectCommandInput, 'RequestPayer'>
  readonly #config: S3ClientConfig
  readonly #clients = new Map<string, S3Client>()

  constructor(sdk: Sdk, settings: Settings, region: string, config: S3ClientConfig) {
    this.sdk = sdk
    this.settings = settings
    this.region = region
    this.limit = pLimit(settings.concurrency)
    this.payer = settings.requestPayer ? { RequestPayer: 'requester' } : {}
    this.#config = config
  }

  client(region: string): S3Client {
    const known = this.#clients.get(region)
    if (known !== undefined) return known
    const client = new this.sdk.S3Client({ ...this.#config, region })
    this.#clients.set(region, client)
    return client
  }

  /** Exponential with full jitter, so that requests that failed together do not come back together. */
  async pause(attempt: number, signal: AbortSignal | undefined): Promise<void> {
    const longest = Math.min(LONGEST_PAUSE, this.settings.retryDelay * 2 ** (attempt - 1))
    try {
      await sleep(Math.random() * longest, undefined, signal === undefined ? {} : { signal })
    } catch (error) {
      signal?.throwIfAborted()
      throw error
    }
  }

  close(): void {
    for (const client of this.#clients.values()) client.destroy()
    this.#clients.clear()
  }
}

function openStore(name: string, options: S3SourceOptions): Promise<Store> {
  const settings = resolveSettings(options)
  const { endpointUrl, profile } = options
  checkEndpointUrl(endpointUrl)
  return withSdkEnvironment(profile, async () => {
    const sdk = await import('@aws-sdk/client-s3')
    const probe = new sdk.S3Client({ ...(profile && { profile }) })
    try {
      const region = options.region || (await probe.config.region().catch(() => '')) || 'us-east-1'
      const endpoint = endpointUrl ?? (await probe.config.serviceConfiguredEndpoint?.())
      const { credentials } = probe.config
      await credentials()
      return new Store(sdk, settings, region, clientConfig(settings, { credentials, ...(endpoint && { endpoint }) }))
    } catch (error) {
      const failure = parseFailure(error)
      throw isCredentialsFailure(failure) ? credentialsError(failure, error) : cannotOpen(name, failure.message, error)
    } finally {
      probe.destroy()
    }
  })
}

function clientConfig(settings: Settings, given: Pick<S3ClientConfig, 'credentials' | 'endpoint'>): S3ClientConfig {
  // No limit on sockets: the store's own limit counts requests, and the SDK's would count waiting as connecting.
  const agent = { keepAlive: true, maxSockets: Number.POSITIVE_INFINITY }
  return {
    ...given,
    forcePathStyle: given.endpoint !== undefined,
    // Attempts are counted here, because a body that breaks off is one of them.
    maxAttempts: 1,
    cacheMiddleware: true,
    // Other stores know no such checksums; what bytes must be is for the digest to say.
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: {
      connectionTimeout: settings.connectTimeout,
      requestTimeout: settings.idleTimeout,
      throwOnRequestTimeout: true,
      socketTimeout: settings.idleTimeout,
      httpAgent: agent,
      httpsAgent: agent,
    },
  }
}

function resolveSettings(options: S3SourceOptions): Settings {
  const settings = { ...DEFAULTS }
  for (const name of ['concurrency', 'maxAttempts', 'retryDelay', 'connectTimeout', 'idleTimeout'] as const) {
    const value = options[name] ?? DEFAULTS[name]
    if (!Number.isSafeInteger(value) || value < 1) throw invalidOption(name, value, 'an integer from 1')
    settings[name] = value
  }
  settings.requestPayer = options.requestPayer ?? DEFAULTS.requestPayer
  return Object.freeze(settings)
}

function* listedOn(page: ListObjectsV2CommandOutput): Generator<ListedObject | UnlistedPart> {
  for (const { Key = '', Size = 0 } of page.Contents ?? []) {
    const key = decodeKey(Key, page)
    yield typeof key === 'string' ? { kind: 'object', key, size: Size } : key
  }
}

/** S3 writes a space as `+`. What is no UTF-8 cannot be asked for by name. */
function decodeKey(text: string, page: ListObjectsV2CommandOutput): string | UnlistedPart {
  if (page.EncodingType !== 'url') return text
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return { kind: 'unreadable', key: text, reason: 'unsafe-name', detail: 'not UTF-8' }
  }
}

function bodyOf(response: GetObjectCommandOutput): Readable {
  if (!(response.Body instanceof Readable)) throw new TransferError('cut', 'the answer has no body')
  // A body that nobody reads may break off all the same.
  return response.Body.once('error', () => undefined)
}

async function collect(stream: Readable, length: number, idleTimeout: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let found = 0
  for await (const chunk of paced(stream, idleTimeout)) {
    chunks.push(chunk)
    found += chunk.length
  }
  if (found !== length) throw new TransferError(found < length ? 'cut' : 'altered', `${found} of ${length} bytes came`)
  const [only] = chunks
  return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, length)
}

/** The chunks of a body, which is broken off when it stalls. Only the time spent waiting for the store counts. */
async function* paced(stream: Readable, idleTimeout: number): AsyncGenerator<Uint8Array> {
  let received = 0
  let quarters = 0
  let readerIsBusy = false
  const timer = setInterval(() => {
    if (readerIsBusy || ++quarters < 4) return
    if (received < LEAST_PROGRESS) stream.destroy(Object.assign(new Error('the body stalled'), { code: TIMED_OUT }))
    received = 0
    quarters = 0
  }, idleTimeout / 4)
  try {
    for await (const chunk of stream) {
      received += chunk.length
      readerIsBusy = true
      yield chunk
      readerIsBusy = false
    }
  } finally {
    clearInterval(timer)
  }
}

function answerTo(error: unknown, signal: AbortSignal | undefined): NoSuchObject | UnreadableObject {
  signal?.throwIfAborted()
  const failure = parseFailure(error)
  if (failure.code === 'NoSuchKey' && failure.status === 404) return { kind: 'missing' }
  // Once a bucket has answered, a signature that does not match is about one key's spelling.
  if (isCredentialsFailure(failure) && failure.code !== 'SignatureDoesNotMatch') throw credentialsError(failure, error)
  return { kind: 'unreadable', reason: reasonOf(failure), detail: describeFailure(failure) }
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

function cannotOpen(name: string, why: string, cause: unknown): VerifyTrailError {
  return new VerifyTrailError('ERR_SOURCE', `cannot open ${JSON.stringify(name)}: ${why}`, { cause })
}

function credentialsError({ code, message }: Failure, cause: unknown): VerifyTrailError {
  const advice = 'give AWS credentials by the environment, a profile or a role'
  return new VerifyTrailError('ERR_CREDENTIALS', `AWS credentials are missing or refused: ${message || code} (${advice})`, {
    cause,
  })
}
