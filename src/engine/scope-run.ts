/** One account and region: its digests, then its log files, as results in their final order. */

import { chainCoverage } from '../core/chain-coverage.js'
import { rangeOf } from '../core/chain-range.js'
import type { CheckedChain, CheckedDigest } from '../core/check-chain.js'
import { type DigestRecord, digestInterval, type KeyCount, objectName } from '../core/check-digest.js'
import { type Interval, overlaps } from '../core/coverage.js'
import { digestResult } from '../core/digest-result.js'
import { type ChainExpectation, splitAccepted } from '../core/expected-chains.js'
import { makeFinding, makeGap, type Observation, type Subject, verdictOf } from '../core/finding.js'
import type { ChainId, Finding, Gap } from '../core/findings.js'
import { acceptGaps, type JudgedChain, judgeChain } from '../core/judge-chain.js'
import type { OpenHours } from '../core/open-hours.js'
import type { PublicKey } from '../core/public-keys.js'
import { LogFileContext, timeOf } from '../core/reconcile.js'
import type { CarriedOver, CarriedOverResult, ChainSummary, Result, Summary } from '../core/results.js'
import { addListed, addValid, ChainTally, countDigest, countLogFile } from '../core/summary.js'
import { formatTime, parseTime } from '../core/time.js'
import type { ForeignDigest } from './digest-listing.js'
import { type WalkedDigests, walkDigests } from './digest-walk.js'
import type { Scope } from './discover.js'
import { mapInOrder } from './in-order.js'
import type { JudgedLogFile } from './judged-log-file.js'
import { type LogFoldersAhead, logFoldersAhead } from './log-listing.js'
import { walkLogFiles } from './log-walk.js'
import { isIn, type Months, monthAt } from './months.js'
import { searchNextDigest } from './next-digest.js'
import type { Place } from './places.js'
import type { Run } from './run.js'
import { listedHashes, signedHashes, VersionSearch } from './search-versions.js'
import { SettledPast } from './settled-past.js'
import type { ScopeShare } from './shard.js'
import { placesUnseen } from './unseen-digests.js'

/** A public key, where it came from, and how many digests it proved here. */
export interface KeyUse {
  readonly key: PublicKey
  readonly origin: string
  readonly independent: boolean
  digests: number
}

export interface KnownChain extends Interval {
  readonly id: ChainId
}

/** What the whole run must know of an account and region, once it is done. */
export interface ScopeEnd {
  readonly kind: 'scope-end'
  readonly chains: readonly ChainSummary[]
  readonly notChecked: readonly string[]
  readonly keys: readonly KeyUse[]
  /** Trails with a digest in the range. */
  readonly trails: readonly string[]
  /** The standard chains that have a valid digest, asked for or not, and the hours that are judged of each. */
  readonly known: readonly KnownChain[]
  /** For each gap that is accepted, which entry accepts it. */
  readonly accepted: readonly number[]
  /** With a state: what of its digests was carried over one by one. */
  readonly carriedOver: Pick<CarriedOver, 'digests' | 'bytes'> | undefined
  readonly accountId: string
  readonly region: string | null
}

/** Where the results about digests end, and those about log files begin; only where these are split over parts of a run. */
export interface DigestsEnd {
  readonly kind: 'digests-end'
}

type Told = Exclude<Result, Summary>
export type ScopeResult = Told | DigestsEnd | ScopeEnd

/** All results of one account and region, or of some months of it, a page at a time; the last one is for the run itself. */
export async function* runScope(run: Run, share: ScopeShare): AsyncGenerator<readonly ScopeResult[], void, undefined> {
  const { scope, months } = share
  const ahead = logFoldersAhead(run, scope, months)
  const past = await SettledPast.open(run, scope, months === undefined, ahead)
  try {
    // An empty page would take a full one's room among those that wait for their turn, and stop the work ahead.
    for await (const page of scopeResults(run, share, past, ahead)) if (page.length > 0) yield page
  } finally {
    past?.letGo()
  }
}

async function* scopeResults(
  run: Run,
  share: ScopeShare,
  past: SettledPast | undefined,
  ahead: LogFoldersAhead,
): AsyncGenerator<readonly ScopeResult[], void, undefined> {
  const walked = await walkSettled(run, share, past)
  try {
    const chains: JudgedChain[] = []
    for (const checked of walked.chains) {
      const expected = expectedOf(run, checked, walked.chains)
      const chain = judgeChain(checked, run.range, expected)
      const told = isAsked(run, chain.chain.id) ? await searchNextDigest(run, await run.gaps.explain(run, chain)) : chain
      chains.push(acceptGaps(told, expected.accepted))
    }
    yield* new ScopeRun(run, share, walked, chains, past).results(ahead)
  } finally {
    await walked.claims.discard()
  }
}

