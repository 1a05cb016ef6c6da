/**
 * An organization on many machines, on paper: `npm run bench -- simulation`. The planner's own borders part generated accounts and regions; a
 * scheduler hands shards out as the cluster does; what an object costs is measured elsewhere, what S3 allows is its documented limit.
 */
import { compareBorders } from '../src/engine/shard.js'
import { bordersOfPlan, type PlannedScope } from '../src/index.js'
import type { Row } from './row.js'

export const name = 'simulation'

/** docs/performance.md: CPU of one digest, of one log file of 20 KB out of S3. */
const DIGEST_S = 0.0005
const LOG_FILE_S = 0.00016
/** A request waits so long; so many are under way in one worker. */
const LATENCY_S = 0.02
const CONCURRENCY = 128
/** Opening a source, discovering 17,000 accounts and regions, and the survey: by each shard. */
const SHARD_START_S = 10
/** What finding its accounts and regions costs each shard. */
const LISTS_AN_ACCOUNT = 3
/** S3: GET requests a second and prefix. The keys of an account and region are a prefix of their own once S3 has parted them. */
const GETS_A_SECOND = 5500
/** USD: a million GET, a million LIST, an hour of a worker of two processors. */
const GET_PRICE = 0.4
const LIST_PRICE = 5
const WORKER_HOUR = 0.085

const ACCOUNTS = 1000
const REGIONS = 17
const HOURS = 3 * 365 * 24
const SHARDS_A_WORKER = 8
const WORKERS = [1, 4, 16, 64, 256, 1024, 4096]

const MONTHS = 36
const DIGEST_BYTES = 1500
const LOG_FILE_BYTES = 20_000

/** Few accounts and regions have most of the log files: two in each account are busy, and one account in a hundred is a hundred times the others. */
function organization(): PlannedScope[] {
  const scopes: PlannedScope[] = []
  for (let account = 0; account < ACCOUNTS; account++) {
    const large = account % 100 === 0 ? 100 : 1
    for (let region = 0; region < REGIONS; region++) {
      const logFilesAnHour = region < 2 ? large : 0.1
      const counted = (objects: number, bytes: number) => ({ objects, bytes: objects * bytes })
      const logFiles = counted(Math.round(HOURS * logFilesAnHour), LOG_FILE_BYTES)
      scopes.push({
        organizationId: null,
        accountId: String(111_122_223_333 + account),
        region: `us-east-${region + 1}`,
        chains: [],
        digests: counted(HOURS, DIGEST_BYTES),
        logFiles,
        months: Array.from({ length: MONTHS }, (_, n) => ({
          month: new Date(Date.UTC(2023, n)).toISOString().slice(0, 7),
          ...counted(logFiles.objects / MONTHS, LOG_FILE_BYTES),
        })),
        unreadable: 0,
      })
    }
  }
  return scopes.sort((a, b) => compareBorders(nameOf(a), nameOf(b)))
}

function nameOf({ accountId, region }: PlannedScope): string {
  return `/${accountId}/${region}`
}

/** Seconds that so much of one account and region takes one worker: waiting and computing overlap, and its own prefix limits both. */
function secondsOf(digests: number, logFiles: number): number {
  const computing = digests * DIGEST_S + logFiles * LOG_FILE_S
  const waiting = ((digests + logFiles) / CONCURRENCY) * LATENCY_S
  return Math.max(computing, waiting, (digests + logFiles) / GETS_A_SECOND)
}

/** What each shard takes, and how many digests are read by all of them: where months are split, each part reads the digests again. */
function parted(scopes: readonly PlannedScope[], shards: number): { lengths: number[]; digests: number } {
  const borders = bordersOfPlan({ scopes }, shards)
  const lengths: number[] = Array.from({ length: shards }, () => SHARD_START_S)
  let digests = 0
  let shard = 0
  const add = (more: number, logFiles: number): void => {
    digests += more
    lengths[shard] = (lengths[shard] ?? 0) + secondsOf(more, logFiles)
  }
  for (const scope of scopes) {
    const isBehind = (name: string): boolean => shard < borders.length && compareBorders(name, borders[shard] ?? '') >= 0
    while (isBehind(nameOf(scope))) shard++
    const last = scope.months.at(-1)
    if (last === undefined || !isBehind(`${nameOf(scope)}/${last.month}`)) {
      add(scope.digests.objects, scope.logFiles.objects)
      continue
    }
    let logFiles = 0
    for (const { month, objects } of scope.months) {
      for (; isBehind(`${nameOf(scope)}/${month}`); shard++) {
        if (logFiles > 0) add(scope.digests.objects, logFiles)
        logFiles = 0
      }
      logFiles += objects
    }
    add(scope.digests.objects, logFiles)
  }
  return { lengths, digests }
}

interface Simulated {
  readonly workers: number
  readonly shards: number
  readonly hours: number
  readonly usd: number
  readonly busy: number
}

/** The longest shard bounds it from below, what each shard costs by itself from above. */
function simulate(scopes: readonly PlannedScope[], workers: number): Simulated {
  const shards = Math.max(1, workers * SHARDS_A_WORKER)
  const { lengths, digests } = parted(scopes, shards)
  const free: number[] = Array.from({ length: workers }, () => 0)
  for (const length of lengths) {
    const first = free.indexOf(Math.min(...free))
    free[first] = (free[first] ?? 0) + length
  }
  const seconds = Math.max(...free)
  const work = lengths.reduce((sum, length) => sum + length, 0)
  const gets = scopes.reduce((sum, { logFiles }) => sum + logFiles.objects, digests)
  const lists = scopes.length * ((HOURS / 24) * 2 + 36 + 5) + shards * ACCOUNTS * LISTS_AN_ACCOUNT
  const requests = (gets / 1e6) * GET_PRICE + (lists / 1e6) * LIST_PRICE
  return {
    workers,
    shards,
    hours: seconds / 3600,
    usd: requests + (seconds / 3600) * workers * WORKER_HOUR,
    busy: work / (seconds * workers),
  }
}

export async function run(): Promise<Row[]> {
  const scopes = organization()
  const all = WORKERS.map((workers) => simulate(scopes, workers))
  const logFiles = scopes.reduce((sum, scope) => sum + scope.logFiles.objects, 0)
  const digests = scopes.reduce((sum, scope) => sum + scope.digests.objects, 0)
  console.log(
    `\n${scopes.length} accounts and regions, 3 years: ${(digests / 1e6).toFixed(0)} M digests, ${(logFiles / 1e6).toFixed(0)} M log files`,
  )
  console.log('| Workers | Shards | Hours | USD | Workers busy |\n| --- | --- | --- | --- | --- |')
  for (const { workers, shards, hours, usd, busy } of all)
    console.log(
      `| ${workers} | ${shards} | ${hours.toFixed(hours < 10 ? 1 : 0)} | ${usd.toFixed(0)} | ${Math.round(busy * 100)} % |`,
    )
  return []
}
