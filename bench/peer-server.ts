/**
 * S3 (path style) and CloudTrail (AWS JSON 1.1) on one port of 127.0.0.1, as far as verify-trail and aws-cli ask: a generated
 * trail, held in memory. Prints one JSON line when it listens; a JSON line on stdin says how to answer from then on, and is
 * answered with how many requests of each kind came before it. Ends with stdin.
 */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type OutgoingHttpHeaders, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { gunzipSync, gzipSync } from 'node:zlib'
import { type GeneratedOptions, generate } from './generated-source.js'

/** About 2.7 KB each, deflated; 25 digests. */
export const TRAIL: GeneratedOptions = { accounts: 1, regions: 1, hours: 25, logFilesPerHour: 200, logFileBytes: 11_000 }

export interface Serving {
  readonly url: string
  readonly bucket: string
  readonly trailArn: string
  readonly startTime: string
  readonly endTime: string
}

export interface Behaviour {
  /** Injected into every answer. */
  readonly latencyMs: number
  /** Serves the newest log file with one character changed. */
  readonly tampered: boolean
}

export type Requests = Readonly<Record<string, number>>

interface StoredObject {
  readonly body: Uint8Array
  readonly headers: OutgoingHttpHeaders
}

interface Answer {
  readonly operation: string
  readonly status: number
  readonly headers: OutgoingHttpHeaders
  readonly body: string | Uint8Array
}

const NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
const HOME = { account: '111122223333', region: 'us-east-1', trail: 'management-events' }
const TRAIL_ARN = `arn:aws:cloudtrail:${HOME.region}:${HOME.account}:trail/${HOME.trail}`
const LAST_MODIFIED = new Date(Date.UTC(2026, 0, 11))

class Server {
  behaviour: Behaviour = { latencyMs: 0, tampered: false }
  readonly #bucket: string
  readonly #publicKeyList: string
  readonly #objects: ReadonlyMap<string, StoredObject>
  readonly #keys: readonly string[]
  readonly #tampered: readonly [string, StoredObject]
  #requests: Record<string, number> = {}

  constructor(bucket: string, publicKeyList: string, objects: ReadonlyMap<string, StoredObject>) {
    this.#bucket = bucket
    this.#publicKeyList = epochTimes(publicKeyList)
    this.#objects = objects
    this.#keys = [...objects.keys()].sort()
    const [newest, object] = [...objects].filter(([key]) => !key.includes('/CloudTrail-Digest/')).at(-1) ?? []
    if (newest === undefined || object === undefined) throw new Error('the trail has no log file')
    const text = gunzipSync(object.body).toString().replace('GetObject', 'PutObject')
    this.#tampered = [newest, stored(gzipSync(text), {})]
  }

  /** The requests since it was last asked. */
  takeRequests(): Requests {
    const requests = this.#requests
    this.#requests = {}
    return requests
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    request.resume().on('end', () => {
      const { operation, status, headers, body } = this.#answer(request)
      this.#requests[operation] = (this.#requests[operation] ?? 0) + 1
      const send = (): void => {
        response.writeHead(status, { 'content-length': Buffer.byteLength(body), 'x-amz-request-id': 'BENCH', ...headers })
        response.end(request.method === 'HEAD' ? undefined : body)
      }
      if (this.behaviour.latencyMs > 0) setTimeout(send, this.behaviour.latencyMs)
      else send()
    })
  }

  #answer({ method = '', url = '', headers }: IncomingMessage): Answer {
    const target = headers['x-amz-target']
    if (typeof target === 'string') return this.#cloudTrail(target.split('.').at(-1) ?? '')
    const { pathname, searchParams } = new URL(url, 'http://store')
    const [, bucket = '', path = ''] = /^\/([^/]*)(?:\/(.*))?$/.exec(pathname) ?? []
    if (bucket !== this.#bucket) return failure('NoSuchBucket')
    if (path !== '') return this.#object(method, decodeURIComponent(path))
    if (method === 'HEAD')
      return { operation: 'HeadBucket', status: 200, headers: { 'x-amz-bucket-region': HOME.region }, body: '' }
    if (searchParams.has('location')) return xml('GetBucketLocation', `<LocationConstraint ${NAMESPACE}/>`)
    return this.#list(searchParams)
  }

