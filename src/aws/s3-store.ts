/** What all buckets of one S3 store share: clients, credentials, connections, and how many requests run at a time. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3'
import { publishRetry } from '../channels.js'
import { VerifyTrailError } from '../errors.js'
import { AdaptiveLimit } from './adaptive-limit.js'
import { pauseLength } from './backoff.js'
import { Credentials } from './credentials.js'
import { checkEndpointUrl, invalidOption, loadSdk, withQuietSdk, withSdkEnvironment } from './environment.js'
import { type Failure, isCredentialsFailure, isExpired, isSkewed, isThrottled, parseFailure } from './failure.js'
import { HttpClient } from './http-client.js'
import type { ObjectLane } from './object-lane.js'
import { type PlainEnvironment, plainEnvironment } from './plain-environment.js'
import { plainRequests } from './plain-requests.js'
import { type BucketInput, SdkLane } from './sdk-lane.js'
import { type BucketRequests, bucketRequests } from './sdk-request.js'
import type { Identity } from './signature-v4.js'
import { Clock, SignedLane } from './signed-lane.js'
import { StallWatch } from './stall-watch.js'

type Sdk = typeof import('@aws-sdk/client-s3')

export interface S3StoreOptions {
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
  /** Requests at a time, at most: fewer while the store throttles. @default 128 */
  readonly concurrency?: number
  /** How often a request is sent that meets throttling, a server error or a broken connection. @default 8 */
  readonly maxAttempts?: number
  /**
   * Upper limit in ms of the first pause between attempts; it doubles each time. Pauses are random up to it, and at least
   * what the store asks for in `Retry-After`, up to 20 s.
   * @default 200
   */
  readonly retryDelay?: number
  /** How long in ms a connection may take. @default 10000 */
  readonly connectTimeout?: number
  /** How long in ms an answer, or 16 KiB of a body, may take. @default 30000 */
  readonly idleTimeout?: number
  /** Pay for requests to a requester-pays bucket. @default false */
  readonly requestPayer?: boolean
  /**
   * How objects are read. `sdk`: by the AWS SDK's client. `fast`: by requests that are signed here, at a fraction of its
   * cost, in which case a source opens only where these are what the SDK would send. Neither heeds HTTPS_PROXY or its kin.
   * @default `fast` for each bucket where it can be, else `sdk`
   */
  readonly lane?: 'fast' | 'sdk'
}

const DEFAULTS = {
  concurrency: 128,
  maxAttempts: 8,
  retryDelay: 200,
  connectTimeout: 10_000,
  idleTimeout: 30_000,
  requestPayer: false,
}

/** Requests are counted elsewhere, and waiting for a socket would count as connecting. */
const SOCKETS = { keepAlive: true, maxSockets: Number.POSITIVE_INFINITY }

export type S3Settings = Readonly<typeof DEFAULTS> & Pick<S3StoreOptions, 'lane'>

export class S3Store {
  readonly settings: S3Settings
  /** Where nothing else is known. */
  readonly region: string
  readonly limit: AdaptiveLimit
  readonly watch: StallWatch
  readonly payer: { readonly RequestPayer?: 'requester' }
  readonly #plain: PlainEnvironment | undefined
  readonly #config: S3ClientConfig
  readonly #credentials: Credentials
  readonly #http: HttpClient
  readonly #clock = new Clock()
  readonly #clients = new Map<string, S3Client>()

  /**
   * @param given of the configuration, what the user gave
   * @param plain where the SDK was not needed to find out what it says
   */
  constructor(
    settings: S3Settings,
    region: string,
    credentials: Credentials,
    given: Pick<S3ClientConfig, 'endpoint' | 'profile'>,
    plain?: PlainEnvironment,
  ) {
    this.#plain = plain
    this.settings = settings
    this.region = region
    this.limit = new AdaptiveLimit(settings.concurrency, (error) => isThrottled(parseFailure(error)))
    this.watch = new StallWatch(settings.idleTimeout)
    this.payer = settings.requestPayer ? { RequestPayer: 'requester' } : {}
    this.#credentials = credentials
    this.#http = new HttpClient(settings.connectTimeout, this.watch)
    this.#config = this.#clientConfig(given)
  }

  /** Who asks, as far as it is known. */
  get identity(): Identity | undefined {
    return this.#credentials.last
  }

  /** Loaded at the first need. */
  get sdk(): Sdk {
    return loadS3Sdk()
  }

