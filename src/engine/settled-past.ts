/**
 * The days of an account and region that earlier runs with the same state settled. They stand while the store lists in their folders
 * what it listed then, and nothing that is read now speaks of them in another way: else they are read as if they had never been settled.
 */
import type { CheckedChain } from '../core/check-chain.js'
import { digestInterval } from '../core/check-digest.js'
import { DAY, type Interval } from '../core/coverage.js'
import type { ChainId } from '../core/findings.js'
import { joinHashes } from '../core/fold-days.js'
import type { JudgedChain } from '../core/judge-chain.js'
import { parseObjectKey } from '../core/object-key.js'
import type { CarriedOverResult } from '../core/results.js'
import {
  areAsClaimed,
  areSettled,
  claimsOf,
  dayOf,
  type LogFileDay,
  newLogFileDay,
  settleDays,
  settledBefore,
} from '../core/settle-days.js'
import {
  type DaySpan,
  isWithin,
  type SettledDays,
  type SettledDigests,
  type SettledLogFiles,
  type Stretch,
} from '../core/settled-days.js'
import type { Claim } from './claim-spool.js'
import type { Days } from './day-listing.js'
import type { DigestListing } from './digest-listing.js'
import type { Scope, ScopePart } from './discover.js'
import type { JudgedLogFile } from './judged-log-file.js'
import { ListedDays } from './listed-days.js'
import { type Listed, type ListingListener, type LogFoldersAhead, listLogFiles, logDays } from './log-listing.js'
import type { Place } from './places.js'
import type { Run } from './run.js'
import type { RunState, StateScope } from './run-state.js'
import { type StretchRecord, stretchRecord } from './settled-stretch.js'

interface Kept {
  readonly digests?: (span: SettledDigests) => boolean
  readonly logFiles?: (span: SettledLogFiles) => boolean
}

const ALL = (): boolean => true

export class SettledPast implements ListingListener {
  readonly #run: Run
  readonly #scope: Scope
  readonly #state: RunState
  readonly #name: StateScope
  #stands: SettledDays
  /** Of the log files that were settled. */
  readonly #oldest: number
  /** From when on log files are judged. */
  #start = Number.NEGATIVE_INFINITY
  #digestsListed = new ListedDays()
  readonly #logFilesListed = new ListedDays()
  /** By part: what was listed of other days. */
  #held: ReadonlyMap<ScopePart, readonly (readonly Listed[])[]> = new Map()
  #heldRows = 0
  #records: readonly { readonly span: SettledDigests; readonly record: StretchRecord }[] = []
  readonly #logFileDays = new Map<number, LogFileDay>()

  private constructor(run: Run, scope: Scope, state: RunState, name: StateScope, stands: SettledDays) {
    this.#run = run
    this.#scope = scope
    this.#state = state
    this.#name = name
    this.#stands = stands
    this.#oldest = stands.logFiles[0]?.from ?? 0
  }

  /** Undefined where a run settles nothing: without a state, of a part of an account and region, of anything that is no store. */
  static async open(run: Run, scope: Scope, isWhole: boolean, ahead: LogFoldersAhead): Promise<SettledPast | undefined> {
    const { state } = run.options
    const isStore = scope.parts.every(({ place }) => place.source.kind === 'store')
    if (state === undefined || !isWhole || !isStore || scope.region === null) return undefined
    const name = stateScope(scope)
    const past = new SettledPast(run, scope, state, name, await state.settled(name))
    past.#keep({})
    if (past.#stands.logFiles.length > 0) await past.#listAhead(ahead)
    return past
  }

  hasDigests(day: number): boolean {
    return this.#stands.digests.some((span) => isWithin(span, day))
  }

  hasLogFiles(day: number | null): boolean {
    return day !== null && this.#stands.logFiles.some((span) => isWithin(span, day))
  }

  /** A listing of log files begins. */
  beginListing(part: ScopePart): void {
    this.#logFilesListed.forget(this.#scope.parts.indexOf(part))
  }

  /** Of a page of a listing, what is not settled. */
  unsettledOf(part: ScopePart, page: readonly Listed[]): readonly Listed[] {
    const place = this.#scope.parts.indexOf(part)
    let isSettled = false
    for (const { day, entry } of page) {
      this.#logFilesListed.add(place, day, entry)
      isSettled ||= this.hasLogFiles(day)
    }
    return isSettled ? page.filter(({ day }) => !this.hasLogFiles(day)) : page
  }

  /** Claims on log files that are not settled. The others are as they were: `isContradicted` has seen to that. */
  async *unsettled(claims: AsyncIterable<readonly Claim[]>): AsyncGenerator<readonly Claim[], void, undefined> {
    for await (const page of claims) {
      yield this.#stands.logFiles.length === 0 ? page : page.filter(({ key }) => !this.hasLogFiles(dayOfKey(key)))
    }
  }

  /** What was listed of these days, but for settled ones; undefined where it is to be listed now. */
  heldOf(part: ScopePart, { first }: Days): readonly (readonly Listed[])[] | undefined {
    const { first: heldFrom } = this.#daysAhead
    return heldFrom === null || (first !== null && heldFrom <= first) ? this.#held.get(part) : undefined
  }

  /** The days that were listed the last time, as far as they are settled since: what is judged begins with the day before, or that one. */
  get #daysAhead(): Days {
    const { askedStart } = this.#run.range
    return logDays(this.#run, askedStart ?? this.#oldest - DAY)
  }

  async #listAhead(ahead: LogFoldersAhead): Promise<void> {
    const held = new Map<ScopePart, (readonly Listed[])[]>()
    let isHeld = true
    const days = this.#daysAhead
    for (const part of this.#scope.parts) {
      const pages: (readonly Listed[])[] = []
      held.set(part, pages)
      for await (const page of listLogFiles(this.#run, part, days, { ahead: ahead.get(part), past: this })) {
        isHeld &&= this.#hold(page.length)
        if (isHeld && page.length > 0) pages.push(page)
      }
    }
    if (isHeld) this.#held = held
    else this.letGo()
    this.#keep({ logFiles: (span) => listingOf(this.#logFilesListed, span) === span.listing })
  }

  /** Whether there is room for so many rows more. */
  #hold(rows: number): boolean {
    this.#heldRows += rows
    return this.#run.listed.take(rows)
  }

