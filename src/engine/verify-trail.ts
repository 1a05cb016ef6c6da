/** The run: discover, survey, then every account and region in order. */
import { setMaxListeners } from 'node:events'
import pLimit from 'p-limit'
import type { MetadataOrigin } from '../core/digest-metadata.js'
import { Disagreement } from '../core/disagreement.js'
import { ExpectedChains } from '../core/expected-chains.js'
import { makeFinding } from '../core/finding.js'
import type { Finding, Gap } from '../core/findings.js'
import { NEVER_SEEN } from '../core/never-seen.js'
import type { ChainSummary, PublicKeyUse, Result, Summary } from '../core/results.js'
import { countDigest, countLogFile, RunTally } from '../core/summary.js'
import { formatTime } from '../core/time.js'
import { deliveredHours, trailSentences } from '../core/trail-knowledge.js'
import { VerifyTrailError } from '../errors.js'
import type { Source } from '../sources/source.js'
import { VERSION } from '../version.js'
import { AcceptedGaps } from './accepted-gaps.js'
import { byName, type NamedSource } from './by-name.js'
import { SpoolBudget } from './claim-spool.js'
import { DigestListings } from './digest-listing.js'
import { type Discovery, discover, type Scope } from './discover.js'
import { EventLoopTurns } from './event-loop.js'
import { GapEvents } from './gap-events.js'
import { concatInOrder } from './in-order.js'
import { interruptedSentences } from './interrupted.js'
import { type Limit, MeasurerHere } from './measurer.js'
import { countNotLookedAt, type FoundTrail, hoursNotFound } from './not-found.js'
import { type ResolvedOptions, resolveOptions, type VerifyTrailOptions } from './options.js'
import { ProgressMeter } from './progress.js'
import { DigestReader } from './read-digest.js'
import type { Run } from './run.js'
import { type KnownChain, runScope, type ScopeEnd, type ScopeResult } from './scope-run.js'
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
  try {
    // Not `yield*`: a log file's way out is as short as it can be.
    for await (const page of verification.pages()) {
      for (const result of page) {
        if (result.kind === 'scope-end') verification.absorb(result)
        else yield verification.count(result)
      }
      const turn = turns.turn()
      if (turn) await turn
    }
  } catch (error) {
    if (error instanceof Disagreement) disagreement = verification.disagreement = error
    else if (resolved.signal?.aborted !== true) throw error
    verification.interrupted = true
  } finally {
    stop.abort()
  }
  yield verification.summary()
  if (disagreement !== undefined) throw new VerifyTrailError('ERR_DISAGREEMENT', disagreement.message, { cause: disagreement })
}

class Verification {
  interrupted = false
  disagreement: Disagreement | undefined
  readonly #options: ResolvedOptions
  readonly #signal: AbortSignal
  readonly #startedAt: string
  readonly #stop: () => void
  readonly #tally = new RunTally()
  readonly #progress: ProgressMeter
  readonly #chains: ChainSummary[] = []
  readonly #keys = new Map<string, PublicKeyUse>()
  readonly #notChecked: string[] = []
  readonly #strays: string[] = []
  readonly #found: FoundTrail[] = []
  readonly #known: KnownChain[] = []
  readonly #accepted: AcceptedGaps
  /** Undefined until they are found. */
  #scopes: readonly Scope[] | undefined
  /** Why digests have no public key that can be used. */
  readonly #keyRefusals = new Set<string>()
  readonly #metadataFrom: { [O in MetadataOrigin]?: number } = {}
  #unusableMetadata: ReadonlyMap<string, string> = new Map()

  constructor(options: ResolvedOptions, signal: AbortSignal, startedAt: string, stop: () => void) {
    this.#stop = stop
    this.#options = options
    this.#accepted = new AcceptedGaps(options.expectations)
    this.#signal = signal
    this.#startedAt = startedAt
    this.#progress = new ProgressMeter(options.onProgress)
  }

