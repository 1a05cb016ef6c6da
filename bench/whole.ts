/** The whole run beside measuring the same files alone; two workers beside one; archives beside their directory; listing beside `find`. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { directorySource } from '../src/index.js'
import { median, runChild } from './child.js'
import type { Row } from './row.js'
import { writeTrail } from './written-trail.js'

export const name = 'whole'

const ROUNDS = 3

export async function run(): Promise<Row[]> {
  const directory = mkdtempSync(join(tmpdir(), 'verify-trail-bench-'))
  try {
    const whole = await wholeRun(join(directory, 'small'))
    return [...whole, await largeFiles(join(directory, 'large')), ...(await listing(join(directory, 'many')))]
  } finally {
    rmSync(directory, { recursive: true })
  }
}

type Trail = Awaited<ReturnType<typeof writeTrail>>

/** A run of its own process. */
function verifyWith(
  workers: number,
  { directory, publicKeyFile, startTime, endTime, logFiles }: Trail,
): ReturnType<typeof runChild> {
  const cost = runChild('child-verify', [directory, publicKeyFile, String(workers), startTime, endTime])
  if (!cost.answer.endsWith(` ${logFiles - 100}`) && !cost.answer.endsWith(` ${logFiles}`)) throw new Error(cost.answer)
  return cost
}

async function wholeRun(directory: string): Promise<Row[]> {
  mkdirSync(directory)
  const trail = await writeTrail(directory, { accounts: 1, regions: 1, hours: 500, logFilesPerHour: 100, logFileBytes: 20_000 })
  const { startTime, endTime, publicKeyFile } = trail
  const verify = (workers: number): ReturnType<typeof runChild> => verifyWith(workers, trail)
  const archives = makeArchives(directory, basename(trail.directory))
  const inArchive = (path: string): number => runChild('child-verify', [path, publicKeyFile, '0', startTime, endTime]).wallMs
  verify(0)
  const rounds = Array.from({ length: ROUNDS }, () => ({
    archives: archives.map(({ path, read }) => ({ ours: inArchive(path), read: wallOf(...read) })),
    alone: runChild('child-measure', [trail.directory]),
    whole: verify(0),
    one: verify(1),
    two: verify(2),
  }))
  const alone = median(rounds.map((round) => round.alone.cpu))
  const whole = median(rounds.map((round) => round.whole.cpu))
  const one = median(rounds.map((round) => round.one.wallMs))
  const two = median(rounds.map((round) => round.two.wallMs))
  return [
    {
      what: '50,000 log files of 20 KB, CPU of the whole process',
      ours: `${whole.toFixed(2)} s`,
      limit: `${alone.toFixed(2)} s (measuring alone)`,
      ratio: whole / alone,
      target: 1.35,
      better: 'less',
    },
    {
      what: 'the same, two workers, wall',
      ours: `${two.toFixed(0)} ms`,
      limit: `${one.toFixed(0)} ms (one worker)`,
      ratio: one / two,
      target: 1.7,
      better: 'more',
    },
    ...archives.map(({ what, read: [command] }, i): Row => {
      const ours = median(rounds.map((round) => round.archives[i]?.ours ?? 0))
      const limit = median(rounds.map((round) => round.whole.wallMs + (round.archives[i]?.read ?? 0)))
      return {
        what: `the same in ${what}, wall`,
        ours: `${ours.toFixed(0)} ms`,
        limit: `${limit.toFixed(0)} ms (the directory, and ${command} of the archive)`,
        ratio: ours / limit,
        target: 1.3,
        better: 'less',
      }
    }),
  ]
}

/** Where the work is in measuring, not in what is around it. */
async function largeFiles(directory: string): Promise<Row> {
  mkdirSync(directory)
  const trail = await writeTrail(directory, { accounts: 1, regions: 1, hours: 60, logFilesPerHour: 100, logFileBytes: 500_000 })
  const rounds = Array.from({ length: ROUNDS }, () => [verifyWith(1, trail).wallMs, verifyWith(2, trail).wallMs] as const)
  const [one, two] = [median(rounds.map(([alone]) => alone)), median(rounds.map(([, both]) => both))]
  return {
    what: '6,000 log files of 500 KB, two workers, wall',
    ours: `${two.toFixed(0)} ms`,
    limit: `${one.toFixed(0)} ms (one worker)`,
    ratio: one / two,
    target: 1.7,
    better: 'more',
  }
}

interface Archive {
  readonly what: string
  readonly path: string
  /** Reads it once, and does nothing with it. */
  readonly read: readonly [string, readonly string[]]
}

function makeArchives(directory: string, folder: string): Archive[] {
  const [tar, gzip, zip] = ['tar', 'tar.gz', 'zip'].map((form) => join(directory, `archive.${form}`)) as [string, string, string]
  const make = (command: string, args: readonly string[]): boolean =>
    spawnSync(command, args, { cwd: directory, stdio: 'ignore' }).status === 0
  make('tar', ['-cf', tar, folder])
  make('tar', ['-czf', gzip, folder])
  const zipped = make('zip', ['-q', '-r', '-0', zip, folder])
  if (!zipped) console.error('zip is not installed: no row for it')
  return [
    { what: 'a tar', path: tar, read: ['cat', [tar]] },
    { what: 'a .tar.gz', path: gzip, read: ['zcat', [gzip]] },
    ...(zipped ? [{ what: 'a zip', path: zip, read: ['cat', [zip]] } as const] : []),
  ]
}

/** A million empty files in a thousand folders. */
async function listing(directory: string): Promise<Row[]> {
  for (let folder = 0; folder < 1000; folder++) {
    const path = join(directory, String(folder).padStart(4, '0'))
    mkdirSync(path, { recursive: true })
    for (let file = 0; file < 1000; file++) writeFileSync(join(path, `${folder}_${file}_CloudTrail_us-east-1.json.gz`), '')
  }
  const ours: number[] = []
  const find: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage()
    const source = await directorySource(directory)
    let listed = 0
    for await (const page of source.pages?.('') ?? []) listed += page.length
    if (listed !== 1_000_000) throw new Error(`${listed} files were listed`)
    const { user, system } = process.cpuUsage(before)
    ours.push((user + system) / 1e6)
    find.push(cpuOf('find', [directory, '-type', 'f']))
  }
  const [mine, limit] = [median(ours), median(find)]
  return [
    {
      what: 'listing 1,000,000 files in order, CPU',
      ours: `${mine.toFixed(2)} s`,
      limit: `${limit.toFixed(2)} s (find)`,
      ratio: mine / limit,
      target: 2,
      better: 'less',
    },
  ]
}

function wallOf(command: string, args: readonly string[]): number {
  const before = performance.now()
  spawnSync(command, args, { stdio: 'ignore' })
  return performance.now() - before
}

function cpuOf(command: string, args: readonly string[]): number {
  const { stderr } = spawnSync('bash', ['-c', 'TIMEFORMAT="%U %S"; time "$0" "$@" >/dev/null', command, ...args], {
    encoding: 'utf8',
  })
  const [user = 0, system = 0] = stderr.trim().split(' ').map(Number)
  return user + system
}