/** What speaks against settled days makes them be read: then all is linked anew. */
async function walkSettled(run: Run, { scope, months }: ScopeShare, past: SettledPast | undefined): Promise<WalkedDigests> {
  for (;;) {
    const walked = await walkDigests(run, scope, { inMonths: months !== undefined, past })
    const { chains } = walked
    const rangeOfChain = (chain: CheckedChain): Interval => rangeOf(chain, run.range, expectedOf(run, chain, chains)).range
    if (!past?.isContradicted(chains, rangeOfChain)) return walked
    await walked.claims.discard()
  }
}

/** `--trail` narrows what is judged, not what is read. */
function isAsked({ options }: Run, id: ChainId): boolean {
  const { trails, homeRegion } = options
  return (trails.length === 0 || trails.includes(id.trail)) && (homeRegion === undefined || homeRegion === id.homeRegion)
}

/** The digest that CloudTrail delivered last may have been a backfill digest: then it says nothing of the standard chain. */
function expectedOf(run: Run, { id }: CheckedChain, all: readonly CheckedChain[]): ChainExpectation {
  const expected = run.expected.of(id)
  if (expected.delivered === null) return expected
  const backfill = all.filter(({ id: other }) => other.kind === 'backfill' && isSameTrail(id, other))
  const { delivered } = expected
  const told = backfill.some(({ digests }) => digests.some((digest) => digest.vouches && generationTime(digest) >= delivered))
  return told ? { ...expected, delivered: null } : expected
}

class ScopeRun {
  readonly #run: Run
  readonly #scope: Scope
  readonly #months: Months | undefined
  readonly #walked: WalkedDigests
  /** All chains; those that were not asked for only tell what they list. */
  readonly #chains: readonly JudgedChain[]
  readonly #tallies = new Map<JudgedChain, ChainTally>()
  readonly #chainOf = new Map<number, JudgedChain>()
  readonly #versions: VersionSearch
  readonly #accepted: number[] = []
  readonly #past: SettledPast | undefined

  constructor(
    run: Run,
    { scope, months }: ScopeShare,
    walked: WalkedDigests,
    chains: readonly JudgedChain[],
    past: SettledPast | undefined,
  ) {
    this.#past = past
    this.#run = run
    this.#scope = scope
    this.#months = months
    this.#walked = walked
    this.#chains = chains
    this.#versions = new VersionSearch(run)
    for (const chain of this.#chains) {
      for (const { record } of chain.chain.digests) this.#chainOf.set(record.ordinal, chain)
      if (isAsked(run, chain.chain.id) && !chain.over) this.#tallies.set(chain, new ChainTally())
    }
    run.progress.addListed(this.#listed())
    run.progress.report()
  }

  /** Whether what is delivered then is likely to lie in the months of this part. */
  #isHere(time: number): boolean {
    return this.#months === undefined || isIn(this.#months, monthAt(time))
  }

  /** How many log files the judged digests list. */
  #listed(): number {
    let listed = 0
    for (const { digests } of this.#tallies.keys()) {
      for (const { checked } of digests) {
        const { facts } = checked.record
        if (facts.kind === 'content' && this.#isHere(facts.digest.digestEndTime)) listed += facts.logFiles
      }
    }
    return listed
  }