  /** What was listed ahead is not needed any more. */
  letGo(): void {
    this.#held = new Map()
    this.#run.listed.giveBack(this.#heldRows)
    this.#heldRows = 0
  }

  /** Which digests stand, by their names. To be asked before anything is read. */
  async check(listing: DigestListing): Promise<void> {
    this.#addListing(listing)
    this.#keep({
      digests: (span) => listing.unreadable.length === 0 && listingOf(this.#digestsListed, span) === span.listing,
    })
    const records: { span: SettledDigests; record: StretchRecord }[] = []
    const without = new Set<SettledDigests>()
    for (const span of this.#stands.digests) {
      for (const stretch of span.stretches) {
        const isThere = isListed(listing, this.#scope.parts[stretch.place]?.place, stretch)
        const record = isThere ? await stretchRecord(this.#run, this.#scope, stretch) : undefined
        if (record === undefined) without.add(span)
        else records.push({ span, record })
      }
    }
    this.#keep({ digests: (span) => !without.has(span) })
    this.#records = records
  }

  #addListing({ byChain, foreign, unreadable }: DigestListing): void {
    const listed = new ListedDays()
    listed.unlisted = unreadable.length > 0
    const places = this.#scope.parts.map(({ place }) => place)
    for (const digests of byChain.values())
      for (const { name, place, entry } of digests) listed.add(places.indexOf(place), dayOf(name.endTime), entry)
    for (const { name, key, place } of foreign) listed.add(places.indexOf(place), name.day, { kind: 'object', key, size: 0 })
    this.#digestsListed = listed
  }

