/** The work of a cluster's worker: verifies shards with its own keys and credentials, merges their reports. */

import { createWriteStream } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import type { RunRequest } from '../cluster/run-request.js'
import type { ShardOutcome, ShardWatch, ShardWork } from '../cluster/shard-work.js'
import type { Result } from '../core/results.js'
import { mergeShards } from '../engine/merge-shards.js'
import type { ShardReport } from '../engine/split-scopes.js'
import { type VerifyTrailOptions, verifyTrail } from '../engine/verify-trail.js'
import { jsonReport } from '../reports/json.js'
import { VERSION } from '../version.js'
import type { WorkCommand } from './cluster-arguments.js'
import type { Console } from './console.js'
import { withEvidence } from './evidence.js'
import { given } from './given.js'
import { shardReport } from './merge.js'
import { packageSha256 } from './package-hash.js'

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

  async verify(request: RunRequest, shard: number, { signal, onProgress }: ShardWatch): Promise<Uint8Array> {
    const { sources, shards: of, borders } = request
    const { publicKeys, metadata, endpointUrl, profile, concurrency, workers } = this.#command
    const evidence = { sources, ...given({ publicKeys, metadata, endpointUrl, profile, concurrency }) }
    return withEvidence(evidence, { ...this.#console, interrupted: signal }, (opened) =>
      writtenReport((write) => {
        const options: VerifyTrailOptions = {
          ...opened,
          ...askedOptions(request),
          shard: { index: shard, of, borders },
          startedAs: { commandLine: this.#identity.words, ...given({ packageSha256: this.#package }) },
          signal,
          onProgress,
          ...given({ concurrency, workers }),
        }
        return write(verifyTrail(options))
      }),
    )
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
      reports.push(await shardReport(path))
    }
    const failed = outcomes.flatMap((outcome) =>
      outcome.kind === 'failed' ? [{ index: outcome.shard, reason: outcome.reason }] : [],
    )
    return await writtenReport((write) => write(mergeShards(reports, { failed, commandLine })))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
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