  async *results(ahead: LogFoldersAhead): AsyncGenerator<readonly ScopeResult[], void, undefined> {
    yield [...this.#unreadableFolders()]
    yield this.#walked.foreign.flatMap((foreign) => [...this.#foreign(foreign)])
    for (const [chain, tally] of this.#tallies) {
      yield await this.#versions.attach([...this.#digests(chain, tally)], signedHashes(chain))
    }
    if (this.#months !== undefined) yield [{ kind: 'digests-end' }]
    yield this.#carriedOver()
    if (this.#isSplit) yield* this.#logFiles(ahead, this.#months)
    else if (this.#months?.from == null) yield* this.#logFiles(ahead, undefined)
    this.#past?.settle(this.#chains, new Set(this.#tallies.keys()))
    yield [this.#end()]
  }

  #carriedOver(): CarriedOverResult[] {
    const result = this.#past?.result(this.#settledDigests())
    if (result === undefined) return []
    for (const [chain, tally] of this.#tallies) addListed(tally.logFiles, this.#past?.logFilesOf(chain.chain.id) ?? 0)
    const { progress } = this.#run
    progress.digests += result.digests
    progress.logFiles += result.logFiles
    return [result]
  }

  /** Without a known chain there are hours between the first and the last log file of all months; what is listed twofold has two months. */
  get #isSplit(): boolean {
    if (this.#months === undefined || this.#walked.ambiguous) return false
    return this.#chains.some((chain) => chain.known && chain.chain.id.kind === 'standard')
  }

  #settledDigests(): number {
    const judged = [...this.#tallies.keys()].flatMap(({ digests }) => digests)
    return judged.reduce((total, { checked }) => total + (checked.record.settled?.digests ?? 0), 0)
  }

  *#unreadableFolders(): Generator<Finding, void, undefined> {
    for (const { place, part } of this.#walked.unreadable) {
      const { reason, detail } = part
      const subject = this.#subject(`s3://${place.bucket}/${place.original(part.key)}`, null)
      yield makeFinding(subject, { code: 'DIGEST_UNREADABLE', fields: { reason, ...(detail === undefined ? {} : { detail }) } })
    }
  }

  *#foreign({ place, key, name }: ForeignDigest): Generator<Finding, void, undefined> {
    const { askedStart, askedEnd } = this.#run.range
    const time = timeOf(name)
    if (time !== null && ((askedStart !== null && time.end <= askedStart) || (askedEnd !== null && time.start >= askedEnd)))
      return
    const subject = this.#subject(`s3://${place.bucket}/${key}`, time === null ? null : time.start)
    yield makeFinding(subject, { code: 'DIGEST_OUT_OF_CHAIN', fields: { reason: name.reason } })
  }

  #subject(object: string, time: number | null): Subject {
    const { organizationId, accountId, region } = this.#scope
    return { object, organizationId, accountId, region, time: time === null ? null : formatTime(time) }
  }

  *#digests(chain: JudgedChain, tally: ChainTally): Generator<Told, void, undefined> {
    for (const digest of chain.digests) {
      const { settled } = digest.checked.record
      if (settled !== undefined) {
        addValid(tally.digests, settled.digests)
        continue
      }
      const result = digestResult(digest)
      countDigest(tally.digests, result.verdict, result.findings.includes('DIGEST_OUT_OF_CHAIN'))
      tally.add(result.verdict)
      yield result
      const { observations, linkObservations } = digest.checked
      yield* this.#about(tally, result.object, digestInterval(digest.checked.record).end, [...observations, ...linkObservations])
    }
    for (const { record, observation } of chain.missing) {
      tally.digests.missing++
      yield* this.#about(tally, objectName(record), record.name.endTime, [observation])
    }
    for (const hours of chain.gaps) {
      const gap = this.#gap(this.#digestFolder(chain), hours, chain.chain.id)
      tally.add(gap.verdict)
      yield gap
    }
  }

  #gap(object: string, hours: OpenHours, chain: Pick<ChainId, 'trail' | 'homeRegion'> | null): Gap {
    const { start, end, accepted, ...told } = hours
    if (accepted !== undefined) this.#accepted.push(accepted.entry)
    return makeGap(this.#subject(object, start), {
      ...told,
      startTime: formatTime(start),
      endTime: formatTime(end),
      trail: chain?.trail ?? null,
      homeRegion: chain?.homeRegion ?? null,
      ...(accepted === undefined ? {} : { accepted: { reason: accepted.reason, by: accepted.by } }),
    })
  }

  *#about(
    tally: ChainTally,
    object: string,
    time: number,
    observations: readonly Observation[],
  ): Generator<Finding, void, undefined> {
    for (const observation of observations) {
      tally.add(verdictOf(observation))
      yield makeFinding(this.#subject(object, time), observation)
    }
  }

  #digestFolder(chain: JudgedChain): string {
    const newest = chain.chain.digests.findLast((digest) => digest.vouches)?.record
    if (newest === undefined) return folderName(this.#scope, this.#scope.parts[0]?.place)
    const folder = newest.key.slice(0, newest.key.lastIndexOf(`/${newest.name.region}/`) + newest.name.region.length + 2)
    return `s3://${newest.bucket}/${folder}`
  }

  async *#logFiles(ahead: LogFoldersAhead, months: Months | undefined): AsyncGenerator<readonly ScopeResult[], void, undefined> {
    const { options, range, live } = this.#run
    const { askedStart, askedEnd, defaultEnd, now } = range
    const unseen = placesUnseen(this.#scope, this.#walked, this.#run.unreadable)
    const request = { askedStart, askedEnd, defaultEnd, now, live, unvalidatedTrails: options.unvalidatedTrails, unseen }
    const context = new LogFileContext(this.#chains, request, new Set(this.#tallies.keys()))
    const seen = new SeenTimes()
    yield* mapInOrder(
      this.#judged(context, seen, ahead, months),
      (page) => this.#versions.attach(page, listedHashes(page)),
      PAGES_AHEAD,
    )
    yield [...this.#withoutDigests(seen)]
  }

  async *#judged(
    context: LogFileContext,
    seen: SeenTimes,
    ahead: LogFoldersAhead,
    months: Months | undefined,
  ): AsyncGenerator<readonly Told[], void, undefined> {
    for await (const page of walkLogFiles(this.#run, this.#scope, context, this.#walked.claims.sorted(), ahead, {
      months,
      past: this.#past,
    })) {
      const results: Told[] = []
      for (const judged of page) {
        if (judged === undefined) continue
        this.#count(judged, context)
        this.#past?.judged(
          judged,
          judged.listedBy.flatMap((ordinal) => this.#chainOf.get(ordinal) ?? []),
        )
        if (judged.result !== undefined) {
          seen.add(judged.result.time)
          results.push(judged.result)
        }
        if (judged.findings.length > 0) results.push(...judged.findings)
      }
      yield results
    }
  }

  #count(judged: JudgedLogFile, context: LogFileContext): void {
    if (judged.listedBy.length === 1 && judged.findings.length === 0) {
      const chain = this.#chainOf.get(judged.listedBy[0] as number)
      const tally = chain === undefined ? undefined : this.#tallies.get(chain)
      if (tally !== undefined && judged.result !== undefined) countLogFile(tally.logFiles, judged.status)
      return
    }
    const worst = judged.findings.reduce<'invalid' | 'unverified' | undefined>(
      (a, { verdict }) => (verdict === 'invalid' || a === 'invalid' ? 'invalid' : verdict === 'unverified' ? 'unverified' : a),
      undefined,
    )
    const chains = new Set<JudgedChain>()
    for (const ordinal of judged.listedBy) {
      const chain = this.#chainOf.get(ordinal)
      if (chain !== undefined) chains.add(chain)
      const record = context.record(ordinal)
      if (record !== undefined && worst !== undefined && record.logFilesVerdict !== 'invalid') record.logFilesVerdict = worst
    }
    for (const chain of chains) {
      const tally = this.#tallies.get(chain)
      if (tally === undefined || judged.result === undefined) continue
      countLogFile(tally.logFiles, judged.status)
      if (worst !== undefined) tally.add(worst)
    }
  }

  /** An account and region with log files and no digest has a gap; one with nothing but backfill digests too. */
  *#withoutDigests(seen: SeenTimes): Generator<ScopeResult, void, undefined> {
    if (this.#scope.region === null || this.#chains.some((chain) => chain.known && chain.chain.id.kind === 'standard')) return
    const backfilled = this.#chains.some((chain) => chain.known && chain.digests.length > 0)
    if (!backfilled && (seen.count === 0 || this.#chains.some((chain) => chain.digests.length > 0))) return
    const { askedStart, askedEnd, now } = this.#run.range
    const start = askedStart ?? parseTime(seen.first) ?? 0
    const end = askedEnd ?? parseTime(seen.last) ?? now
    const { organizationId, accountId, region } = this.#scope
    const accepted = this.#run.expected.accepted({ organizationId, accountId, region, trail: null, homeRegion: null })
    const object = folderName(this.#scope, this.#scope.parts[0]?.place)
    for (const hours of splitAccepted({ start, end, reason: 'not-found' as const }, accepted))
      yield this.#gap(object, hours, null)
  }

  #end(): ScopeEnd {
    const { accountId, region } = this.#scope
    const chains: ChainSummary[] = []
    const trails = new Set<string>()
    for (const [chain, tally] of this.#tallies) {
      const { id } = chain.chain
      if (chain.digests.some((digest) => overlaps(digestInterval(digest.checked.record), chain.range))) trails.add(id.trail)
      if ((chain.known && id.kind === 'standard') || chain.digests.length > 0)
        chains.push(tally.summary(id, chain.range, chainCoverage(chain), newestDigest(chain)))
    }
    return {
      kind: 'scope-end',
      chains,
      notChecked: this.#notChecked(),
      keys: this.#keys(),
      trails: [...trails],
      known: this.#chains
        .filter(({ known, chain }) => known && chain.id.kind === 'standard')
        .map(({ chain, range }) => ({ id: chain.id, ...range })),
      accepted: this.#accepted,
      carriedOver: this.#keptDigests(),
      accountId,
      region,
    }
  }

  #keptDigests(): ScopeEnd['carriedOver'] {
    const { state } = this.#run.options
    if (state === undefined) return undefined
    const { number } = state.use()
    const all = this.#chains.flatMap(({ chain }) => chain.digests.flatMap(({ record }) => record.kept ?? []))
    const carried = all.filter(({ run }) => run < number)
    return { digests: carried.length, bytes: carried.reduce((sum, { bytes }) => sum + bytes, 0) }
  }

  #notChecked(): string[] {
    const sentences = [...this.#tallies.keys()].flatMap((chain) => chain.notChecked)
    const hasFolder = this.#scope.parts.some((part) => part.digestFolders.length > 0)
    const { accountId, region } = this.#scope
    if (hasFolder && region !== null && !this.#chains.some((chain) => chain.known)) {
      sentences.push(
        `Account ${accountId}, region ${region} has a digest folder, and no chain with a valid digest in or near the range.`,
      )
    }
    return sentences
  }

  #keys(): KeyUse[] {
    const keys = new Map<string, KeyUse>()
    for (const chain of this.#tallies.keys()) {
      for (const { checked } of chain.digests) {
        for (const { key: answer, digests } of keysOf(checked)) {
          const { key, origin, independent = false } = answer
          const known = keys.get(key.fingerprint)
          if (known === undefined) keys.set(key.fingerprint, { key, origin, independent, digests })
          else known.digests += digests
        }
      }
    }
    return [...keys.values()]
  }
}

