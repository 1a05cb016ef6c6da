/** The work of a cluster's worker: verifies shards with its own keys and credentials, merges their reports. */

import { createWriteStream } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import type { RunRequest } from '../cluster/run-request.js'
import { Refused, type ShardOutcome, type ShardVerified, type ShardWatch, type ShardWork } from '../cluster/shard-work.js'
import type { Result } from '../core/results.js'
import { mergeShards } from '../engine/merge-shards.js'
import type { ShardReport } from '../engine/split-scopes.js'
import { type VerifyTrailOptions, verifyTrail } from '../engine/verify-trail.js'
import { type ErrorCode, VerifyTrailError } from '../errors.js'
import { jsonReport } from '../reports/json.js'
import { VERSION } from '../version.js'
import type { WorkCommand } from './cluster-arguments.js'
import type { Console } from './console.js'
import { withEvidence } from './evidence.js'
import { given } from './given.js'
import { shardReport } from './merge.js'
import { packageSha256 } from './package-hash.js'
import { isS3Url } from './sources.js'

/** Not of the shard: it may be another's. */
const OF_THE_WORKER: ReadonlySet<ErrorCode> = new Set([
  'ERR_CREDENTIALS',
  'ERR_PUBLIC_KEYS',
  'ERR_METADATA',
  'ERR_INVALID_OPTION',
])

/** What this worker was given. */
export interface WorkerIdentity {
  readonly publicKeys: string | null
  readonly metadata: string | null
  readonly sources: readonly string[]
  readonly words: readonly string[]
}

export class ShardVerifier implements ShardWork {
  readonly #command: WorkCommand
  readonly #console: Console
  readonly #identity: WorkerIdentity
  readonly #package = packageSha256()

  constructor(command: WorkCommand, console: Console, identity: WorkerIdentity) {
    this.#command = command
    this.#console = console
    this.#identity = identity
  }

  refusal({ tool, sources, publicKeysSha256, metadataSha256 }: RunRequest): string | undefined {
    const { publicKeys, metadata, sources: own } = this.#identity
    if (tool.version !== VERSION) return `the run is for verify-trail ${tool.version}, and this worker is ${VERSION}`
    if (tool.packageSha256 !== (this.#package ?? null))
      return 'the run is for another build of this version: its package SHA-256 differs'
    const foreign = sources.find((source) => !own.includes(source))
    if (foreign !== undefined) return `the run is about ${foreign}, which this worker was not given as a source`
    if (publicKeysSha256 !== publicKeys)
      return `the run is for ${keysOf(publicKeysSha256)}, and this worker has ${keysOf(publicKeys)}`
    if (metadataSha256 !== metadata) return 'the run is for another metadata file than this worker was given'
    return undefined
  }

  async verify(request: RunRequest, shard: number, { signal, onProgress }: ShardWatch): Promise<ShardVerified> {
    const { sources, shards: of, borders } = request
    const { publicKeys, metadata, endpointUrl, profile, concurrency, workers } = this.#command
    const evidence = { sources, ...given({ publicKeys, metadata, endpointUrl, profile, concurrency }) }
    let isOpen = false
    let unreadForNow = 0
    try {
      const report = await withEvidence(evidence, { ...this.#console, interrupted: signal }, (opened) => {
        isOpen = true
        return writtenReport(async (write) => {
          const options: VerifyTrailOptions = {
            ...opened,
            ...askedOptions(request),
            shard: { index: shard, of, borders },
            startedAs: { commandLine: this.#identity.words, ...given({ packageSha256: this.#package }) },
            signal,
            onProgress,
            ...given({ concurrency, workers }),
          }
          await write(
            seen(verifyTrail(options), (result) => {
              if (isUnreadForNow(result)) unreadForNow++
            }),
          )
        })
      })
      return { report, unreadForNow }
    } catch (error) {
      // A store may be out of reach for a while; what else cannot be opened is not there for this worker.
      const isLost = !isOpen && !sources.some(isS3Url)
      if (error instanceof VerifyTrailError && (isLost || OF_THE_WORKER.has(error.code))) throw new Refused(error.message)
      throw error
    }
  }

  merge(_request: RunRequest, outcomes: readonly ShardOutcome[]): Promise<Uint8Array> {
    return mergeOutcomes(outcomes, this.#identity.words)
  }
}

/** The report of a whole run. Those of the shards are files meanwhile: not all of them are held at once. */
export async function mergeOutcomes(outcomes: readonly ShardOutcome[], commandLine: readonly string[]): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), 'verify-trail-merge-'))
  try {
    const reports: ShardReport[] = []
    for (const outcome of outcomes) {
      if (outcome.kind === 'failed') continue
      const path = join(folder, `shard-${outcome.shard}.json`)
      await writeFile(path, await outcome.read())
      reports.push(await namedShard(path, outcome.shard))
    }
    const failed = outcomes.flatMap((outcome) =>
      outcome.kind === 'failed' ? [{ index: outcome.shard, reason: outcome.reason }] : [],
    )
    return await writtenReport((write) => write(mergeShards(reports, { failed, commandLine })))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** What is wrong with it is said of the shard: its file here is nobody's business. */
async function namedShard(path: string, shard: number): Promise<ShardReport> {
  try {
    return await shardReport(path)
  } catch (error) {
    if (!(error instanceof VerifyTrailError)) throw error
    throw new VerifyTrailError(error.code, error.message.replaceAll(path, `the report of shard ${shard}`), { cause: error })
  }
}

async function* seen<T>(values: AsyncIterable<T>, see: (value: T) => void): AsyncGenerator<T> {
  for await (const value of values) {
    see(value)
    yield value
  }
}

function isUnreadForNow(result: Result): boolean {
  if (result.kind !== 'finding') return false
  return (
    (result.code === 'LOG_FILE_UNREADABLE' || result.code === 'DIGEST_UNREADABLE') &&
    (result.reason === 'network' || result.reason === 'throttled')
  )
}

function keysOf(sha256: string | null): string {
  return sha256 === null ? 'the public keys that CloudTrail gives' : `a public key file of SHA-256 ${sha256}`
}

function askedOptions(request: RunRequest): Omit<VerifyTrailOptions, 'sources'> {
  const { now, startTime, endTime, accountIds, regions, trails, bucket, byName, unvalidatedTrails } = request
  const place = bucket === null ? undefined : { bucket: bucket.bucket, ...given({ prefix: bucket.prefix ?? undefined }) }
  const range = given({ startTime: startTime ?? undefined, endTime: endTime ?? undefined, originalPlace: place })
  return { now: new Date(now), accountIds, regions, trails, byName, unvalidatedTrails, ...range }
}

/** A JSON report by way of a file: however many findings there are, they are not held twice. */
async function writtenReport(
  make: (write: (results: AsyncIterable<Result>) => Promise<void>) => Promise<void>,
): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), 'verify-trail-shard-'))
  try {
    const path = join(folder, 'report.json')
    const stream = createWriteStream(path)
    const writer = jsonReport(stream)
    await make(async (results) => {
      for await (const result of results) {
        const wait = writer.write(result)
        if (wait) await wait
      }
    })
    await writer.end()
    stream.end()
    await finished(stream)
    return await readFile(path)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
