/** `verify-trail cluster`: one run on many machines. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { directoryResults } from '../cluster/directory-results.js'
import type { RedisOptions } from '../cluster/redis.js'
import { named, type Results, reportName, requestName } from '../cluster/results.js'
import { RunQueue } from '../cluster/run-queue.js'
import { formatRequest, RUN_ID, type RunRequest, runIdOf } from '../cluster/run-request.js'
import { outcomesOf, readRequest } from '../cluster/shard-work.js'
import { bordersOfPlan, planTrail } from '../engine/plan-trail.js'
import { VerifyTrailError } from '../errors.js'
import { readReport } from '../reports/read-report.js'
import { stableJson } from '../reports/stable-json.js'
import type { Source } from '../sources/source.js'
import { joinParts } from '../sources/split-archive.js'
import { VERSION } from '../version.js'
import type {
  ClusterCommand,
  ClusterMergeCommand,
  RedisFlags,
  StatusCommand,
  SubmitCommand,
  WorkCommand,
} from './cluster-arguments.js'
import { statusLines } from './cluster-status.js'
import { type Console, messageOf, say } from './console.js'
import { given } from './given.js'
import { hashOfFiles } from './hash-files.js'
import { packageSha256 } from './package-hash.js'
import { writeResults } from './report.js'
import { mergeOutcomes, ShardVerifier } from './shard-verifier.js'
import { isS3Url, openSource } from './sources.js'
import { EXIT_CODES, type ExitCode } from './verify.js'

/** Rejects with VerifyTrailError where nothing can be done. */
export function runCluster(command: ClusterCommand, console: Console): Promise<ExitCode> {
  switch (command.action) {
    case 'submit':
      return submit(command, console)
    case 'work':
      return workOn(command, console)
    case 'status':
      return status(command, console)
    case 'merge':
      return merge(command, console)
  }
}

async function submit(command: SubmitCommand, console: Console): Promise<ExitCode> {
  const request = await requestOf(command, console)
  const run = runIdOf(request)
  const results = await openResults(command.results, command)
  try {
    await results.put(requestName(run), formatRequest(request))
  } finally {
    await results.close?.()
  }
  const queue = await RunQueue.open(redisOf(command, console))
  try {
    const { isNew } = await queue.submit(request)
    say(
      console,
      isNew
        ? `submitted in ${request.shards} shards`
        : 'this run was submitted before: see its status. To verify the same once more, submit it with another --as-of',
    )
    console.stdout.write(`${run}\n`)
    return 0
  } finally {
    await queue.close()
  }
}

/** The plan is made here, once: every worker parts the run at the same borders. */
async function requestOf(command: SubmitCommand, console: Console): Promise<RunRequest> {
  const { sources: names, accountIds, regions, trails, startTime, endTime, byName, bucket, unvalidatedTrails, shards } = command
  const now = command.asOf ?? new Date()
  const sources: Source[] = []
  try {
    for (const name of joinParts(names)) sources.push(await openSource(name, command, console.interrupted))
    const asked = { accountIds, regions, trails, now, signal: console.interrupted }
    const plan = await planTrail({ sources, ...asked, ...given({ startTime, endTime, byName }) })
    return {
      format: 1,
      tool: { version: VERSION, packageSha256: packageSha256() ?? null },
      sources: names.map(sourceName),
      publicKeysSha256: await sha256Of(command.publicKeys),
      metadataSha256: await sha256Of(command.metadata),
      shards,
      borders: bordersOfPlan(plan, shards),
      now: now.toISOString(),
      startTime: startTime?.toISOString() ?? null,
      endTime: endTime?.toISOString() ?? null,
      accountIds,
      regions,
      trails,
      bucket: bucket === undefined ? null : { bucket: bucket.bucket, prefix: bucket.prefix ?? null },
      byName: byName ?? false,
      unvalidatedTrails,
    }
  } finally {
    await Promise.allSettled(sources.map((source) => source.close?.()))
  }
}

/** A directory is called by one name, wherever a command is run. */
export function sourceName(source: string): string {
  return isS3Url(source) ? source : resolve(source)
}

