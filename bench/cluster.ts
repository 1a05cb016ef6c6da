/**
 * Two workers of a cluster beside one, each a process with one thread: the same run, the same store (a directory), from the start of the
 * workers until the merged report is there. Needs `redis-server`, and two idle cores.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { median } from './child.js'
import type { Row } from './row.js'
import { type WrittenTrail, writeTrail } from './written-trail.js'

export const name = 'cluster'

const ROUNDS = 3
const SHARDS = 8
const COMMAND = 'dist/cli/main.js'
const PORT = 16_399

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
        '64,000 log files of 20 KB in 8 accounts and regions',
        await writeTrail(join(directory, 'many'), many),
        directory,
      ),
      await row('57,600 in one, split by months', await writeTrail(join(directory, 'long'), long), directory, 4),
    ]
  } finally {
    redis.kill()
    await once(redis, 'exit')
    rmSync(directory, { recursive: true })
  }
}

async function row(what: string, trail: WrittenTrail, directory: string, shards = SHARDS): Promise<Row> {
  const one: number[] = []
  const two: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    one.push(await timed(trail, directory, shards, 1))
    two.push(await timed(trail, directory, shards, 2))
  }
  return {
    what: `${what}, two workers, wall`,
    ours: `${median(two).toFixed(2)} s`,
    limit: `${median(one).toFixed(2)} s (one worker)`,
    ratio: median(one) / median(two),
    target: 1.7,
    better: 'more',
  }
}

/** Seconds from the start of the workers until all have ended: the last one merges. */
async function timed(trail: WrittenTrail, directory: string, shards: number, workers: number): Promise<number> {
  const results = mkdtempSync(join(directory, 'results-'))
  const redis = ['--redis', `redis://127.0.0.1:${PORT}`, '--results', results]
  const evidence = [trail.directory, '--public-keys', trail.publicKeyFile, '--metadata', trail.metadataFile]
  const range = ['--start-time', trail.startTime, '--end-time', trail.endTime]
  const submit = ['cluster', 'submit', ...evidence, ...range, ...redis, '--shards', String(shards)]
  const submitted = spawnSync(process.execPath, [COMMAND, ...submit], { encoding: 'utf8' })
  if (submitted.status !== 0) throw new Error(submitted.stderr)
  const work = ['cluster', 'work', ...evidence, ...redis, '--workers', '0', '--run', submitted.stdout.trim(), '-q']
  const before = performance.now()
  const ended = Array.from({ length: workers }, () => spawn(process.execPath, [COMMAND, ...work], { stdio: 'inherit' })).map(
    exitOf,
  )
  for (const code of await Promise.all(ended)) if (code !== 0) throw new Error(`a worker ended with ${code}`)
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
