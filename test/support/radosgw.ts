/** A real S3 server for tests. Where it cannot be had the tests skip, saying why; in CI (`CI=true`) they fail instead. */
import { execFile, spawnSync } from 'node:child_process'
import { accessSync, constants, existsSync, mkdtempSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface Radosgw {
  readonly endpointUrl: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  stop(): void
}

const SCRIPT = fileURLToPath(new URL('./radosgw.sh', import.meta.url))
const CREDENTIALS = { accessKeyId: 'AKIAVERIFYTRAILTESTS', secretAccessKey: 'not-a-secret' }

/** Starts a server that ends with this process at the latest; a string says why there is none. */
export async function startRadosgw(): Promise<Radosgw | string> {
  const problem = await provide()
  if (problem !== undefined) {
    if (process.env['CI'] === 'true') throw new Error(problem)
    return problem
  }
  const dir = mkdtempSync(join(tmpdir(), 'radosgw-'))
  const stop = (): void => {
    process.removeListener('exit', stop)
    spawnSync('bash', [SCRIPT, 'stop', dir], { stdio: 'ignore' })
  }
  process.once('exit', stop)
  const port = await freePort(1)
  const monitorPort = await freePort(2)
  await run(['start', dir, String(process.pid)], {
    RGW_PORT: String(port),
    RGW_MON_PORT: String(monitorPort),
    S3_ACCESS_KEY: CREDENTIALS.accessKeyId,
    S3_SECRET_KEY: CREDENTIALS.secretAccessKey,
  })
  return { endpointUrl: `http://127.0.0.1:${port}`, ...CREDENTIALS, stop }
}

/** Sees to it that the programs are there; says why not otherwise. */
async function provide(): Promise<string | undefined> {
  if (['radosgw', 'ceph-mon', 'ceph-osd'].every(isOnPath)) return undefined
  if (process.getuid?.() !== 0 || !existsSync('/etc/debian_version') || !isOnPath('apt-get')) {
    return 'no S3 server: radosgw, ceph-mon and ceph-osd are not installed (Debian: run the tests as root, or install them)'
  }
  try {
    await run(['install'], {})
    return undefined
  } catch (error) {
    return `no S3 server: ${error instanceof Error ? error.message : String(error)}`
  }
}

function isOnPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

function run(args: readonly string[], env: Record<string, string>): Promise<void> {
  const options = { env: { ...process.env, ...env }, timeout: 600_000, maxBuffer: 64 * 1024 * 1024 }
  return new Promise((resolve, reject) => {
    execFile('bash', [SCRIPT, ...args], options, (error, _stdout, stderr) => {
      if (error === null) resolve()
      else reject(new Error(`radosgw.sh ${args[0]} failed: ${stderr.trim().slice(-500) || error.message}`))
    })
  })
}

/** The first of `count` adjacent ports of loopback that nobody listens on now. */
async function freePort(count: number): Promise<number> {
  for (let tries = 0; tries < 50; tries++) {
    const port = await listen(0)
    if (port === undefined) continue
    const rest = await Promise.all(Array.from({ length: count - 1 }, (_, i) => listen(port + 1 + i)))
    if (!rest.includes(undefined)) return port
  }
  throw new Error('no free ports')
}

function listen(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(undefined))
    server.listen(port, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' ? address?.port : undefined))
    })
  })
}