  #object(method: string, key: string): Answer {
    const object = this.#stored(key)
    if (object === undefined) return failure('NoSuchKey')
    return { operation: method === 'HEAD' ? 'HeadObject' : 'GetObject', status: 200, ...object }
  }

  #stored(key: string): StoredObject | undefined {
    const [tamperedKey, tampered] = this.#tampered
    return this.behaviour.tampered && key === tamperedKey ? tampered : this.#objects.get(key)
  }

  #list(query: URLSearchParams): Answer {
    const second = query.get('list-type') === '2'
    const [prefix, delimiter] = [query.get('prefix') ?? '', query.get('delimiter') ?? '']
    const after = query.get('continuation-token') ?? query.get('start-after') ?? query.get('marker') ?? ''
    const most = Math.min(Number(query.get('max-keys') ?? 1000), 1000)
    const page = this.#page(prefix, delimiter, after, most)
    const encode = query.get('encoding-type') === 'url' ? urlEncode : xmlEncode
    const next = xmlEncode(page.last)
    const parts = [
      `<Name>${this.#bucket}</Name><Prefix>${encode(prefix)}</Prefix><MaxKeys>${most}</MaxKeys>`,
      delimiter && `<Delimiter>${encode(delimiter)}</Delimiter>`,
      query.get('encoding-type') === 'url' && '<EncodingType>url</EncodingType>',
      `<IsTruncated>${page.truncated}</IsTruncated>`,
      second && `<KeyCount>${page.keys.length + page.folders.length}</KeyCount>`,
      page.truncated && second && `<NextContinuationToken>${next}</NextContinuationToken>`,
      page.truncated && !second && delimiter && `<NextMarker>${encode(page.last)}</NextMarker>`,
      ...page.keys.map((key) => this.#listed(key, encode)),
      ...page.folders.map((folder) => `<CommonPrefixes><Prefix>${encode(folder)}</Prefix></CommonPrefixes>`),
    ]
    const body = `<ListBucketResult ${NAMESPACE}>${parts.filter(Boolean).join('')}</ListBucketResult>`
    return xml(second ? 'ListObjectsV2' : 'ListObjects', body)
  }

  #page(prefix: string, delimiter: string, after: string, most: number) {
    const [keys, folders]: [string[], string[]] = [[], []]
    let last = after
    for (let at = this.#firstAfter(prefix > after ? prefix : after, prefix > after); at < this.#keys.length; at++) {
      const key = this.#keys[at] ?? ''
      if (!key.startsWith(prefix)) break
      const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length)
      const folder = end === -1 ? undefined : key.slice(0, end + delimiter.length)
      if (folder !== undefined && folder <= after && after.startsWith(folder)) continue
      if (folder !== undefined && folder === folders.at(-1)) continue
      if (keys.length + folders.length === most) return { keys, folders, last, truncated: true }
      if (folder === undefined) keys.push(key)
      else folders.push(folder)
      last = folder ?? key
    }
    return { keys, folders, last, truncated: false }
  }

  #firstAfter(name: string, included: boolean): number {
    let [from, to] = [0, this.#keys.length]
    while (from < to) {
      const middle = (from + to) >> 1
      const key = this.#keys[middle] ?? ''
      if (key < name || (key === name && !included)) from = middle + 1
      else to = middle
    }
    return from
  }

  #listed(key: string, encode: (text: string) => string): string {
    const object = this.#stored(key)
    const [size, etag] = [object?.body.length ?? 0, xmlEncode(String(object?.headers['etag']))]
    const times = `<LastModified>${LAST_MODIFIED.toISOString()}</LastModified><ETag>${etag}</ETag>`
    return `<Contents><Key>${encode(key)}</Key>${times}<Size>${size}</Size><StorageClass>STANDARD</StorageClass></Contents>`
  }

  #cloudTrail(operation: string): Answer {
    const headers = { 'content-type': 'application/x-amz-json-1.1' }
    if (operation === 'ListPublicKeys') return { operation, status: 200, headers, body: this.#publicKeyList }
    if (operation !== 'DescribeTrails') return { operation, status: 400, headers, body: '{"__type":"UnknownOperationException"}' }
    const trail = {
      Name: HOME.trail,
      TrailARN: TRAIL_ARN,
      HomeRegion: HOME.region,
      S3BucketName: this.#bucket,
      IsOrganizationTrail: false,
      LogFileValidationEnabled: true,
    }
    return { operation, status: 200, headers, body: JSON.stringify({ trailList: [trail] }) }
  }
}

function xml(operation: string, body: string): Answer {
  return { operation, status: 200, headers: { 'content-type': 'application/xml' }, body: `<?xml version="1.0"?>${body}` }
}

function failure(code: string): Answer {
  return { ...xml(code, `<Error><Code>${code}</Code><Message>${code}</Message></Error>`), status: 404 }
}

function stored(body: Uint8Array, metadata: Readonly<Record<string, string>>): StoredObject {
  const headers: OutgoingHttpHeaders = {
    'content-type': 'application/json',
    'content-encoding': 'gzip',
    'last-modified': LAST_MODIFIED.toUTCString(),
    etag: `"${createHash('md5').update(body).digest('hex')}"`,
    'accept-ranges': 'bytes',
  }
  for (const [name, value] of Object.entries(metadata)) headers[`x-amz-meta-${name}`] = value
  return { body, headers }
}

const xmlEncode = (text: string): string => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`)
const urlEncode = (text: string): string => encodeURIComponent(text).replaceAll('%2F', '/')

/** AWS JSON 1.1 has times as seconds. */
function epochTimes(publicKeyList: string): string {
  const isTime = (name: string, value: unknown): value is string => name.startsWith('Validity') && typeof value === 'string'
  return JSON.stringify(
    JSON.parse(publicKeyList, (name, value: unknown) => (isTime(name, value) ? Date.parse(value) / 1000 : value)),
  )
}

async function serve(): Promise<void> {
  const { source, bucket, publicKeyList, startTime, endTime } = generate(TRAIL)
  const objects = new Map<string, StoredObject>()
  for await (const key of source.allKeys()) {
    const answer = await source.read(key)
    if (answer.kind !== 'object' || !(answer.body instanceof Uint8Array)) throw new Error(`${key} cannot be generated`)
    objects.set(key, stored(answer.body, answer.metadata ?? {}))
  }
  const server = new Server(bucket, publicKeyList, objects)
  const listener = createServer({ keepAliveTimeout: 60_000 }, (request, response) => server.handle(request, response))
  listener.listen(0, '127.0.0.1', () => {
    const url = `http://127.0.0.1:${(listener.address() as AddressInfo).port}`
    const serving: Serving = { url, bucket, trailArn: TRAIL_ARN, startTime, endTime }
    console.log(JSON.stringify(serving))
  })
  for await (const line of createInterface({ input: process.stdin })) {
    server.behaviour = JSON.parse(line)
    console.log(JSON.stringify(server.takeRequests()))
  }
  process.exit()
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await serve()
