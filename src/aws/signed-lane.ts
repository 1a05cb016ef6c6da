/** A bucket by requests of our own making: the least that S3 needs, for many small objects. */
import type { IncomingHttpHeaders } from 'node:http'
import type { Credentials } from './credentials.js'
import { LONGEST_DOCUMENT, parseErrorDocument } from './error-document.js'
import { AnswerError, isSkewed, parseRetryAfter } from './failure.js'
import type { HttpAnswer, HttpClient } from './http-client.js'
import { type ListPage, type ListQuery, LONGEST_LISTING, listingQuery, parseListing } from './listing.js'
import type { ObjectAnswer, ObjectLane, ObjectRequest } from './object-lane.js'
import type { BucketRequests } from './sdk-request.js'
import { amzDate, encodeKey, type Identity, NO_PAYLOAD } from './signature-v4.js'
import { textOf } from './text-of.js'

/** What AWS's clock says, as far as it is known. */
export class Clock {
  #offset: number
  #second = Number.NaN
  #date = ''

  constructor(offset = 0) {
    this.#offset = offset
  }

  /** In ms: what it is ahead of ours. */
  get offset(): number {
    return this.#offset
  }

  set offset(offset: number) {
    this.#offset = offset
    this.#second = Number.NaN
  }

  /** Now, as `x-amz-date` has it. */
  date(): string {
    const now = Date.now() + this.#offset
    const second = Math.floor(now / 1000)
    if (second !== this.#second) {
      this.#second = second
      this.#date = amzDate(now)
    }
    return this.#date
  }

  setTo(date: string | undefined): void {
    const time = Date.parse(date ?? '')
    if (!Number.isNaN(time)) this.offset = time - Date.now()
  }
}

const CODE = /^[\w.-]{1,100}$/

/** What the lanes of a store have in common. */
export interface LaneMeans {
  readonly http: HttpClient
  readonly credentials: Pick<Credentials, 'get'>
  readonly clock: Clock
}

/** All that another thread needs to ask as this lane does, for as long as the credentials last. */
export interface LanePassport {
  readonly requests: Omit<BucketRequests, 'signer'>
  readonly region: string
  readonly identity: Identity
  readonly clockOffset: number
}

export class SignedLane implements ObjectLane {
  readonly #requests: BucketRequests
  readonly #means: LaneMeans
  #passport: LanePassport | undefined

  readonly #fallBack: () => ObjectLane
  /** Listings of this store are for the SDK to read. */
  #listsOddly = false

  /** @param fallBack the SDK's way */
  constructor(requests: BucketRequests, means: LaneMeans, fallBack: () => ObjectLane) {
    this.#requests = requests
    this.#means = means
    this.#fallBack = fallBack
  }

  async get({ key, from, etag }: ObjectRequest, signal: AbortSignal | undefined): Promise<ObjectAnswer> {
    const part = [...(from === undefined ? [] : ['range', `bytes=${from}-`]), ...(etag === undefined ? [] : ['if-match', etag])]
    const answer = await this.#send(this.#requests.basePath + encodeKey(key), '', part, signal)
    if (answer.status === 200 || answer.status === 206) return parseAnswer(answer)
    throw await this.#refusal(answer)
  }

  /** The same object for as long as nothing of it changes. */
  async passport(): Promise<LanePassport> {
    const { credentials, clock } = this.#means
    const asked = credentials.get()
    const identity = asked instanceof Promise ? await asked : asked
    const known = this.#passport
    if (known !== undefined && known.identity === identity && known.clockOffset === clock.offset) return known
    const { signer, ...requests } = this.#requests
    this.#passport = { requests, region: signer.region, identity, clockOffset: clock.offset }
    return this.#passport
  }

  /** What another thread learnt of the time. */
  setClock(offset: number): void {
    this.#means.clock.offset = offset
  }

  async list(query: ListQuery, signal: AbortSignal | undefined): Promise<ListPage> {
    if (this.#listsOddly) return this.#fallBack().list(query, signal)
    const answer = await this.#send(this.#requests.basePath, listingQuery(query), [], signal)
    if (answer.status !== 200) throw await this.#refusal(answer)
    const page = parseListing(await textOf(answer.body, LONGEST_LISTING))
    if (page !== undefined) return page
    // Damaged on its way, or not in S3's form: the SDK will tell.
    this.#listsOddly = true
    return this.#fallBack().list(query, signal)
  }

  async #send(path: string, query: string, more: readonly string[], signal: AbortSignal | undefined): Promise<HttpAnswer> {
    const { credentials, http } = this.#means
    const asked = credentials.get()
    const identity = asked instanceof Promise ? await asked : asked
    signal?.throwIfAborted()
    const headers = this.#headers(path, query, identity)
    headers.push(...more)
    return http.get(this.#requests.target, query === '' ? path : `${path}?${query}`, headers, signal)
  }

  #headers(path: string, query: string, identity: Identity): string[] {
    const { host, signedHeaders, otherHeaders, signer } = this.#requests
    const date = this.#means.clock.date()
    const headers: (readonly [string, string])[] = [
      ['host', host],
      ['x-amz-content-sha256', NO_PAYLOAD],
      ['x-amz-date', date],
      ...signedHeaders,
    ]
    if (identity.sessionToken) headers.push(['x-amz-security-token', identity.sessionToken])
    if (headers.length > 3) headers.sort(([a], [b]) => (a < b ? -1 : 1))
    const toSign = { method: 'GET', path, query, headers, payloadHash: NO_PAYLOAD }
    const authorization = signer.authorization(toSign, identity, date)
    return [...headers.flat(), 'authorization', authorization, ...otherHeaders]
  }

  async #refusal({ status, headers, body }: HttpAnswer): Promise<AnswerError> {
    const document = parseErrorDocument(await textOf(body, LONGEST_DOCUMENT)) ?? new Map<string, string>()
    const retryAfter = parseRetryAfter(headers['retry-after'], headers.date)
    const region = one(headers['x-amz-bucket-region']) ?? document.get('Region')
    // The SDK's words for what has none.
    const code = CODE.exec(document.get('Code') ?? '')?.[0] ?? (status === 404 ? 'NotFound' : 'Unknown')
    const message = document.get('Message') || 'UnknownError'
    const failure = { code, message, status, region, retryAfter, altered: false }
    if (isSkewed(failure)) this.#means.clock.setTo(document.get('ServerTime') ?? headers.date)
    return new AnswerError(failure)
  }
}

function parseAnswer({ headers, body }: HttpAnswer): ObjectAnswer {
  const length = headers['content-length']
  return {
    body,
    length: length === undefined ? undefined : Number(length),
    range: one(headers['content-range']),
    etag: one(headers.etag),
    modified: headers['last-modified'] === undefined ? undefined : Date.parse(headers['last-modified']),
    metadata: metadataIn(headers),
  }
}

const METADATA = 'x-amz-meta-'

/** Names that stand there twice have both values. */
function metadataIn(headers: IncomingHttpHeaders): Record<string, string> {
  const metadata: Record<string, string> = {}
  for (const name in headers) {
    if (name.startsWith(METADATA)) metadata[name.slice(METADATA.length)] = one(headers[name]) ?? ''
  }
  return metadata
}

function one(value: string | readonly string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.join(', ')
}
