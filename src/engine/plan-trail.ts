/** What a run would read: by names and sizes alone. No log file is read, and no digest. */
import pLimit from 'p-limit'
import { DELIVERY_DELAY, HOUR, NAME_TOLERANCE } from '../core/coverage.js'
import { parseObjectKey } from '../core/object-key.js'
import { formatTime } from '../core/time.js'
import type { Source } from '../sources/source.js'
import { type Days, type Entry, listDays } from './day-listing.js'
import { DigestListings, digestDays, floorDay, type NamedDigest } from './digest-listing.js'
import type { Scope, ScopePart } from './discover.js'
import { find } from './find.js'
import { mapInOrder } from './in-order.js'
import { isMonth, monthBelow } from './months.js'
import { type ResolvedOptions, resolveOptions, type VerifyTrailOptions } from './options.js'
import { bordersOf, compareBorders, scopeName, type Weighed } from './shard.js'

/** Objects, and their bytes as stored. */
export interface PlannedObjects {
  readonly objects: number
  readonly bytes: number
}

/** A chain, as the names of its digests show it. Attacker-chosen text. */
export interface PlannedChain {
  readonly trail: string
  readonly homeRegion: string
  readonly kind: 'standard' | 'backfill'
  /** When the first and the last of its digests in the range end, ISO 8601 UTC. */
  readonly firstEndTime: string
  readonly lastEndTime: string
  readonly digests: number
  /** Hours between them in which no digest ends: it is missing, or the trail was stopped. Half-open, ISO 8601 UTC. */
  readonly gaps: readonly { readonly startTime: string; readonly endTime: string }[]
}

/** The log files of a month, by the folder that they lie in. */
export interface PlannedMonth extends PlannedObjects {
  readonly month: string
}

/** An account and region. */
export interface PlannedScope {
  readonly organizationId: string | null
  readonly accountId: string
  /** Null: what lies in no region's folder. */
  readonly region: string | null
  readonly chains: readonly PlannedChain[]
  readonly digests: PlannedObjects
  readonly logFiles: PlannedObjects
  /** Where they lie in folders of several months: `YYYY-MM`, in order. `logFiles` has more, where some lie in no such folder. */
  readonly months: readonly PlannedMonth[]
  /** Folders and objects that could not be looked at. */
  readonly unreadable: number
}

/** What a run would read, by names and sizes alone. It proves nothing: no object was read. */
export interface TrailPlan {
  /** ISO 8601 UTC; null: as far as there is something. */
  readonly startTime: string | null
  readonly endTime: string | null
  /** In the order of a run. */
  readonly scopes: readonly PlannedScope[]
  readonly digests: PlannedObjects
  readonly logFiles: PlannedObjects
}

/** Accounts and regions that are listed at once. */
const SCOPES_AT_ONCE = 32

/**
 * Lists what `verifyTrail` with the same options would read, by the names of the objects: chains, hours without a digest, objects and
 * bytes. It proves nothing: names and sizes are what whoever can write to the bucket made them. What a run reads besides (versions,
 * the events around a gap, a log file that a digest of the range lists and whose name says another time) is not counted. Throws as
 * `verifyTrail` does.
 */
export async function planTrail(options: VerifyTrailOptions): Promise<TrailPlan> {
  const resolved = resolveOptions(options)
  const signal = resolved.signal ?? new AbortController().signal
  const { discovery } = await find(resolved, signal)
  const live = resolved.sources.some(({ kind }) => kind === 'store')
  const end = resolved.endTime ?? (live ? resolved.now - DELIVERY_DELAY : null)
  const planner = new Planner(resolved, end, signal)
  const limiter = pLimit(SCOPES_AT_ONCE)
  const scopes: PlannedScope[] = []
  const plan = (scope: Scope): Promise<PlannedScope> => limiter(() => planner.plan(scope))
  for await (const scope of mapInOrder(discovery.scopes, plan, SCOPES_AT_ONCE * 2)) scopes.push(scope)
  return {
    startTime: resolved.startTime === null ? null : formatTime(resolved.startTime),
    endTime: end === null ? null : formatTime(end),
    scopes,
    digests: sum(scopes.map(({ digests }) => digests)),
    logFiles: sum(scopes.map(({ logFiles }) => logFiles)),
  }
}

/** What a digest costs, in log files: it is parsed, and two signatures are verified. */
const LOG_FILES_A_DIGEST = 8
/** How many bytes cost as much as a file does by itself. */
const BYTES_A_FILE = 50_000

/**
 * Borders for shards that take the same time, in the order of a run: `organization/account/region`, or a month of one where it would take
 * longer than a shard's share. Its digests are then read by each of its shards.
 */
export function bordersOfPlan({ scopes }: Pick<TrailPlan, 'scopes'>, of: number): string[] {
  const weighed = scopes.map((scope) => ({
    scope,
    name: scopeName(scope),
    weight: 1 + weightOf(scope.digests, LOG_FILES_A_DIGEST) + weightOf(scope.logFiles),
  }))
  const share = weighed.reduce((sum, { weight }) => sum + weight, 0) / of
  weighed.sort((a, b) => compareBorders(a.name, b.name))
  return bordersOf(
    weighed.flatMap(({ scope, name, weight }) => (weight > share ? monthsOf(scope, name, weight) : [{ name, weight }])),
    of,
  )
}

function weightOf({ objects, bytes }: PlannedObjects, filesAnObject = 1): number {
  return objects * filesAnObject + bytes / BYTES_A_FILE
}

