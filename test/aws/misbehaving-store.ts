/** Stores that misbehave on purpose, at the wire, and what tests of S3 share. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { VerifyTrailError } from '../../src/errors.js'
import type { ReadAnswer } from '../../src/sources/source.js'

/** Nothing of the machine's own AWS settings; the SDK reads these when it is asked. */
export function isolate(credentials: { accessKeyId: string; secretAccessKey: string } | undefined): void {
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name]
  process.env['AWS_EC2_METADATA_DISABLED'] = 'true'
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true'
  process.env['AWS_CONFIG_FILE'] = '/dev/null'
  process.env['AWS_SHARED_CREDENTIALS_FILE'] = '/dev/null'
  if (credentials === undefined) return
  process.env['AWS_ACCESS_KEY_ID'] = credentials.accessKeyId
  process.env['AWS_SECRET_ACCESS_KEY'] = credentials.secretAccessKey
}

export const SOMEBODY = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'example' }
export const QUICK = { retryDelay: 1, maxAttempts: 3 }

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}

export async function bytesOf(answer: ReadAnswer): Promise<Buffer> {
  if (answer.kind !== 'object') throw new Error(`no object: ${JSON.stringify(answer)}`)
  return answer.body instanceof Uint8Array ? Buffer.from(answer.body) : Buffer.concat(await collect(answer.body))
}

export async function thrownBy(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise
    return undefined
  } catch (error) {
    return error
  }
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof VerifyTrailError ? error.code : undefined
}

export const LANES = ['fast', 'sdk'] as const

export type Reply = (response: ServerResponse, request: IncomingMessage) => void

export const whole = (text: string, headers: Record<string, string> = {}): Reply => {
  return (response) => response.writeHead(200, { etag: '"e"', 'content-length': Buffer.byteLength(text), ...headers }).end(text)
}
export const failure = (
  status: number,
  code: string,
  message = 'as the test says',
  headers: Record<string, string> = {},
): Reply => {
  const xml = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`
  return (response) => response.writeHead(status, { 'content-type': 'application/xml', ...headers }).end(xml)
}
export const bare = (status: number, text = ''): Reply => {
  return (response) => response.writeHead(status, { 'content-type': 'text/html' }).end(text)
}
export const reset: Reply = (response) => response.socket?.destroy()
export const cut = (text: string, length: number): Reply => {
  return (response) => {
    response.writeHead(200, { etag: '"e"', 'content-length': length })
    response.write(text, () => response.socket?.destroy())
  }
}
export const silent: Reply = () => undefined
export const withoutBody: Reply = (response) => response.writeHead(200, { etag: '"e"', 'content-length': 5000 }).flushHeaders()
/** A byte now and then: never idle, never done. */
export const trickle = (length: number): Reply => {
  return (response) => {
    response.writeHead(200, { etag: '"e"', 'content-length': length })
    const timer = setInterval(() => response.write('x'), 5)
    response.once('close', () => clearInterval(timer))
  }
}
export const EMPTY_LISTING =
  '<?xml version="1.0"?><ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated></ListBucketResult>'

export interface Teardown {
  teardown(callback: () => void): void
}

export interface MisbehavingStore {
  readonly url: string
  readonly requests: readonly IncomingMessage[]
  say(...replies: Reply[]): void
}

/** A store that misbehaves as told: the replies to the next requests, the last of them for all that follow. */
export async function misbehaving(t: Teardown): Promise<MisbehavingStore> {
  const requests: IncomingMessage[] = []
  let next: Reply[] = [whole(EMPTY_LISTING)]
  const server = createServer((request, response) => {
    requests.push(request)
    const reply = next.length > 1 ? next.shift() : next[0]
    reply?.(response, request)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    say(...replies) {
      requests.length = 0
      next = replies
    },
  }
}

/** An answer byte by byte, and the end of the connection. */
export const raw = (bytes: string, { ends = true } = {}): Reply => {
  return ({ socket }) => {
    if (ends) socket?.end(bytes, 'latin1')
    else socket?.write(bytes, 'latin1')
  }
}

export function isFast(request: IncomingMessage | undefined): boolean {
  return request !== undefined && !('amz-sdk-invocation-id' in request.headers)
}
