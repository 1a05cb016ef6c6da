/** Options of a run: checked once, then frozen. */
import { checkExpectations, type Expectations } from '../core/expectations.js'
import { isAccountId, isRegion, isTrailName } from '../core/object-key.js'
import { formatTime, parseTime } from '../core/time.js'
import type { TrailKnowledge } from '../core/trail-knowledge.js'
import { VerifyTrailError } from '../errors.js'
import type { PublicKeySource } from '../keys/key-source.js'
import type { MetadataFile } from '../sources/metadata-file.js'
import type { Source } from '../sources/source.js'
import type { Progress } from './progress.js'
import type { RunState } from './run-state.js'
import { compareBorders, type ShardRequest } from './shard.js'

/** What to verify, with whose keys, and how. All but `sources` may be left out. */
export interface VerifyTrailOptions {
  /** Where to look. At least one. */
  readonly sources: readonly Source[]
  /** Where public keys come from. Without it every digest is DIGEST_KEY_UNKNOWN. */
  readonly publicKeys?: PublicKeySource
  /** Object metadata of an export, saved beside it. */
  readonly metadata?: MetadataFile
  /** ISO 8601 (no offset: UTC; a date: its midnight) or a Date. @default the end of each chain's oldest digest */
  readonly startTime?: string | Date
  /** @default a store: now − 2 h 30 min; an export: 10 minutes before the newest valid digestEndTime */
  readonly endTime?: string | Date
  /** Narrow what is judged. @default all that is found */
  readonly accountIds?: readonly string[]
  readonly regions?: readonly string[]
  readonly trails?: readonly string[]
  /** With `trails`: only chains of trails of this home region. */
  readonly homeRegion?: string
  /** The original place of an export or of a replica bucket. */
  readonly originalPlace?: { readonly bucket: string; readonly prefix?: string }
  /**
   * Of exports: each file is put where its name says, whatever folder it lies in. Exports without any `AWSLogs/ACCOUNT/` are read so anyway.
   * @default false
   */
  readonly byName?: boolean
  /** The operator says that trails without validation deliver into the same folders. @default false */
  readonly unvalidatedTrails?: boolean
  /** Which chains must be there, and which gaps are accepted: `parseExpectations`. @default nothing is expected */
  readonly expectations?: Expectations
  /** What CloudTrail itself says of trails: `askTrail` of `verify-trail/s3`. @default it was not asked */
  readonly trailKnowledge?: readonly TrailKnowledge[]
  /** How many objects are read at once: 1 to 1024. @default 128 */
  readonly concurrency?: number
  /** Worker threads that measure log files: 0 to 64; 0: none. @default as many as processors, once there is enough to do */
  readonly workers?: number
  /**
   * A second opinion on everything: each signature also by node-forge, each log file also by the careful way of measuring.
   * Where two differ, the run ends: with a summary that says so, then with ERR_DISAGREEMENT. @default false
   */
  readonly doubleCheck?: boolean
  /** A log file that inflates to more is LOG_FILE_TOO_LARGE. @default 2 GiB */
  readonly maxInflatedBytes?: number
  /** What the run takes as now, and says as its start. @default the clock, read once */
  readonly now?: Date
  /** Only one part of the run: `mergeShards` makes one report of all of them. All are told the same `now`. @default the whole run */
  readonly shard?: ShardRequest
  /** What is known from a run that broke off, or from earlier runs: for the command line. @internal */
  readonly state?: RunState
  /** How the run was started, for the report. */
  readonly startedAs?: StartedAs
  /** Stops the run: it ends with a summary that says `interrupted`. */
  readonly signal?: AbortSignal
  /** Called now and then with how far the run has come, from within it: what it throws, the run throws. */
  readonly onProgress?: (progress: Progress) => void
}

/** What the report's `run` says of how the run was started. */
export interface StartedAs {
  readonly commandLine?: readonly string[]
  /** Hex SHA-256 over the names and bytes of the tool's own files. */
  readonly packageSha256?: string
}

export interface ResolvedOptions {
  readonly sources: readonly Source[]
  readonly publicKeys: PublicKeySource | undefined
  readonly metadata: MetadataFile | undefined
  readonly startTime: number | null
  readonly endTime: number | null
  readonly accountIds: readonly string[]
  readonly regions: readonly string[]
  readonly trails: readonly string[]
  readonly homeRegion: string | undefined
  readonly originalPlace: { readonly bucket: string; readonly prefix: string | undefined } | undefined
  readonly byName: boolean
  readonly unvalidatedTrails: boolean
  readonly expectations: Expectations | undefined
  readonly trailKnowledge: readonly TrailKnowledge[]
  readonly concurrency: number
  /** Null: as many as there are processors, once there is enough to do. */
  readonly workers: number | null
  readonly doubleCheck: boolean
  readonly maxInflatedBytes: number
  readonly now: number
  readonly shard: ShardRequest | undefined
  readonly state: RunState | undefined
  readonly startedAs: StartedAs
  readonly signal: AbortSignal | undefined
  readonly onProgress: ((progress: Progress) => void) | undefined
}

