/** S3 and CloudTrail at the wire, over objects in memory, with faults put in on purpose. */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { GeneratedSource } from '../../bench/generated-source.js'
import type { PutObject } from './put-objects.js'

/** What a request asks for. */
export type Call = 'folders' | 'list' | 'digest' | 'log file' | 'keys'
export const CALLS: readonly Call[] = ['folders', 'list', 'digest', 'log file', 'keys']

/** The answer as it should be. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | number>>
  readonly body: Buffer
}

/** Answers in place of the store; or changes its answer. */
export type Fault = (answer: Answer, response: ServerResponse) => void

/** Which request meets which fault: null for none. `count` counts the requests of that kind, from 0; `asked`: the key, or the prefix. */
export type Faults = (call: Call, count: number, asked: string) => Fault | null

export interface FaultyStore {
  readonly url: string
  /** Requests since `misbehave`. */
  readonly requests: () => number
  /** Those of one kind. */
  readonly requestsOf: (call: Call) => number
  misbehave(faults: Faults): void
  /** Called before a request is answered. */
  onRequest(told: (call: Call) => void): void
  close(): void
}

export interface FaultyStoreOptions {
  readonly bucket: string
  readonly objects: ReadonlyMap<string, PutObject>
  /** The answer of ListPublicKeys. */
  readonly publicKeys: object
  /** Answers to other questions to CloudTrail, by the name of the operation; undefined: refused. */
  readonly cloudTrail?: (question: string) => object | undefined
  /** @default 1000 */
  readonly pageSize?: number
}

const XML = '<?xml version="1.0" encoding="UTF-8"?>\n'

