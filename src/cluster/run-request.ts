/** What a run over many machines is asked to do: everything that its verdict depends on, and no secret. */
import { createHash } from 'node:crypto'
import stringify from 'fast-json-stable-stringify'
import { isAccountId, isRegion, isTrailName } from '../core/object-key.js'
import { parseTime } from '../core/time.js'
import { VerifyTrailError } from '../errors.js'

/** The same for all shards of a run. Equal requests are one run. */
export interface RunRequest {
  readonly format: 1
  /** Each shard is verified by the same tool. */
  readonly tool: { readonly version: string; readonly packageSha256: string | null }
  /** URLs of buckets, or absolute paths that are the same on every machine. */
  readonly sources: readonly string[]
  /** Hex SHA-256 of the files that each worker must be given: null where it asks CloudTrail, or where there is none. */
  readonly publicKeysSha256: string | null
  readonly metadataSha256: string | null
  /** In how many parts, and where each but the first begins. */
  readonly shards: number
  readonly borders: readonly string[]
  /** ISO 8601. What every shard takes as now: nothing depends on when it is verified. */
  readonly now: string
  readonly startTime: string | null
  readonly endTime: string | null
  readonly accountIds: readonly string[]
  readonly regions: readonly string[]
  readonly trails: readonly string[]
  readonly bucket: { readonly bucket: string; readonly prefix: string | null } | null
  readonly byName: boolean
  readonly unvalidatedTrails: boolean
}

/** More parts than a thousand accounts have regions and years have months are a mistake. */
export const MOST_SHARDS = 1_000_000

/** The name of a run: 32 hex digits of the SHA-256 of its request. */
export function runIdOf(request: RunRequest): string {
  return createHash('sha256').update(stringify(request)).digest('hex').slice(0, 32)
}

export const RUN_ID: RegExp = /^[0-9a-f]{32}$/

export function formatRequest(request: RunRequest): Buffer {
  return Buffer.from(`${stringify(request)}\n`)
}

/**
 * A request as it was stored. Whoever can write to the results could have written it, so it is what it says only where its hash is
 * the run's name. Throws ERR_CLUSTER where it is not one.
 */
export function parseRequest(bytes: Buffer, runId: string): RunRequest {
  let value: unknown
  try {
    value = JSON.parse(bytes.toString('utf8'))
  } catch {
    throw notARequest(runId, 'no JSON')
  }
  if (!isRequest(value)) throw notARequest(runId, 'another shape')
  if (runIdOf(value) !== runId) throw notARequest(runId, 'its SHA-256 is not the name of the run')
  return value
}

function notARequest(runId: string, why: string): VerifyTrailError {
  return new VerifyTrailError('ERR_CLUSTER', `the results hold no request of the run ${runId}: ${why}`)
}

const MEMBERS = 16

function isRequest(value: unknown): value is RunRequest {
  if (typeof value !== 'object' || value === null || Object.keys(value).length !== MEMBERS) return false
  const given = value as { readonly [K in keyof RunRequest]?: unknown }
  return (
    given.format === 1 &&
    isTool(given.tool) &&
    isListOf(given.sources, (name) => name !== '') &&
    isHashOrNull(given.publicKeysSha256) &&
    isHashOrNull(given.metadataSha256) &&
    Number.isSafeInteger(given.shards) &&
    Number(given.shards) >= 1 &&
    Number(given.shards) <= MOST_SHARDS &&
    isListOf(given.borders, () => true) &&
    (given.borders as string[]).length === Number(given.shards) - 1 &&
    isTime(given.now) &&
    (given.startTime === null || isTime(given.startTime)) &&
    (given.endTime === null || isTime(given.endTime)) &&
    isListOf(given.accountIds, isAccountId) &&
    isListOf(given.regions, isRegion) &&
    isListOf(given.trails, isTrailName) &&
    isPlaceOrNull(given.bucket) &&
    typeof given.byName === 'boolean' &&
    typeof given.unvalidatedTrails === 'boolean'
  )
}

const HASH = /^[0-9a-f]{64}$/

function isTool(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Object.keys(value).length !== 2) return false
  const { version, packageSha256 } = value as Record<string, unknown>
  return typeof version === 'string' && isHashOrNull(packageSha256)
}

function isHashOrNull(value: unknown): boolean {
  return value === null || (typeof value === 'string' && HASH.test(value))
}

function isTime(value: unknown): boolean {
  return typeof value === 'string' && parseTime(value) !== undefined
}

function isListOf(value: unknown, allowed: (name: string) => boolean): boolean {
  return Array.isArray(value) && value.every((name) => typeof name === 'string' && allowed(name))
}

function isPlaceOrNull(value: unknown): boolean {
  if (value === null) return true
  if (typeof value !== 'object' || Object.keys(value).length !== 2) return false
  const { bucket, prefix } = value as Record<string, unknown>
  return typeof bucket === 'string' && bucket !== '' && (prefix === null || typeof prefix === 'string')
}
