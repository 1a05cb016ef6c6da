/**
 * An organization on many machines, on paper: `npm run bench -- simulation`. The planner's own borders part generated accounts and regions; a
 * scheduler hands shards out as the cluster does; what an object costs is measured elsewhere, what S3 allows is its documented limit.
 */
import { bordersOf } from '../src/engine/shard.js'
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

interface Scope {
  readonly name: string
  readonly digests: number
  readonly logFiles: number
}

/** Few accounts and regions have most of the log files: two in each account are busy, and one account in a hundred is a hundred times the others. */
function organization(): Scope[] {
  const scopes: Scope[] = []
  for (let account = 0; account < ACCOUNTS; account++) {
    const large = account % 100 === 0 ? 100 : 1
    for (let region = 0; region < REGIONS; region++) {
      const logFilesAnHour = region < 2 ? large : 0.1
      const name = `/${111_122_223_333 + account}/us-east-${region + 1}`
      scopes.push({ name, digests: HOURS, logFiles: Math.round(HOURS * logFilesAnHour) })
    }
  }
  return scopes.sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** Seconds that one account and region takes one worker: waiting and computing overlap, and its own prefix limits both. */
function secondsOf({ digests, logFiles }: Scope): number {
  const computing = digests * DIGEST_S + logFiles * LOG_FILE_S
  const waiting = ((digests + logFiles) / CONCURRENCY) * LATENCY_S
  return Math.max(computing, waiting, (digests + logFiles) / GETS_A_SECOND)
}

interface Simulated {
  readonly workers: number
  readonly shards: number
  readonly hours: number
  readonly usd: number
  readonly busy: number
}

/** The longest shard bounds it from below, what each shard costs by itself from above. */
function simulate(scopes: readonly Scope[], workers: number): Simulated {
  const shards = Math.min(scopes.length, Math.max(1, workers * SHARDS_A_WORKER))
  const weights = new Map(scopes.map((scope) => [scope.name, secondsOf(scope)]))
  const borders = bordersOf([...weights.keys()], shards, (one) => weights.get(one) ?? 0)
  const lengths: number[] = Array.from({ length: shards }, () => SHARD_START_S)
  let shard = 0
  for (const [one, seconds] of weights) {
    while (shard < borders.length && one >= (borders[shard] ?? '')) shard++
    lengths[shard] = (lengths[shard] ?? 0) + seconds
  }
  const free: number[] = Array.from({ length: workers }, () => 0)
  for (const length of lengths) {
    const first = free.indexOf(Math.min(...free))
    free[first] = (free[first] ?? 0) + length
  }
  const seconds = Math.max(...free)
  const work = lengths.reduce((sum, length) => sum + length, 0)
  const gets = scopes.reduce((sum, { digests, logFiles }) => sum + digests + logFiles, 0)
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
  const logFiles = scopes.reduce((sum, scope) => sum + scope.logFiles, 0)
  const digests = scopes.reduce((sum, scope) => sum + scope.digests, 0)
  console.log(
    `\n${scopes.length} accounts and regions, 3 years: ${(digests / 1e6).toFixed(0)} M digests, ${(logFiles / 1e6).toFixed(0)} M log files`,
  )
  console.log('| Workers | Shards | Hours | USD | Workers busy |\n| --- | --- | --- | --- | --- |')
  for (const { workers, shards, hours, usd, busy } of all)
    console.log(
      `| ${workers} | ${shards} | ${hours.toFixed(hours < 10 ? 1 : 0)} | ${usd.toFixed(0)} | ${Math.round(busy * 100)} % |`,
    )
  const longest = Math.max(...scopes.map(secondsOf)) / 3600
  console.log(`the longest account and region alone: ${longest.toFixed(2)} h`)
  return []
}