  /** What stands for the settled digests of a chain. */
  stretchesOf(id: ChainId): readonly StretchRecord[] {
    if (id.kind !== 'standard') return []
    return this.#records.flatMap(({ span, record: { name, ...record } }) => {
      const isOwn = name.trail === id.trail && name.homeRegion === id.homeRegion
      return isOwn && this.#stands.digests.includes(span) ? [{ name, ...record }] : []
    })
  }

  /**
   * Whether what was read speaks against something that stands. What it speaks against stands no more: all is to be walked again.
   * `rangeOf`: what is judged of a chain.
   */
  isContradicted(chains: readonly CheckedChain[], rangeOf: (chain: CheckedChain) => Interval): boolean {
    const ranges = chains.map((chain) => [chain, rangeOf(chain)] as const)
    const against = new Set(ranges.flatMap(([chain, range]) => daysAgainst(chain, range)))
    const known = ranges.filter(([{ id, digests }]) => id.kind === 'standard' && digests.some(({ vouches }) => vouches))
    const starts = known.map(([, { start }]) => start)
    // Without a known chain the gap's hours are those of all log files: all are looked at.
    this.#start = known.length === 0 ? Number.POSITIVE_INFINITY : (this.#run.range.askedStart ?? Math.min(...starts))
    const claims = claimsOf(chains)
    const isJudged = ({ from, to }: DaySpan): boolean => from >= this.#start && to < this.#before
    return this.#keep({
      digests: (span) => ![...against].some((day) => isWithin(span, day)),
      logFiles: (span) => isJudged(span) && areAsClaimed(span, claims, (day) => this.hasDigests(day)),
    })
  }

  /** Days before this one may be settled. */
  get #before(): number {
    const { askedEnd, defaultEnd, now } = this.#run.range
    return settledBefore(Math.min(now, askedEnd ?? defaultEnd ?? now))
  }

  /** Returns whether anything does not stand any more. Digests stand only while all log files that they list do. */
  #keep({ digests = ALL, logFiles = ALL }: Kept): boolean {
    const before = this.#stands
    const keptLogFiles = before.logFiles.filter(logFiles)
    const kept = before.digests.filter((span) => digests(span) && areSettled(span.lists, keptLogFiles))
    this.#stands = { digests: kept, logFiles: keptLogFiles }
    // What was not held of them must be listed.
    if (keptLogFiles.length < before.logFiles.length) this.letGo()
    return kept.length < before.digests.length || keptLogFiles.length < before.logFiles.length
  }

  /** Told what became of each log file that is not settled, and which chains list it. */
  judged({ day, result, status, findings, listedBy, keptIn }: JudgedLogFile, chains: readonly JudgedChain[]): void {
    if (day === null) return
    const found = this.#logFileDays.get(day) ?? newLogFileDay()
    this.#logFileDays.set(day, found)
    if (result === undefined || status !== 'valid' || findings.length > 0 || listedBy.length === 0 || keptIn === undefined) {
      found.clean = false
      return
    }
    found.valid++
    found.bytesRead += result.bytesRead
    found.bytesInflated += result.bytesInflated
    const [oldest, newest] = found.read
    found.read = [Math.min(oldest, keptIn), Math.max(newest, keptIn)]
    for (const chain of new Set(chains)) found.listedBy.set(chain, (found.listedBy.get(chain) ?? 0) + 1)
  }

  /** How many log files of settled days a chain lists. */
  logFilesOf({ trail, homeRegion, kind }: ChainId): number {
    const lists = this.#stands.logFiles.flatMap(({ listedBy }) => listedBy)
    const own = lists.filter((list) => list.trail === trail && list.homeRegion === homeRegion && list.kind === kind)
    return sum(own.map(({ logFiles }) => logFiles))
  }

  /** Undefined where nothing is carried over. `digests`: how many settled ones belong to chains that were asked for. */
  result(digests: number): CarriedOverResult | undefined {
    const { logFiles } = this.#stands
    const { organizationId, accountId, region } = this.#scope
    if (region === null || digests + logFiles.length === 0) return undefined
    return {
      kind: 'carried-over',
      organizationId,
      accountId,
      region,
      digests,
      logFiles: sum(logFiles.map((span) => span.logFiles)),
      bytesRead: sum(logFiles.map(({ bytesRead }) => bytesRead)),
      bytesInflated: sum(logFiles.map(({ bytesInflated }) => bytesInflated)),
    }
  }

  /** Settles what can be, once all was judged. */
  settle(chains: readonly JudgedChain[], asked: ReadonlySet<JudgedChain>): void {
    const days = settleDays({
      chains,
      asked,
      places: this.#scope.parts.map(({ place }) => place.index),
      start: this.#start,
      before: this.#before,
      stands: this.#stands,
      logFileDays: this.#logFileDays,
      listed: { digests: (day) => this.#digestsListed.of(day), logFiles: (day) => this.#logFilesListed.of(day) },
    })
    this.#state.settle(this.#name, days, this.#stands)
  }
}

/** Whether the last digest of a stretch lies where the state says: the place, unlike the rest, is in no signature. */
function isListed({ byChain }: DigestListing, place: Place | undefined, { last: { key } }: Stretch): boolean {
  const name = parseObjectKey(key)
  if (name.kind !== 'digest') return false
  return [...byChain.values()].some((digests) =>
    digests.some(
      (digest) => digest.name.endTime === name.endTime && digest.place === place && place.original(digest.entry.key) === key,
    ),
  )
}

/** Days of which what was read says that they are not as they were: what lies in a settled day was not read. */
function daysAgainst({ digests }: CheckedChain, range: Interval): number[] {
  const proven = new Set(digests.flatMap(({ record, vouches }) => (vouches ? [record] : [])))
  return digests.flatMap(({ record, vouches, observations, linkObservations }) => {
    const { link, settled } = record
    const isFine = vouches && observations.length === 0 && linkObservations.length === 0
    const isLinked = link?.hash === true && link.previous.place >= 0 && proven.has(link.previous)
    const { start, end } = digestInterval(record)
    const isJudged = range.start <= start && end <= range.end
    return settled !== undefined && isFine && isLinked && isJudged ? [] : [dayOf(record.name.endTime)]
  })
}

function listingOf(listed: ListedDays, { from, to }: DaySpan): string | undefined {
  const days: string[] = []
  for (let day = from; day <= to; day += DAY) {
    const there = listed.of(day)
    if (there === undefined) return undefined
    days.push(there.listing)
  }
  return joinHashes(days)
}

function dayOfKey(key: string): number | null {
  const name = parseObjectKey(key)
  return name.kind === 'log-file' || name.kind === 'foreign' ? name.day : null
}

function stateScope({ organizationId, accountId, region, parts }: Scope): StateScope {
  const foldersOf = (part: ScopePart, keys: readonly string[]): StateScope['digestFolders'] =>
    keys.map((key) => ({ source: part.place.source.name, key }))
  const places = parts.map(({ place }) => `${place.source.name}\n${place.root}`)
  return {
    name: JSON.stringify([organizationId, accountId, region, ...places]),
    digestFolders: parts.flatMap((part) => foldersOf(part, part.digestFolders)),
    logFolders: parts.flatMap((part) => foldersOf(part, part.logFolders)),
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0)
}