  async *pages(): AsyncGenerator<readonly ScopeResult[], void, undefined> {
    this.#progress.at = this.#options.sources.map(({ name }) => name).join(', ')
    this.#progress.report()
    const discovery = await this.#discover()
    this.#scopes = discovery.scopes
    this.#notChecked.push(...otherServices(discovery))
    const run = await this.#prepare(discovery)
    yield [...unreadableFolders(discovery), ...this.#strays.map(strayFinding)]
    const ahead = run.live ? SCOPES_AHEAD : 1
    yield* concatInOrder(discovery.scopes, (scope) => runScope(run, scope), { ahead, buffered: PAGES_BUFFERED }, this.#stop)
    await run.measurer.close()
    yield [...this.#notFound(run)]
  }

  /** Exports without an account's folder, or that the operator says so of, are looked at by the names of their files. */
  async #discover(): Promise<Discovery> {
    const { accountIds, regions, sources, byName: asked } = this.#options
    const signal = this.#signal
    const discovery = await discover(sources, { accountIds, regions, signal })
    const rebuilt = new Map<Source, NamedSource>()
    for (const source of sources) {
      if (source.kind === 'store' || (discovery.withAccounts.has(source) && !asked)) continue
      const named = await byName(source, signal)
      if (named === undefined) continue
      rebuilt.set(source, named)
      this.#notChecked.push(named.sentence)
      for (const stray of named.strays) this.#strays.push(`${source.name}/${stray}`)
    }
    if (rebuilt.size === 0) return discovery
    return discover(
      sources.map((source) => rebuilt.get(source) ?? source),
      { accountIds, regions, signal },
    )
  }

  async #prepare(discovery: Discovery): Promise<Run> {
    const { publicKeys, metadata, doubleCheck, now, concurrency } = this.#options
    const limiter = pLimit(concurrency)
    const limit: Limit = (read) => limiter(read)
    const progress = this.#progress
    const onBytes = (bytes: number): void => {
      progress.bytesRead += bytes
    }
    const signal = this.#signal
    const reader = new DigestReader({ publicKeys, metadata, doubleCheck, now, signal, limit, onBytes })
    this.#unusableMetadata = reader.unusableMetadata
    progress.phase = 'reading digests'
    progress.at = ''
    progress.scopes = discovery.scopes.length
    progress.report()
    const listings = new DigestListings()
    const { range, notChecked } = await survey({ options: this.#options, discovery, listings, reader, signal })
    this.#notChecked.push(...notChecked)
    const live = discovery.places.all.some((place) => place.source.kind === 'store')
    const budget = new SpoolBudget()
    const measuring = { maxInflatedBytes: this.#options.maxInflatedBytes, twice: doubleCheck, signal, limit, concurrency }
    const { workers, expectations, trailKnowledge } = this.#options
    const measurer = workers === 0 ? new MeasurerHere(measuring) : new WorkerPool(measuring, workers)
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
      progress,
      measurer,
      gaps: new GapEvents(discovery.scopes),
      largeDigests,
      range,
      expected: new ExpectedChains(expectations ?? { expect: [], accept: [] }, deliveredHours(trailKnowledge)),
      live,
    }
  }

  count<R extends Exclude<ScopeResult, ScopeEnd>>(result: R): R {
    const tally = this.#tally
    const progress = this.#progress
    if (result.kind === 'digest') {
      countDigest(tally.digests, result.verdict, result.findings.includes('DIGEST_OUT_OF_CHAIN'))
      const { metadataFrom } = result
      if (metadataFrom !== undefined) this.#metadataFrom[metadataFrom] = (this.#metadataFrom[metadataFrom] ?? 0) + 1
    } else if (result.kind === 'log-file') {
      countLogFile(tally.logFiles, result.status)
      tally.read += result.bytesRead
      tally.inflated += result.bytesInflated
      progress.logFiles++
      progress.bytesRead += result.bytesRead
      progress.phase = 'checking log files'
      progress.at = `${result.accountId} ${result.region ?? ''}`
      progress.report()
    } else {
      tally.addFinding(result)
      if (result.code === 'DIGEST_KEY_UNKNOWN' && result.reason !== undefined && this.#keyRefusals.size < NAMED_REFUSALS)
        this.#keyRefusals.add(result.reason)
      progress.findings++
      if (result.code === 'DIGEST_MISSING') tally.digests.missing++
      if (result.code === 'DIGEST_OUT_OF_CHAIN' && result.reason !== 'not-linked') countDigest(tally.digests, 'invalid', true)
    }
    return result
  }

  absorb(end: ScopeEnd): void {
    this.#progress.scopesDone++
    this.#chains.push(...end.chains)
    for (const chain of end.chains) this.#tally.addChain(chain)
    this.#notChecked.push(...end.notChecked)
    this.#known.push(...end.known)
    for (const entry of end.accepted) this.#accepted.use(entry)
    for (const trail of end.trails) this.#found.push({ accountId: end.accountId, region: end.region, trail })
    for (const { key, origin, independent, digests } of end.keys) {
      const known = this.#keys.get(key.fingerprint)
      const { fingerprint, sha256, validityStartTime, validityEndTime } = key
      this.#keys.set(fingerprint, {
        fingerprint,
        sha256,
        validityStartTime: validityStartTime === null ? null : formatTime(validityStartTime),
        validityEndTime: validityEndTime === null ? null : formatTime(validityEndTime),
        origin: known?.origin ?? origin,
        independent: known?.independent ?? independent,
        digests: (known?.digests ?? 0) + digests,
      })
    }
  }

  /** What was asked for or is expected, and is not there. */
  *#notFound(run: Run): Generator<Gap, void, undefined> {
    for (const { gap, accepted } of hoursNotFound({ run, found: this.#found, known: this.#known })) {
      if (accepted !== undefined) this.#accepted.use(accepted)
      yield gap
    }
    const outside = countNotLookedAt(run)
    if (outside > 0)
      this.#notChecked.push(
        `${outside} of the combinations that are expected lie outside of what was asked for: they were not looked for.`,
      )
  }

  summary(): Summary {
    const { accountIds, regions, trails, startTime, endTime, sources, startedAs, trailKnowledge } = this.#options
    const { start, end } = provenRange(this.#chains)
    const tally = this.#tally
    return {
      kind: 'summary',
      schemaVersion: 1,
      tool: { name: 'verify-trail', version: VERSION },
      verdict: tally.verdict(this.interrupted),
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
        node: process.version,
        commandLine: startedAs.commandLine ?? null,
        packageSha256: startedAs.packageSha256 ?? null,
        metadataFrom: this.#metadataFrom,
        interrupted: this.interrupted,
        ...(this.disagreement === undefined ? {} : { disagreement: this.disagreement.message }),
      },
      summary: {
        startTime: start,
        endTime: end,
        digests: tally.digests,
        logFiles: tally.logFiles,
        bytes: { read: tally.read, inflated: tally.inflated },
        chains: this.#chains.length,
        findings: tally.findings,
      },
      chains: this.#chains,
      ...this.#accepted.report(),
      ...(trailKnowledge.length === 0 ? {} : { trails: trailKnowledge }),
      publicKeys: [...this.#keys.values()].sort((a, b) => (a.fingerprint < b.fingerprint ? -1 : 1)),
      notChecked: this.#sentences(),
    }
  }

  #endedEarly(): string[] {
    if (this.disagreement !== undefined)
      return [
        `The run was stopped, because two opinions on one thing differ: nothing here is proven. ${this.disagreement.message}`,
      ]
    return this.interrupted ? interruptedSentences(this.#scopes, this.#progress.scopesDone) : []
  }

  #sentences(): string[] {
    const ignored = this.#options.sources.flatMap((source) =>
      (source.ignored ?? 0) > 0 ? [`${source.ignored} files of the operating system, or with metadata, were ignored.`] : [],
    )
    const interrupted = this.#endedEarly()
    const keys = [...this.#keyRefusals].sort().map((reason) => `Digests have no public key that can be used: ${reason}.`)
    const { sources, trailKnowledge } = this.#options
    const buckets = sources.flatMap(({ bucket }) => bucket ?? [])
    const told = [...trailSentences(trailKnowledge, buckets), ...keys, ...this.#notChecked, ...unusable(this.#unusableMetadata)]
    const unused = this.interrupted ? [] : this.#accepted.unused()
    return [...interrupted, ...told, ...unused, ...ignored, ...NEVER_SEEN]
  }
}

const NAMED_REFUSALS = 20

const NAMED = 10

/** What lies beside digests as their metadata, and is none. */
function unusable(files: ReadonlyMap<string, string>): string[] {
  const named = [...files].sort(([a], [b]) => (a < b ? -1 : 1))
  const sentences = named.slice(0, NAMED).map(([object, why]) => `The metadata file beside ${object} was not used: ${why}.`)
  return named.length > NAMED ? [...sentences, `${named.length - NAMED} more metadata files were not used.`] : sentences
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

function* unreadableFolders(discovery: Discovery): Generator<Finding, void, undefined> {
  for (const { place, source, part } of discovery.unreadable) {
    const { reason, detail } = part
    const object = place === undefined ? `${source.name}/${part.key}` : `s3://${place.bucket}/${place.original(part.key)}`
    const fields = { reason, ...(detail === undefined ? {} : { detail }) }
    const digests = part.key.includes('/CloudTrail-Digest/')
    const subject = { object, organizationId: null, accountId: null, region: null, time: null }
    if (digests) yield makeFinding(subject, { code: 'DIGEST_UNREADABLE', fields })
    else yield makeFinding(subject, { code: 'LOG_FILE_UNREADABLE', fields })
  }
}

/** The latest start and the earliest end among the chains that give hours. */
function provenRange(chains: readonly ChainSummary[]): { start: string | null; end: string | null } {
  let start: string | null = null
  let end: string | null = null
  for (const chain of chains) {
    if (chain.kind !== 'standard' || chain.startTime >= chain.endTime) continue
    if (start === null || chain.startTime > start) start = chain.startTime
    if (end === null || chain.endTime < end) end = chain.endTime
  }
  return { start, end }
}