/** The keys that proved it, and what it stands for. */
function keysOf({ record: { facts, settled }, vouches }: CheckedDigest): readonly KeyCount[] {
  if (!vouches || facts.kind !== 'content' || facts.key.kind !== 'key') return []
  return settled?.keys ?? [{ key: facts.key, digests: 1 }]
}

function isSameTrail(a: ChainId, b: ChainId): boolean {
  return a.trail === b.trail && a.homeRegion === b.homeRegion
}

/** Of a backfill digest, as its metadata say. */
function generationTime({ record: { facts } }: CheckedDigest): number {
  const generated = facts.kind === 'content' ? facts.metadata?.['backfill-generation-timestamp'] : undefined
  return parseTime(generated ?? '') ?? Number.NEGATIVE_INFINITY
}

/** First and last time of the log files that were judged. */
class SeenTimes {
  count = 0
  first = ''
  last = ''

  add(time: string | null): void {
    this.count++
    if (time === null) return
    if (this.first === '' || time < this.first) this.first = time
    if (time > this.last) this.last = time
  }
}

/** How many pages of log files wait for the versions of what is missing or changed on an earlier one. */
const PAGES_AHEAD = 8

function folderName(scope: Scope, place: Place | undefined): string {
  const organization = scope.organizationId === null ? '' : `${scope.organizationId}/`
  const region = scope.region === null ? '' : `${scope.region}/`
  return `s3://${place?.bucket ?? ''}/${place?.prefix ?? ''}AWSLogs/${organization}${scope.accountId}/CloudTrail-Digest/${region}`
}

function newestDigest({ digests }: JudgedChain): ChainSummary['newestDigest'] {
  let newest: { readonly record: DigestRecord; readonly sha256: string; readonly end: number } | undefined
  for (const { checked, verdict } of digests) {
    const { record, vouches } = checked
    if (!vouches || verdict !== 'valid' || record.facts.kind !== 'content') continue
    const { end } = digestInterval(record)
    if (newest === undefined || end > newest.end) newest = { record, sha256: record.facts.sha256, end }
  }
  if (newest === undefined) return null
  return { object: objectName(newest.record), endTime: formatTime(newest.end), sha256: newest.sha256 }
}