/** Each part reads all digests: what they weigh is shared out as log files are, so that the parts of one account and region are even. */
function monthsOf({ months, region }: PlannedScope, name: string, weight: number): Weighed[] {
  const all = months.reduce((total, month) => total + weightOf(month), 0)
  if (region === null || all === 0) return [{ name, weight }]
  return months.map((month, i) => ({ name: i === 0 ? name : `${name}/${month.month}`, weight: (weight * weightOf(month)) / all }))
}

function sum(parts: readonly PlannedObjects[]): PlannedObjects {
  return {
    objects: parts.reduce((all, { objects }) => all + objects, 0),
    bytes: parts.reduce((all, { bytes }) => all + bytes, 0),
  }
}

class Planner {
  readonly #start: number | null
  readonly #end: number | null
  readonly #trails: readonly string[]
  readonly #signal: AbortSignal
  readonly #listings = new DigestListings()

  constructor({ startTime, trails }: ResolvedOptions, end: number | null, signal: AbortSignal) {
    this.#start = startTime
    this.#end = end
    this.#trails = trails
    this.#signal = signal
  }

  async plan(scope: Scope): Promise<PlannedScope> {
    const { organizationId, accountId, region, parts } = scope
    const listing = await this.#listings.list(scope, digestDays(this.#start, this.#end, HOUR), this.#signal)
    const chains: PlannedChain[] = []
    const digests = new Count()
    for (const all of listing.byChain.values()) {
      const named = all.filter(({ name }) => this.#isNear(name.endTime))
      for (const { place, entry, storedAs } of named) digests.add(place.source, entry, storedAs)
      const [first] = named
      if (first !== undefined && (this.#trails.length === 0 || this.#trails.includes(first.name.trail)))
        chains.push(plannedChain(first, named))
    }
    const logFiles = new Count()
    const months = new Months()
    for (const part of parts) await this.#countLogFiles(part, logFiles, months)
    const unreadable = listing.unreadable.length + digests.unreadable + logFiles.unreadable
    return {
      organizationId,
      accountId,
      region,
      chains,
      digests: digests.planned,
      logFiles: logFiles.planned,
      months: months.planned,
      unreadable,
    }
  }

  /** In the range, or next to it: a chain is followed past both ends. */
  #isNear(endTime: number): boolean {
    return (
      (this.#start === null || endTime >= this.#start - NAME_TOLERANCE) &&
      (this.#end === null || endTime <= this.#end + NAME_TOLERANCE + HOUR)
    )
  }

  async #countLogFiles({ place, logFolders, logObjects }: ScopePart, count: Count, months: Months): Promise<void> {
    const days: Days = {
      first: this.#start === null ? null : floorDay(this.#start),
      last: this.#end === null ? null : floorDay(this.#end),
    }
    const add = (entries: readonly Entry[], folder: string | undefined): void => {
      for (const entry of entries) {
        const name = parseObjectKey(place.original(entry.key))
        const time = name.kind === 'log-file' ? name.time : null
        if (time !== null && !this.#isAsked(time)) continue
        count.add(place.source, entry)
        if (folder !== undefined) months.of(monthBelow(entry.key.slice(folder.length))).add(place.source, entry)
      }
    }
    add(logObjects, undefined)
    for (const folder of logFolders)
      for await (const page of listDays(place.source, folder, days, this.#signal)) add(page, folder)
  }

  #isAsked(time: number): boolean {
    return (this.#start === null || time >= this.#start) && (this.#end === null || time < this.#end)
  }
}

class Count {
  objects = 0
  bytes = 0
  unreadable = 0

  add(source: Source, entry: Entry, storedAs = entry.key): void {
    if (entry.kind === 'unreadable') {
      this.unreadable++
      return
    }
    this.objects++
    this.bytes += entry.size ?? source.sizeOf?.(storedAs) ?? 0
  }

  get planned(): PlannedObjects {
    return { objects: this.objects, bytes: this.bytes }
  }
}

class Months {
  readonly #counts = new Map<string, Count>()

  of(month: string): Count {
    let count = this.#counts.get(month)
    if (count === undefined) {
      count = new Count()
      this.#counts.set(month, count)
    }
    return count
  }

  /** Real months; none where there is one: it is all. */
  get planned(): PlannedMonth[] {
    const months = [...this.#counts].filter(([month]) => isMonth(month)).sort(([a], [b]) => (a < b ? -1 : 1))
    return months.length < 2 ? [] : months.map(([month, { planned }]) => ({ month, ...planned }))
  }
}

function plannedChain({ name }: NamedDigest, digests: readonly NamedDigest[]): PlannedChain {
  const ends = digests.map((digest) => digest.name.endTime)
  const last = ends.at(-1) ?? name.endTime
  return {
    trail: name.trail,
    homeRegion: name.homeRegion,
    kind: name.backfill ? 'backfill' : 'standard',
    firstEndTime: formatTime(name.endTime),
    lastEndTime: formatTime(last),
    digests: digests.length,
    gaps: name.backfill ? [] : gapsBetween(ends),
  }
}

/** Digests are an hour apart, to the second. */
function gapsBetween(ends: readonly number[]): PlannedChain['gaps'] {
  return ends.flatMap((end, i) => {
    const before = ends[i - 1]
    if (before === undefined || end - before <= HOUR) return []
    return [{ startTime: formatTime(before), endTime: formatTime(end - HOUR) }]
  })
}
