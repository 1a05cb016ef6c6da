/** An export beside the verification that it does at the same time, and beside `tar` and `cp` of the same files; wall time, in turns. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { median } from './child.js'
import { startServer } from './peer.js'
import type { Row } from './row.js'
import { type WrittenTrail, writeTrail } from './written-trail.js'

export const name = 'export'

const ROUNDS = 3
const COMMAND = 'dist/cli/main.js'
/** The same work, and a write. */
const TARGET = 1.5
const TRAILS = [
  { what: '20,000 log files of 20 KB', accounts: 1, regions: 1, hours: 200, logFilesPerHour: 100, logFileBytes: 20_000 },
  { what: '500 log files of 1.2 MB', accounts: 1, regions: 1, hours: 50, logFilesPerHour: 10, logFileBytes: 1_200_000 },
] as const

export async function run(): Promise<Row[]> {
  const directory = mkdtempSync(join(tmpdir(), 'verify-trail-bench-'))
  try {
    const rows: Row[] = []
    for (const { what, ...trail } of TRAILS) {
      const written = await writeTrail(join(directory, 'trail'), trail)
      rows.push(...onDisk(what, written, directory))
      rmSync(join(directory, 'trail'), { recursive: true })
    }
    return [...rows, await outOfS3(directory)]
  } finally {
    rmSync(directory, { recursive: true })
  }
}

function onDisk(what: string, trail: WrittenTrail, directory: string): Row[] {
  const { publicKeyFile, metadataFile, startTime, endTime } = trail
  const words = [trail.directory, '--public-keys', publicKeyFile, '--metadata', metadataFile]
  const range = ['--start-time', startTime, '--end-time', endTime, '-q']
  const to = (target: string): string[] => ['export', ...words, ...range, '-o', join(directory, target)]
  const parent = dirname(trail.directory)
  const rounds = Array.from({ length: ROUNDS }, () => ({
    verify: timed(process.execPath, [COMMAND, ...words, ...range]),
    tar: timed(process.execPath, [COMMAND, ...to('copy.tar')], join(directory, 'copy.tar')),
    folder: timed(process.execPath, [COMMAND, ...to('copy/')], join(directory, 'copy')),
    plainTar: timed('tar', ['-cf', join(directory, 'plain.tar'), '-C', parent, basename(trail.directory)]),
    plainCopy: timed('cp', ['-r', trail.directory, join(directory, 'plain')], join(directory, 'plain')),
  }))
  const of = (way: keyof (typeof rounds)[number]): number => median(rounds.map((round) => round[way]))
  const row = (target: string, ours: number, copy: number): Row => ({
    what: `${what}, into ${target}`,
    ours: `${ours.toFixed(2)} s`,
    limit: `${of('verify').toFixed(2)} s (verifying; ${copy.toFixed(2)} s copying alone)`,
    ratio: ours / of('verify'),
    target: TARGET,
    better: 'less',
  })
  return [row('a tar', of('tar'), of('plainTar')), row('a directory', of('folder'), of('plainCopy'))]
}

async function outOfS3(directory: string): Promise<Row> {
  const { serving, environment, behave, stop } = await startServer(directory)
  const { url, bucket, startTime, endTime } = serving
  await behave({ latencyMs: 5, tampered: false })
  const words = [`s3://${bucket}`, '--endpoint-url', url, '--start-time', startTime, '--end-time', endTime, '-q']
  const target = join(directory, 's3.tar')
  try {
    const rounds = Array.from({ length: ROUNDS }, () => ({
      verify: timed(process.execPath, [COMMAND, ...words], undefined, environment),
      copy: timed(process.execPath, [COMMAND, 'export', ...words, '-o', target], target, environment),
    }))
    const verify = median(rounds.map((round) => round.verify))
    const copy = median(rounds.map((round) => round.copy))
    return {
      what: '5,000 log files of 11 KB out of S3, 5 ms a request, into a tar',
      ours: `${copy.toFixed(2)} s`,
      limit: `${verify.toFixed(2)} s (verifying)`,
      ratio: copy / verify,
      target: TARGET,
      better: 'less',
    }
  } finally {
    stop()
  }
}

/** In seconds. `made` is removed afterwards. */
function timed(command: string, args: readonly string[], made?: string, env?: NodeJS.ProcessEnv): number {
  const before = performance.now()
  const { status, stderr } = spawnSync(command, args, { encoding: 'utf8', ...(env && { env }) })
  const seconds = (performance.now() - before) / 1000
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}: ${stderr}`)
  if (made !== undefined) for (const ending of ['', '.hashdeep']) rmSync(made + ending, { recursive: true, force: true })
  return seconds
}