  client(region: string): S3Client {
    const known = this.#clients.get(region)
    if (known !== undefined) return known
    const client = new this.sdk.S3Client({ ...this.#config, region })
    this.#clients.set(region, client)
    return client
  }

  async objectLane(bucket: string, region: string): Promise<ObjectLane> {
    const input = { Bucket: bucket, ...this.payer }
    const sdkLane = (): ObjectLane => new SdkLane(this.sdk, this.client(region), input, this.watch)
    if (this.settings.lane === 'sdk') return sdkLane()
    const requests = this.#plainRequests(bucket, region) ?? (await this.#sdkRequests(region, input))
    if (requests === undefined) return sdkLane()
    return new SignedLane(requests, { http: this.#http, credentials: this.#credentials, clock: this.#clock }, sdkLane)
  }

  #plainRequests(bucket: string, region: string): BucketRequests | undefined {
    if (this.#plain === undefined) return undefined
    return plainRequests(bucket, region, this.#plain.endpoint, this.settings.requestPayer)
  }

  async #sdkRequests(region: string, input: BucketInput): Promise<BucketRequests | undefined> {
    const identity = await this.#credentials.get()
    return bucketRequests(this.sdk, { ...this.#config, region }, input, identity)
  }

  /** Whether the cause of a failure is gone, so that the same request will do now. */
  async recover(failure: Failure, used: Identity | undefined): Promise<boolean> {
    // Whoever signed has set its clock by the answer.
    return isSkewed(failure) || (isExpired(failure) && (await this.#credentials.refresh(used)))
  }

  /** Until a request to the bucket is sent again. */
  async pause(bucket: string, attempt: number, failure: Failure, signal: AbortSignal | undefined): Promise<void> {
    const { code, status = null, retryAfter } = failure
    const length = pauseLength(attempt, this.settings.retryDelay, retryAfter)
    publishRetry({ bucket, attempt, code, status, pause: length })
    try {
      await sleep(length, undefined, signal === undefined ? {} : { signal })
    } catch (error) {
      signal?.throwIfAborted()
      throw error
    }
  }

  close(): void {
    for (const client of this.#clients.values()) client.destroy()
    this.#clients.clear()
    this.#http.close()
    this.watch.close()
  }

  #clientConfig(given: Pick<S3ClientConfig, 'endpoint' | 'profile'>): S3ClientConfig {
    const { connectTimeout, idleTimeout } = this.settings
    return {
      ...given,
      credentials: this.#credentials.provider,
      forcePathStyle: given.endpoint !== undefined,
      // Attempts are counted elsewhere, because a body that breaks off is one of them.
      maxAttempts: 1,
      cacheMiddleware: true,
      // Other stores know no such checksums; what bytes must be is for the digest to say.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      requestHandler: {
        connectionTimeout: connectTimeout,
        requestTimeout: idleTimeout,
        throwOnRequestTimeout: true,
        socketTimeout: idleTimeout,
        httpAgent: SOCKETS,
        httpsAgent: SOCKETS,
      },
    }
  }
}

let loadedSdk: Sdk | undefined

function loadS3Sdk(): Sdk {
  loadedSdk ??= withQuietSdk(() => {
    const sdk: Sdk = loadSdk('@aws-sdk/client-s3')
    // It warns once, when a client is made.
    new sdk.S3Client({ region: 'us-east-1' }).destroy()
    return sdk
  })
  return loadedSdk
}

/**
 * Without the SDK, where there is nothing for it to find out: a store that refuses such requests is to be opened with it.
 * Undefined elsewhere, and where the user chose how objects are read.
 */
export function openPlainS3Store(options: S3StoreOptions): S3Store | undefined {
  const { profile, lane, endpointUrl, region } = options
  if (profile !== undefined || lane !== undefined) return undefined
  const settings = resolveSettings(options)
  checkEndpointUrl(endpointUrl)
  const look = () => plainEnvironment({ ...(endpointUrl && { endpointUrl }), ...(region && { region }) }, process.env)
  const plain = look()
  if (plain === undefined) return undefined
  const credentials = new Credentials(async () => look()?.identity ?? plain.identity)
  return new S3Store(settings, plain.region, credentials, plain.endpoint ? { endpoint: plain.endpoint } : {}, plain)
}

/** Rejects with `ERR_INVALID_OPTION`, with `ERR_CREDENTIALS` where there are none, or with `ERR_SOURCE`. */
export function openS3Store(name: string, options: S3StoreOptions): Promise<S3Store> {
  const settings = resolveSettings(options)
  const { endpointUrl, profile } = options
  checkEndpointUrl(endpointUrl)
  return withSdkEnvironment(profile, async () => {
    const sdk = loadS3Sdk()
    const probe = new sdk.S3Client({ ...(profile && { profile }) })
    try {
      const region = options.region || (await probe.config.region().catch(() => '')) || 'us-east-1'
      const endpoint = endpointUrl ?? (await probe.config.serviceConfiguredEndpoint?.())
      const credentials = new Credentials(probe.config.credentials)
      await credentials.get()
      const given = { ...(endpoint && { endpoint }), ...(profile && { profile }) }
      return new S3Store(settings, region, credentials, given)
    } catch (error) {
      const failure = parseFailure(error)
      throw isCredentialsFailure(failure) ? credentialsError(failure, error) : cannotOpen(name, failure.message, error)
    } finally {
      probe.destroy()
    }
  })
}

function resolveSettings(options: S3StoreOptions): S3Settings {
  const settings = { ...DEFAULTS }
  for (const name of ['concurrency', 'maxAttempts', 'retryDelay', 'connectTimeout', 'idleTimeout'] as const) {
    const value = options[name] ?? DEFAULTS[name]
    if (!Number.isSafeInteger(value) || value < 1) throw invalidOption(name, value, 'an integer from 1')
    settings[name] = value
  }
  settings.requestPayer = options.requestPayer ?? DEFAULTS.requestPayer
  const { lane } = options
  if (lane !== undefined && lane !== 'fast' && lane !== 'sdk') throw invalidOption('lane', lane, '`fast` or `sdk`')
  return Object.freeze({ ...settings, ...(lane !== undefined && { lane }) })
}

/** An `ERR_SOURCE`. */
export function cannotOpen(name: string, why: string, cause: unknown): VerifyTrailError {
  return new VerifyTrailError('ERR_SOURCE', `cannot open ${JSON.stringify(name)}: ${why}`, { cause })
}

/** An `ERR_CREDENTIALS`. */
export function credentialsError({ code, message }: Failure, cause: unknown): VerifyTrailError {
  const advice = 'give AWS credentials by the environment, a profile or a role'
  const text = `AWS credentials are missing or refused: ${message || code} (${advice})`
  return new VerifyTrailError('ERR_CREDENTIALS', text, { cause })
}