const DEFAULT_CONCURRENCY = 128
const MAX_CONCURRENCY = 1024
const MAX_WORKERS = 64
const DEFAULT_MAX_INFLATED = 2 * 1024 ** 3

/** Throws ERR_INVALID_OPTION, naming the option, what was given and what is allowed. */
export function resolveOptions(options: VerifyTrailOptions): ResolvedOptions {
  const { sources } = options
  if (!Array.isArray(sources) || sources.length === 0) refuse('sources', sources, 'at least one source')
  const startTime = time('startTime', options.startTime)
  const endTime = time('endTime', options.endTime)
  if (startTime !== null && endTime !== null && startTime >= endTime) {
    refuse('startTime', formatTime(startTime), `a time before endTime (${formatTime(endTime)})`)
  }
  return Object.freeze({
    sources: Object.freeze([...sources]),
    publicKeys: options.publicKeys,
    metadata: options.metadata,
    startTime,
    endTime,
    accountIds: names('accountIds', options.accountIds, isAccountId, 'account ids of 12 digits'),
    regions: names('regions', options.regions, isRegion, 'regions such as us-east-1'),
    trails: names('trails', options.trails, isTrailName, 'trail names (3 to 128 of A-Z a-z 0-9 . _ -)'),
    homeRegion: options.homeRegion,
    originalPlace: originalPlace(options.originalPlace),
    byName: options.byName ?? false,
    unvalidatedTrails: options.unvalidatedTrails ?? false,
    expectations: expectations(options.expectations),
    trailKnowledge: options.trailKnowledge ?? [],
    concurrency: integer('concurrency', options.concurrency ?? DEFAULT_CONCURRENCY, MAX_CONCURRENCY),
    workers: options.workers === undefined ? null : integer('workers', options.workers, MAX_WORKERS, 0),
    doubleCheck: options.doubleCheck ?? false,
    maxInflatedBytes: integer('maxInflatedBytes', options.maxInflatedBytes ?? DEFAULT_MAX_INFLATED, Number.MAX_SAFE_INTEGER),
    now: (options.now ?? new Date()).getTime(),
    shard: shard(options.shard, options.now),
    state: options.state,
    startedAs: options.startedAs ?? {},
    signal: options.signal,
    onProgress: options.onProgress,
  })
}

function refuse(option: string, given: unknown, allowed: string): never {
  throw new VerifyTrailError(
    'ERR_INVALID_OPTION',
    `${option}: ${JSON.stringify(given) ?? String(given)} was given; allowed: ${allowed}`,
  )
}

function time(option: string, value: string | Date | undefined): number | null {
  if (value === undefined) return null
  const ms = value instanceof Date ? value.getTime() : parseTime(value)
  return ms === undefined || Number.isNaN(ms) ? refuse(option, value, 'an ISO 8601 time, such as 2026-01-10T00:00:00Z') : ms
}

function names(
  option: string,
  values: readonly string[] | undefined,
  allowed: (name: string) => boolean,
  form: string,
): readonly string[] {
  for (const value of values ?? []) if (!allowed(value)) refuse(option, value, form)
  return Object.freeze([...new Set(values ?? [])])
}

function expectations(value: Expectations | undefined): Expectations | undefined {
  if (value === undefined) return undefined
  const answer = checkExpectations(value)
  if (answer.ok) return answer.expectations
  throw new VerifyTrailError('ERR_INVALID_OPTION', `expectations: ${answer.reason}`)
}

const MAX_SHARDS = 1_000_000

function shard(value: ShardRequest | undefined, now: Date | undefined): ShardRequest | undefined {
  if (value === undefined) return undefined
  const { index, of, borders } = value
  integer('shard.of', of, MAX_SHARDS)
  integer('shard.index', index, of)
  if (now === undefined) refuse('now', undefined, 'the same time for all shards of a run')
  if (borders !== undefined && borders.length !== of - 1) refuse('shard.borders', borders.length, `${of - 1} borders`)
  // Out of order, an account and region would lie in two shards.
  const misplaced = borders?.find((border, i) => i > 0 && compareBorders(borders[i - 1] ?? '', border) > 0)
  if (misplaced !== undefined) refuse('shard.borders', misplaced, 'borders in the order of a run')
  return Object.freeze({ ...value })
}

function integer(option: string, value: number, max: number, min = 1): number {
  const allowed = `a whole number from ${min} to ${max}`
  return Number.isSafeInteger(value) && value >= min && value <= max ? value : refuse(option, value, allowed)
}

function originalPlace(place: VerifyTrailOptions['originalPlace']): ResolvedOptions['originalPlace'] {
  if (place === undefined) return undefined
  const { bucket, prefix } = place
  if (bucket === '') refuse('originalPlace.bucket', bucket, 'the name of a bucket')
  const withSlash = prefix === undefined || prefix === '' || prefix.endsWith('/') ? prefix : `${prefix}/`
  return { bucket, prefix: withSlash }
}
