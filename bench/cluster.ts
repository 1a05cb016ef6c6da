/**
 * Two workers of a cluster beside one, each a process with one thread: the same run, the same store, from the start of the workers until
 * the merged report is there. Needs `redis-server`, and two idle cores. A directory asks for more than a core of each worker (the garbage
 * collector and the compiler have threads of their own); a store that answers after 20 ms has them wait.
 */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { faultyStore, objectsOf, send } from '../test/support/faulty-store.js'
import { median } from './child.js'
import { generate } from './generated-source.js'
import type { Row } from './row.js'
import { type WrittenTrail, writeTrail } from './written-trail.js'

export const name = 'cluster'

const ROUNDS = 3
const SHARDS = 8
const COMMAND = 'dist/cli/main.js'
const PORT = 16_399
const LATENCY = 20
/** Requests at a time of each worker. */
const AT_ONCE = 16

/** What each worker, and who submits, is given. */
interface Work {
  readonly what: string
  readonly evidence: readonly string[]
  readonly range: readonly string[]
  readonly shards: number
  readonly more: readonly string[]
  readonly environment: NodeJS.ProcessEnv
}

export async function run(): Promise<Row[]> {
  if (spawnSync('redis-server', ['--version']).error !== undefined) {
    console.error('cluster: redis-server is not installed: no rows')
    return []
  }
  const directory = mkdtempSync(join(tmpdir(), 'verify-trail-bench-'))
  const redis = spawn('redis-server', ['--port', String(PORT), '--dir', directory, '--save', ''], { stdio: 'ignore' })
  try {
    await isListening()
    const many = { accounts: 2, regions: 4, hours: 100, logFilesPerHour: 80, logFileBytes: 20_000 }
    const long = { accounts: 1, regions: 1, hours: 24 * 60, logFilesPerHour: 40, logFileBytes: 20_000 }
    return [
      await row(
        onDisk('64,000 log files of 20 KB in 8 accounts and regions', await writeTrail(join(directory, 'many'), many)),
        directory,
      ),
      await row(onDisk('57,600 in one, split by months', await writeTrail(join(directory, 'long'), long), 4), directory),
      await overS3(directory),
    ]
  } finally {
    redis.kill()
    await once(redis, 'exit')
    rmSync(directory, { recursive: true })
  }
}

function onDisk(what: string, trail: WrittenTrail, shards = SHARDS): Work {
  const { directory, publicKeyFile, metadataFile, startTime, endTime } = trail
  return {
    what,
    evidence: [directory, '--public-keys', publicKeyFile, '--metadata', metadataFile],
    range: ['--start-time', startTime, '--end-time', endTime],
    shards,
    more: ['--workers', '0'],
    environment: process.env,
  }
}

async function overS3(directory: string): Promise<Row> {
  const trail = generate({ accounts: 2, regions: 4, hours: 50, logFilesPerHour: 20, logFileBytes: 20_000 })
  const { bucket, source, publicKeyList, startTime, endTime } = trail
  const store = await faultyStore({ bucket, objects: await objectsOf(source), publicKeys: {} })
  store.misbehave(() => (answer, response) => void setTimeout(() => send(answer, response), LATENCY))
  const keys = join(directory, 'keys.json')
  writeFileSync(keys, publicKeyList)
  const work: Work = {
    what: `8,000 on S3, ${LATENCY} ms a request, ${AT_ONCE} at a time`,
    evidence: [`s3://${bucket}`, '--public-keys', keys, '--endpoint-url', store.url],
    range: ['--start-time', startTime, '--end-time', endTime],
    shards: SHARDS,
    more: ['--workers', '0', '--concurrency', String(AT_ONCE)],
    environment: { ...process.env, AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x', AWS_REGION: 'us-east-1' },
  }
  try {
    return await row(work, directory)
  } finally {
    store.close()
  }
}

async function row(work: Work, directory: string): Promise<Row> {
  const one: number[] = []
  const two: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    one.push(await timed(work, directory, 1))
    two.push(await timed(work, directory, 2))
  }
  return {
    what: `${work.what}, two workers, wall`,
    ours: `${median(two).toFixed(2)} s`,
    limit: `${median(one).toFixed(2)} s (one worker)`,
    ratio: median(one) / median(two),
    target: 1.7,
    better: 'more',
  }
}

/** Seconds from the start of the workers until all have ended: the last one merges. */
async function timed(
  { evidence, range, shards, more, environment: env }: Work,
  directory: string,
  workers: number,
): Promise<number> {
  const results = mkdtempSync(join(directory, 'results-'))
  const redis = ['--redis', `redis://127.0.0.1:${PORT}`, '--results', results]
  const submit = ['cluster', 'submit', ...evidence, ...range, ...redis, '--shards', String(shards)]
  const { stdout } = await promisify(execFile)(process.execPath, [COMMAND, ...submit], { env })
  const work = ['cluster', 'work', ...evidence, ...redis, ...more, '--run', stdout.trim(), '-q']
  const before = performance.now()
  const started = Array.from({ length: workers }, () => spawn(process.execPath, [COMMAND, ...work], { stdio: 'ignore', env }))
  for (const code of await Promise.all(started.map(exitOf))) if (code !== 0) throw new Error(`a worker ended with ${code}`)
  return (performance.now() - before) / 1000
}

async function exitOf(worker: ChildProcess): Promise<number | null> {
  const [code] = await once(worker, 'exit')
  return code
}

async function isListening(): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const socket = connect(PORT, '127.0.0.1')
    const isThere = await new Promise<boolean>((resolve) =>
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false)),
    )
    socket.destroy()
    if (isThere) return
    await sleep(50)
  }
  throw new Error('redis-server does not listen')
}
