/**
 * Reading small objects from S3 beside the SDK's client as it comes, and beside node:http that neither signs nor checks
 * anything. CPU time of this process, in one run, in turns; the store is another process on loopback.
 */
import { spawn } from 'node:child_process'
import * as http from 'node:http'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { s3Source } from '../src/sources/s3.js'
import type { Row } from './row.js'

export const name = 's3'

const CONCURRENCY = 64
const REQUESTS = 2000
const ROUNDS = 9
const OBJECT_SIZE = 3000
const SERVE = '--serve-objects'
const CREDENTIALS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example' }
const LISTING = '<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>'

interface Way {
  /** Resolves with the object's size. */
  get(key: string): Promise<number>
  close(): void
}

export async function run(): Promise<Row[]> {
  const store = await startStore()
  const ways = [await ourSource(store.url), sdkClient(store.url), bareHttp(store.url)] as const
  try {
    const times = ways.map((): number[] => [])
    for (let round = -1; round < ROUNDS; round++) {
      for (const [i, way] of ways.entries()) {
        const time = await timeOf(way)
        if (round >= 0) times[i]?.push(time)
      }
    }
    const [ours = Number.NaN, sdk = Number.NaN, bare = Number.NaN] = times.map((all) => median(all) / REQUESTS)
    const what = `GetObject of ${OBJECT_SIZE} bytes, ${CONCURRENCY} at a time`
    const shown = (micros: number): string => `${micros.toFixed(0)} µs an object`
    const row = (limit: number, peer: string): Pick<Row, 'what' | 'ours' | 'limit' | 'ratio'> => {
      return { what, ours: shown(ours), limit: `${shown(limit)} (${peer})`, ratio: ours / limit }
    }
    return [
      { ...row(sdk, 'default SDK client'), target: 0.25, better: 'less' },
      { ...row(bare, 'node:http, unsigned'), target: 3, better: 'less' },
    ]
  } finally {
    for (const way of ways) way.close()
    store.stop()
  }
}

async function timeOf({ get }: Way): Promise<number> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < REQUESTS) {
      const key = `AWSLogs/123456789012/CloudTrail/eu-west-1/2024/05/01/${next++}.json.gz`
      if ((await get(key)) !== OBJECT_SIZE) throw new Error(`${key} was not read`)
    }
  }
  const before = process.cpuUsage()
  await Promise.all(Array.from({ length: CONCURRENCY }, worker))
  const { user, system } = process.cpuUsage(before)
  return user + system
}

async function ourSource(endpointUrl: string): Promise<Way> {
  process.env['AWS_ACCESS_KEY_ID'] = CREDENTIALS.accessKeyId
  process.env['AWS_SECRET_ACCESS_KEY'] = CREDENTIALS.secretAccessKey
  const source = await s3Source('s3://bucket', { endpointUrl, concurrency: CONCURRENCY })
  const { signal } = new AbortController()
  return {
    async get(key) {
      const answer = await source.read(key, { size: OBJECT_SIZE, signal })
      return answer.kind === 'object' && answer.body instanceof Uint8Array ? answer.body.length : -1
    },
    close: () => void source.close?.(),
  }
}

function sdkClient(endpoint: string): Way {
  const client = new S3Client({ endpoint, forcePathStyle: true, region: 'us-east-1', credentials: CREDENTIALS })
  return {
    async get(Key) {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: 'bucket', Key }))
      return (await Body?.transformToByteArray())?.length ?? -1
    },
    close: () => client.destroy(),
  }
}

function bareHttp(url: string): Way {
  const { hostname: host, port } = new URL(url)
  const agent = new http.Agent({ keepAlive: true, maxSockets: CONCURRENCY })
  return {
    get: (key) =>
      new Promise((resolve, reject) => {
        const answered = (response: http.IncomingMessage): void => {
          let length = 0
          response.on('data', (chunk: Buffer) => {
            length += chunk.length
          })
          response.on('end', () => resolve(length))
        }
        http.get({ agent, host, port, path: `/bucket/${key}` }, answered).on('error', reject)
      }),
    close: () => agent.destroy(),
  }
}

interface Store {
  readonly url: string
  stop(): void
}

async function startStore(): Promise<Store> {
  const child = spawn(process.execPath, [...process.execArgv, fileURLToPath(import.meta.url), SERVE], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const { value: url } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next()
  return { url: String(url), stop: () => void child.kill() }
}

function serve(): void {
  const object = Buffer.alloc(OBJECT_SIZE, 'log')
  const headers = {
    'content-length': OBJECT_SIZE,
    'content-type': 'application/json',
    'content-encoding': 'gzip',
    etag: '"0123456789abcdef0123456789abcdef"',
    'last-modified': 'Wed, 01 May 2024 10:10:00 GMT',
    'x-amz-request-id': 'TX000001',
    'accept-ranges': 'bytes',
  }
  const server = http.createServer((request, response) => {
    if (request.url?.includes('list-type=2')) response.writeHead(200, { 'content-type': 'application/xml' }).end(LISTING)
    else response.writeHead(200, headers).end(object)
  })
  server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`))
}

function median(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[times.length >> 1] ?? Number.NaN
}

if (process.argv[2] === SERVE) serve()