export async function faultyStore(options: FaultyStoreOptions): Promise<FaultyStore> {
  const { bucket, objects, publicKeys, cloudTrail, pageSize = 1000 } = options
  const keys = [...objects.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
  let faults: Faults = () => null
  let counts = new Map<Call, number>()
  let requests = 0
  let onRequest: (call: Call) => void = () => undefined

  function listing(query: URLSearchParams): Answer {
    const prefix = query.get('prefix') ?? ''
    const delimiter = query.get('delimiter') ?? ''
    const from = Number(query.get('continuation-token') ?? 0)
    const most = Math.min(pageSize, Number(query.get('max-keys') ?? pageSize))
    const entries = entriesBelow(prefix, delimiter)
    const page = entries.slice(from, from + most)
    const truncated = from + most < entries.length
    const told = page.map((entry) =>
      entry.endsWith('/') && delimiter !== ''
        ? `<CommonPrefixes><Prefix>${encodeURIComponent(entry)}</Prefix></CommonPrefixes>`
        : `<Contents><Key>${encodeURIComponent(entry)}</Key><Size>${objects.get(entry)?.bytes.length ?? 0}</Size>${identityXml(objects.get(entry))}</Contents>`,
    )
    const next = truncated ? `<NextContinuationToken>${from + most}</NextContinuationToken>` : ''
    const xml = `${XML}<ListBucketResult><Name>${bucket}</Name><EncodingType>url</EncodingType><IsTruncated>${truncated}</IsTruncated>${next}${told.join('')}</ListBucketResult>`
    return ok(Buffer.from(xml), { 'content-type': 'application/xml' })
  }

  function entriesBelow(prefix: string, delimiter: string): string[] {
    const below = keys.filter((key) => key.startsWith(prefix) && objects.has(key))
    if (delimiter === '') return below
    const cut = (key: string): string => {
      const end = key.indexOf(delimiter, prefix.length)
      return end < 0 ? key : key.slice(0, end + 1)
    }
    return [...new Set(below.map(cut))]
  }

  function object(key: string): Answer {
    const found = objects.get(key)
    if (found === undefined) {
      const xml = `${XML}<Error><Code>NoSuchKey</Code><Message>no</Message></Error>`
      return { status: 404, headers: { 'content-type': 'application/xml' }, body: Buffer.from(xml) }
    }
    const metadata = Object.entries(found.metadata ?? {}).map(([name, value]) => [`x-amz-meta-${name}`, value] as const)
    const identity = found.modified === undefined ? {} : { 'last-modified': new Date(found.modified).toUTCString() }
    return ok(Buffer.from(found.bytes), { etag: etagOf(found), ...identity, ...Object.fromEntries(metadata) })
  }

  function answerTo(request: IncomingMessage): readonly [call: Call, answer: Answer, asked: string] {
    const target = request.headers['x-amz-target']
    if (target !== undefined) {
      const question = String(target).replace(/^.*\./, '')
      const told = question === 'ListPublicKeys' ? publicKeys : cloudTrail?.(question)
      const body = Buffer.from(JSON.stringify(told ?? { __type: 'AccessDeniedException', message: 'no' }))
      const answer = ok(body, { 'content-type': 'application/x-amz-json-1.1' })
      return ['keys', told === undefined ? { ...answer, status: 400 } : answer, question]
    }
    const url = new URL(request.url ?? '/', 'http://store')
    const key = decodeURIComponent(url.pathname.slice(bucket.length + 2))
    if (key !== '') return [key.includes('/CloudTrail-Digest/') ? 'digest' : 'log file', object(key), key]
    const prefix = url.searchParams.get('prefix') ?? ''
    return [url.searchParams.has('delimiter') ? 'folders' : 'list', listing(url.searchParams), prefix]
  }

  const server = createServer((request, response) => {
    request.resume().once('end', () => {
      requests++
      const [call, answer, asked] = answerTo(request)
      onRequest(call)
      const count = counts.get(call) ?? 0
      counts.set(call, count + 1)
      const fault = faults(call, count, asked)
      if (fault === null) send(answer, response)
      else fault(answer, response)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: () => requests,
    requestsOf: (call) => counts.get(call) ?? 0,
    misbehave(next) {
      faults = next
      counts = new Map()
      requests = 0
    },
    onRequest(told) {
      onRequest = told
    },
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}

function etagOf({ bytes, modified }: PutObject): string {
  return modified === undefined ? '"e"' : `"${createHash('md5').update(bytes).digest('hex')}"`
}

function identityXml(object: PutObject | undefined): string {
  if (object?.modified === undefined) return ''
  const lastModified = new Date(object.modified).toISOString()
  return `<LastModified>${lastModified}</LastModified><ETag>${etagOf(object).replaceAll('"', '&quot;')}</ETag>`
}

function ok(body: Buffer, headers: Record<string, string | number>): Answer {
  return { status: 200, headers: { 'content-length': body.length, ...headers }, body }
}

export function send({ status, headers, body }: Answer, response: ServerResponse): void {
  response.writeHead(status, { ...headers }).end(body)
}

/** All objects of a generated trail. */
export async function objectsOf(source: GeneratedSource): Promise<Map<string, PutObject>> {
  const objects = new Map<string, PutObject>()
  for await (const key of source.allKeys()) {
    const answer = await source.read(key)
    if (answer.kind !== 'object' || !(answer.body instanceof Uint8Array)) throw new Error(`${key} cannot be generated`)
    objects.set(key, { bytes: answer.body, metadata: answer.metadata ?? {} })
  }
  return objects
}

/** As the API writes them: times in seconds. */
export function withSeconds({ PublicKeyList }: { readonly PublicKeyList: readonly Readonly<Record<string, unknown>>[] }): object {
  const seconds = (time: unknown): number => (typeof time === 'number' ? time : Date.parse(String(time)) / 1000)
  const list = PublicKeyList.map((key) => ({
    ...key,
    ValidityStartTime: seconds(key['ValidityStartTime']),
    ValidityEndTime: seconds(key['ValidityEndTime']),
  }))
  return { PublicKeyList: list }
}
