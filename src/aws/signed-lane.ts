/** Objects by requests of our own making: the least that S3 needs, for many small objects. */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import type { Readable } from 'node:stream'
import type { Credentials } from './credentials.js'
import { LONGEST_DOCUMENT, parseErrorDocument } from './error-document.js'
import { AnswerError, isSkewed, parseRetryAfter } from './failure.js'
import type { HttpClient } from './http-client.js'
import type { ObjectAnswer, ObjectLane, ObjectRequest } from './object-lane.js'
import type { ObjectRequests } from './sdk-request.js'
import { amzDate, encodeKey, type Identity, NO_PAYLOAD } from './signature-v4.js'
import type { StallWatch } from './stall-watch.js'

/** What AWS's clock says, as far as it is known. */
export class Clock {
  #offset = 0
  #second = Number.NaN
  #date = ''

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
    if (!Number.isNaN(time)) this.#offset = time - Date.now()
  }
}

const CODE = /^[\w.-]{1,100}$/

/** What the lanes of a store have in common. */
export interface LaneMeans {
  readonly http: HttpClient
  readonly watch: StallWatch
  readonly credentials: Credentials
  readonly clock: Clock
}

export class SignedLane implements ObjectLane {
  readonly #requests: ObjectRequests
  readonly #means: LaneMeans

  constructor(requests: ObjectRequests, means: LaneMeans) {
    this.#requests = requests
    this.#means = means
  }

  async get(request: ObjectRequest, signal: AbortSignal | undefined): Promise<ObjectAnswer> {
    const { credentials, http } = this.#means
    const asked = credentials.get()
    const identity = asked instanceof Promise ? await asked : asked
    signal?.throwIfAborted()
    const path = this.#requests.basePath + encodeKey(request.key)
    const answer = await http.get(this.#requests.target, path, this.#headers(path, request, identity), signal)
    // A body that nobody reads may break off all the same.
    answer.on('error', () => undefined)
    if (answer.statusCode === 200 || answer.statusCode === 206) return parseAnswer(answer)
    throw await this.#refusal(answer)
  }

  #headers(path: string, { from, etag }: ObjectRequest, identity: Identity): string[] {
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
    const authorization = signer.authorization(
      { method: 'GET', path, query: '', headers, payloadHash: NO_PAYLOAD },
      identity,
      date,
    )
    const all = headers.flat()
    all.push('authorization', authorization, ...otherHeaders)
    if (from !== undefined) all.push('range', `bytes=${from}-`)
    if (etag !== undefined) all.push('if-match', etag)
    return all
  }

  async #refusal(answer: IncomingMessage): Promise<AnswerError> {
    const { statusCode: status = 0, headers } = answer
    const document = parseErrorDocument(await this.#start(answer)) ?? new Map<string, string>()
    const retryAfter = parseRetryAfter(headers['retry-after'], headers.date)
    const region = one(headers['x-amz-bucket-region']) ?? document.get('Region')
    // The SDK's words for what has none.
    const code = CODE.exec(document.get('Code') ?? '')?.[0] ?? (status === 404 ? 'NotFound' : 'Unknown')
    const message = document.get('Message') || 'UnknownError'
    const failure = { code, message, status, region, retryAfter, altered: false }
    if (isSkewed(failure)) this.#means.clock.setTo(document.get('ServerTime') ?? headers.date)
    return new AnswerError(failure)
  }

  /** All of a body that may be an error document; nothing of another. Rejects where it breaks off: half an answer is none. */
  async #start(body: Readable): Promise<string> {
    const chunks: Buffer[] = []
    let length = 0
    const watched = this.#means.watch.start((error) => body.destroy(error))
    try {
      for await (const chunk of body) {
        chunks.push(chunk)
        length += chunk.length
        if (length > LONGEST_DOCUMENT) return ''
      }
    } finally {
      this.#means.watch.end(watched)
    }
    return Buffer.concat(chunks).toString()
  }
}

function parseAnswer(answer: IncomingMessage): ObjectAnswer {
  const { headers } = answer
  const length = headers['content-length']
  return {
    body: answer,
    length: length === undefined ? undefined : Number(length),
    range: headers['content-range'],
    etag: headers.etag,
    metadata: metadataIn(headers),
  }
}

const METADATA = 'x-amz-meta-'

/** Node gives names in lower case, and has joined those that stand there twice. */
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
