/** A real Redis for tests, whose state outlives it. Where it cannot be had the tests skip, saying why; in CI they fail instead. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Undefined where Redis is here, or could be installed. */
export function noRedis(): string | undefined {
  if (isHere()) return undefined
  if (process.getuid?.() === 0) spawnSync('bash', [fileURLToPath(new URL('redis.sh', import.meta.url))], { stdio: 'ignore' })
  if (isHere()) return undefined
  const problem = 'redis-server is not installed (Debian: run the tests as root, or install it)'
  if (process.env['CI'] !== undefined) throw new Error(`${problem}, and CI never skips`)
  return problem
}

function isHere(): boolean {
  return spawnSync('redis-server', ['--version'], { stdio: 'ignore' }).error === undefined
}

export class TestRedis {
  readonly port: number
  readonly folder: string = mkdtempSync(join(tmpdir(), 'redis-'))
  readonly #options: readonly string[]
  #server: ChildProcess | undefined

  private constructor(port: number, options: readonly string[]) {
    this.port = port
    this.#options = options
    process.once('exit', this.#end)
  }

  static async start(...options: string[]): Promise<TestRedis> {
    const redis = new TestRedis(await freePort(), options)
    await redis.start()
    return redis
  }

  async start(): Promise<void> {
    const common = [
      '--port',
      String(this.port),
      '--dir',
      this.folder,
      '--appendonly',
      'yes',
      '--appendfsync',
      'always',
      '--save',
      '',
    ]
    const server = spawn('redis-server', [...common, ...this.#options], { stdio: ['ignore', 'pipe', 'inherit'] })
    this.#server = server
    let told = ''
    for await (const chunk of server.stdout) {
      told += String(chunk)
      if (told.includes('Ready to accept connections')) break
    }
    if (!told.includes('Ready to accept connections')) throw new Error(`Redis does not start: ${told}`)
  }

  /** As a machine that fails. */
  async kill(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    server.kill('SIGKILL')
    await once(server, 'exit')
  }

  async stop(): Promise<void> {
    process.removeListener('exit', this.#end)
    await this.kill()
    this.#end()
  }

  readonly #end = (): void => {
    this.#server?.kill('SIGKILL')
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** A way to a port that can be cut. */
export interface Wire {
  readonly port: number
  cut(): void
  mend(): void
  close(): void
}

/** `host`: where it is reached. */
export async function wireTo(port: number, host = '127.0.0.1'): Promise<Wire> {
  const sockets = new Set<Socket>()
  let isCut = false
  const server = createServer((near) => {
    if (isCut) {
      near.destroy()
      return
    }
    const far = connect(port, '127.0.0.1')
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
    }
    near.pipe(far).pipe(near)
    near.on('close', () => far.destroy())
    far.on('close', () => near.destroy())
  }).listen(0, host)
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const cut = (): void => {
    isCut = true
    for (const socket of sockets) socket.destroy()
  }
  return {
    port: address.port,
    cut,
    mend: () => {
      isCut = false
    },
    close: () => {
      cut()
      server.close()
    },
  }
}
