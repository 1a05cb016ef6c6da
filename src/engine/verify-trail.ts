/** The run: discover, survey, then every account and region in order. */
import { once, setMaxListeners } from 'node:events'
import pLimit from 'p-limit'
import { publishEnd, publishResult, publishStart } from '../channels.js'
import { Disagreement } from '../core/disagreement.js'
import { ExpectedChains } from '../core/expected-chains.js'
import { makeFinding } from '../core/finding.js'
import type { Finding } from '../core/findings.js'
import { NEVER_SEEN } from '../core/never-seen.js'
import type { ArchiveIdentity, Result, ShardPart, Summary } from '../core/results.js'
import { formatTime } from '../core/time.js'
import { deliveredHours, trailSentences } from '../core/trail-knowledge.js'
import { VerifyTrailError } from '../errors.js'
import type { Source } from '../sources/source.js'
import { VERSION } from '../version.js'
import { SpoolBudget } from './claim-spool.js'
import { DigestListings } from './digest-listing.js'
import type { Discovery } from './discover.js'
import { EventLoopTurns } from './event-loop.js'
import { find } from './find.js'
import { GapEvents } from './gap-events.js'
import { concatInOrder } from './in-order.js'
import { interruptedSentences } from './interrupted.js'
import { ListedBudget } from './listed-days.js'
import { type Limit, MeasurerHere } from './measurer.js'
import type { Wanted } from './not-found.js'
import { type ResolvedOptions, resolveOptions, type VerifyTrailOptions } from './options.js'
import { ProgressMeter } from './progress.js'
import { DigestReader } from './read-digest.js'
import { RecordedMeasurer } from './recorded-measurer.js'
import type { Run } from './run.js'
import { ignoredFiles, notFound } from './run-end.js'
import { RunTotals } from './run-totals.js'
import { type DigestsEnd, runScope, type ScopeEnd, type ScopeResult } from './scope-run.js'
import { type ScopeShare, shardOf } from './shard.js'
import { ShardAtWork, shardSentences } from './shard-part.js'
import { foundAs } from './source-label.js'
import { survey } from './survey.js'
import { WorkerPool } from './worker-pool.js'

export type { VerifyTrailOptions } from './options.js'
export type { Progress } from './progress.js'

/** Digests of more than some kilobytes that are open at once: each may hold a million claims. */
const LARGE_DIGESTS = 2

/** Accounts and regions worked on at once in a store: their waiting overlaps. */
const SCOPES_AHEAD = 24

/** Pages of results of each of them that wait for their turn. */
const PAGES_BUFFERED = 4

/**
 * Verifies the trails under the given sources: every digest chain, signature, link and log file.
 *
 * Yields results in an order that does not depend on concurrency: for each account and region its digests by chain and
 * time, each followed by the findings about it, gaps, then its log files in byte order of their keys; the summary last.
 * A stream without a summary is not a finished run. What is found about a trail is yielded, never thrown; it throws
 * VerifyTrailError where nothing can be said (misuse, a source that does not exist; ERR_DISAGREEMENT, after the summary). Breaking out of the loop stops all work;
 * `options.signal` ends the run early with a summary that says so.
 */
export async function* verifyTrail(options: VerifyTrailOptions): AsyncGenerator<Result, void, undefined> {
  const resolved = resolveOptions(options)
  // The clock is read once: told the same time, a run over the same input says the same.
  const startedAt = new Date(resolved.now).toISOString()
  const stop = new AbortController()
  const signal = resolved.signal === undefined ? stop.signal : AbortSignal.any([stop.signal, resolved.signal])
  // Every read in flight listens.
  setMaxListeners(0, signal)
  const verification = new Verification(resolved, signal, startedAt, () => stop.abort())
  let disagreement: Disagreement | undefined
  const turns = new EventLoopTurns()
  const run = publishStart({ startedAt, sources: resolved.sources.map((source) => source.name) })
  let summary: Summary | null = null
  try {
    // Not `yield*`: a log file's way out is as short as it can be.
    for await (const page of verification.pages()) {
      for (const result of page) {
        if (result.kind === 'scope-end' || result.kind === 'digests-end') {
          verification.absorb(result)
          continue
        }
        verification.count(result)
        publishResult(run, result)
        yield result
      }
      const turn = turns.turn()
      if (turn) await turn
    }
    await verification.identify()
    summary = verification.summary()
  } catch (error) {
    if (error instanceof Disagreement) disagreement = verification.disagreement = error
    else if (resolved.signal?.aborted !== true) throw error
    verification.interrupted = true
    summary = verification.summary()
  } finally {
    stop.abort()
    publishEnd(run, summary)
  }
  yield summary
  if (disagreement !== undefined) throw new VerifyTrailError('ERR_DISAGREEMENT', disagreement.message, { cause: disagreement })
}