async function sha256Of(path: string | undefined): Promise<string | null> {
  if (path === undefined) return null
  return hashOfFiles(path).catch((error: unknown) => {
    throw new VerifyTrailError('ERR_CLUSTER', `cannot read '${path}': ${messageOf(error)}`, { cause: error })
  })
}

function redisOf({ redis, redisCa, redisPrefix }: RedisFlags, { environment }: Console): RedisOptions {
  const password = environment['VERIFY_TRAIL_REDIS_PASSWORD']
  return { url: redis, ...given({ password, caFile: redisCa, prefix: redisPrefix }) }
}

async function openResults(place: string, aws: { readonly endpointUrl?: string; readonly profile?: string }): Promise<Results> {
  if (!isS3Url(place)) return named(directoryResults(resolve(place)))
  const { s3Results } = await import('../cluster/s3-results.js')
  return named(await s3Results(place, given({ endpointUrl: aws.endpointUrl, profile: aws.profile })))
}

async function workOn(command: WorkCommand, console: Console): Promise<ExitCode> {
  const { run, words, lostAfter } = command
  if (run !== undefined) checkRun(run)
  const results = await openResults(command.results, command)
  const [publicKeys, metadata] = [await sha256Of(command.publicKeys), await sha256Of(command.metadata)]
  const work = new ShardVerifier(command, console, { publicKeys, metadata, sources: command.sources.map(sourceName), words })
  const { work: workAsAsked } = await import('../cluster/worker.js')
  try {
    const tell = (sentence: string) => say(console, sentence)
    say(console, `working on shards of ${command.sources.join(' ')}; ^C gives back what is in hand`)
    await workAsAsked({
      redis: redisOf(command, console),
      results,
      work,
      tell,
      signal: console.interrupted,
      ...given({ until: run, lockDuration: lostAfter === undefined ? undefined : lostAfter * 1000 }),
    })
  } finally {
    await results.close?.()
  }
  return 0
}

async function status({ run, json, ...command }: StatusCommand, console: Console): Promise<ExitCode> {
  const queue = await RunQueue.open(redisOf(command, console))
  try {
    if (run !== undefined) checkRun(run)
    const known = run === undefined ? await queue.runs(RUNS_SHOWN) : [await queue.status(run)].filter((one) => one !== undefined)
    if (run !== undefined && known.length === 0) throw new VerifyTrailError('ERR_CLUSTER', `Redis knows no run ${run}`)
    console.stdout.write(json ? `${stableJson(known)}\n` : `${statusLines(known).join('\n')}\n`)
    return 0
  } finally {
    await queue.close()
  }
}

const RUNS_SHOWN = 20

/** The report that the workers made; where there is none, that of all shards. */
async function merge(command: ClusterMergeCommand, console: Console): Promise<ExitCode> {
  const { run } = command
  checkRun(run)
  const results = await openResults(command.results, command)
  try {
    const bytes = (await results.get(reportName(run))) ?? (await mergeHere(results, run))
    const folder = await mkdtemp(join(tmpdir(), 'verify-trail-cluster-'))
    try {
      const path = join(folder, 'report.json')
      await writeFile(path, bytes)
      const summary = await writeResults(readReport(path), command, console)
      return summary === undefined ? 2 : EXIT_CODES[summary.verdict]
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  } finally {
    await results.close?.()
  }
}

/** Without Redis: the reports of all shards are enough. */
async function mergeHere(results: Results, run: string): Promise<Uint8Array> {
  const { shards } = await readRequest(results, run)
  const outcomes = await outcomesOf(results, run, shards)
  const missing = outcomes.filter(({ kind }) => kind === 'failed').map(({ shard }) => shard)
  if (missing.length === 0) return mergeOutcomes(outcomes, ['cluster', 'merge', '--run', run])
  const named = missing.slice(0, SHARDS_NAMED).join(', ')
  throw new VerifyTrailError(
    'ERR_CLUSTER',
    `the run ${run} is not merged yet: ${missing.length} of ${shards} shards have no report (${named}${missing.length > SHARDS_NAMED ? ', …' : ''})`,
  )
}

const SHARDS_NAMED = 20

function checkRun(run: string): void {
  if (!RUN_ID.test(run))
    throw new VerifyTrailError('ERR_INVALID_OPTION', `'${run}' is no name of a run: give the 32 hex digits that submit printed`)
}