class Verification {
  interrupted = false
  disagreement: Disagreement | undefined
  readonly #options: ResolvedOptions
  readonly #signal: AbortSignal
  readonly #startedAt: string
  readonly #stop: () => void
  readonly #totals: RunTotals
  readonly #progress: ProgressMeter
  /** What is to be verified; undefined until it is found. */
  #scopes: readonly ScopeShare[] | undefined
  #shard: ShardAtWork | undefined
  #archives: readonly ArchiveIdentity[] = []

  constructor(options: ResolvedOptions, signal: AbortSignal, startedAt: string, stop: () => void) {
    this.#stop = stop
    this.#options = options
    this.#totals = new RunTotals(options)
    this.#signal = signal
    this.#startedAt = startedAt
    this.#progress = new ProgressMeter(options.onProgress)
  }

  /** Once all was read. Rejects where an archive is not what was read. */
  async identify(): Promise<void> {
    const { sources } = this.#options
    if (!sources.some((source) => source.archive)) return
    this.#signal.throwIfAborted()
    const aborted = once(this.#signal, 'abort').then(() => this.#signal.throwIfAborted())
    this.#archives = (await Promise.race([archivesOf(sources), aborted])) ?? []
  }

  async *pages(): AsyncGenerator<readonly ScopeResult[], void, undefined> {
    this.#progress.at = this.#options.sources.map(({ name }) => name).join(', ')
    this.#progress.report()
    // Hashed while it is read; what is wrong is told in the end.
    void archivesOf(this.#options.sources).catch(() => undefined)
    const { discovery, byName, strays } = await find(this.#options, this.#signal)
    const { shard } = this.#options
    const ofShard = shard && shardOf(discovery.scopes, shard)
    const scopes = ofShard?.scopes ?? discovery.scopes.map((scope) => ({ scope }))
    this.#scopes = scopes
    this.#totals.notChecked.first.push(...byName, ...otherServices(discovery))
    const run = await this.#prepare(discovery, scopes)
    const wanted = wantedOf(run)
    this.#shard = ofShard && new ShardAtWork(this.#options, ofShard, wanted)
    if (ofShard === undefined || ofShard.index === 1)
      yield [...unreadableFolders(discovery, this.#options.sources), ...strays.map(strayFinding)]
    this.#shard?.beginScope()
    const ahead = run.live ? SCOPES_AHEAD : 1
    yield* concatInOrder(scopes, (share) => runScope(run, share), { ahead, buffered: PAGES_BUFFERED }, this.#stop)
    await run.measurer.close()
    if (ofShard === undefined) yield notFound(this.#totals, wanted)
  }

  async #prepare(discovery: Discovery, scopes: readonly ScopeShare[]): Promise<Run> {
    const { publicKeys, metadata, doubleCheck, now, concurrency, state } = this.#options
    const limiter = pLimit(concurrency)
    const limit: Limit = (read) => limiter(read)
    const progress = this.#progress
    const onBytes = (bytes: number): void => {
      progress.bytesRead += bytes
    }
    const signal = this.#signal
    const { unusableMetadata } = this.#totals
    const reader = new DigestReader({ publicKeys, metadata, doubleCheck, now, signal, limit, onBytes, state, unusableMetadata })
    progress.phase = 'reading digests'
    progress.at = ''
    progress.scopes = scopes.length
    progress.report()
    const listings = new DigestListings()
    const { range, notChecked } = await survey({ options: this.#options, discovery, listings, reader, signal })
    this.#totals.notChecked.first.push(...notChecked)
    const live = discovery.places.all.some((place) => place.source.kind === 'store')
    const budget = new SpoolBudget()
    const measuring = { maxInflatedBytes: this.#options.maxInflatedBytes, twice: doubleCheck, signal, limit, concurrency }
    const { workers, expectations, trailKnowledge } = this.#options
    const measures = workers === 0 ? new MeasurerHere(measuring) : new WorkerPool(measuring, workers)
    const measurer = state === undefined ? measures : new RecordedMeasurer(measures, state)
    const large = pLimit(LARGE_DIGESTS)
    const largeDigests: Limit = (read) => large(read)
    return {
      options: this.#options,
      signal,
      places: discovery.places,
      unreadable: discovery.unreadable,
      listings,
      reader,
      budget,
      listed: new ListedBudget(),
      progress,
      measurer,
      gaps: new GapEvents(discovery.scopes),
      largeDigests,
      range,
      expected: new ExpectedChains(expectations ?? { expect: [], accept: [] }, deliveredHours(trailKnowledge)),
      live,
    }
  }

  count(result: Exclude<ScopeResult, ScopeEnd | DigestsEnd>): void {
    const progress = this.#progress
    this.#totals.add(result)
    this.#shard?.count(result)
    if (result.kind === 'log-file') {
      progress.logFiles++
      progress.bytesRead += result.bytesRead
      progress.phase = 'checking log files'
      progress.at = `${result.accountId} ${result.region ?? ''}`
      progress.report()
    } else if (result.kind === 'finding' || result.kind === 'gap') progress.findings++
  }

  absorb(end: ScopeEnd | DigestsEnd): void {
    if (end.kind === 'digests-end') {
      this.#shard?.endDigests()
      return
    }
    this.#shard?.endScope(end)
    this.#progress.scopesDone++
    this.#totals.addScope(end)
  }

  summary(): Summary {
    const { accountIds, regions, trails, startTime, endTime, sources, startedAs, trailKnowledge, state } = this.#options
    const totals = this.#totals
    const shard = this.#shard?.part(totals)
    return {
      kind: 'summary',
      schemaVersion: 1,
      tool: { name: 'verify-trail', version: VERSION },
      verdict: totals.tally.verdict(this.interrupted),
      request: {
        startTime: startTime === null ? null : formatTime(startTime),
        endTime: endTime === null ? null : formatTime(endTime),
        accountIds,
        regions,
        trails,
      },
      run: {
        startedAt: this.#startedAt,
        finishedAt: new Date().toISOString(),
        sources: sources.map((source) => source.name),
        ...(this.#archives.length === 0 ? {} : { archives: this.#archives }),
        node: process.version,
        commandLine: startedAs.commandLine ?? null,
        packageSha256: startedAs.packageSha256 ?? null,
        metadataFrom: totals.metadataFrom,
        interrupted: this.interrupted,
        ...(state === undefined ? {} : { state: state.use() }),
        ...(this.disagreement === undefined ? {} : { disagreement: this.disagreement.message }),
      },
      summary: totals.counts(),
      chains: totals.chains,
      ...(shard === undefined ? {} : { shard }),
      ...totals.accepted.report(),
      ...(trailKnowledge.length === 0 ? {} : { trails: trailKnowledge }),
      publicKeys: totals.publicKeys,
      notChecked: this.#sentences(shard),
    }
  }

  #endedEarly(): string[] {
    if (this.disagreement !== undefined)
      return [
        `The run was stopped, because two opinions on one thing differ: nothing here is proven. ${this.disagreement.message}`,
      ]
    return this.interrupted
      ? interruptedSentences(
          this.#scopes?.map(({ scope }) => scope),
          this.#progress.scopesDone,
        )
      : []
  }

  #sentences(shard: ShardPart | undefined): string[] {
    const { sources, trailKnowledge } = this.#options
    const buckets = sources.flatMap(({ bucket }) => bucket ?? [])
    const ofPart = shard === undefined ? [] : shardSentences(shard)
    const ended = !this.interrupted && shard === undefined
    return [
      ...this.#endedEarly(),
      ...ofPart,
      ...trailSentences(trailKnowledge, buckets),
      ...this.#totals.sentences(ended),
      ...ignoredFiles(sources.map(({ ignored = 0 }) => ignored)),
      ...NEVER_SEEN,
    ]
  }
}

function wantedOf({ options, range, expected }: Run): Wanted {
  const [source] = options.sources
  return { asked: options, range, expected, object: source?.standsFor ?? source?.name ?? '' }
}

/** What lies in the folders of other services is not listed: a trail may have been made to deliver there. */
function otherServices({ otherServices: names }: Discovery): string[] {
  if (names.length === 0) return []
  return [`The folders of other services (${names.join(', ')}) were not searched for trails that deliver into them.`]
}

/** Without its folder nobody can say whether it lay among the log files. */
function strayFinding(object: string): Finding {
  const subject = { object, organizationId: null, accountId: null, region: null, time: null }
  return makeFinding(subject, { code: 'LOG_FILE_UNCOVERED', fields: { reason: 'no-chain' } })
}

function* unreadableFolders(discovery: Discovery, sources: readonly Source[]): Generator<Finding, void, undefined> {
  for (const { place, source, part } of discovery.unreadable) {
    const { reason, detail } = part
    const object = place === undefined ? foundAs(source, part.key, sources) : `s3://${place.bucket}/${place.original(part.key)}`
    const fields = { reason, ...(detail === undefined ? {} : { detail }) }
    const digests = part.key.includes('/CloudTrail-Digest/')
    const subject = { object, organizationId: null, accountId: null, region: null, time: null }
    if (digests) yield makeFinding(subject, { code: 'DIGEST_UNREADABLE', fields })
    else yield makeFinding(subject, { code: 'LOG_FILE_UNREADABLE', fields })
  }
}

function archivesOf(sources: readonly Source[]): Promise<ArchiveIdentity[]> {
  return Promise.all(sources.flatMap((source) => source.archive?.() ?? []))
}
