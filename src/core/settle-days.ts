/** Which days are settled by a run: whole, proven, and old enough that nothing more is to come. */
import { createHash } from 'node:crypto'
import type { CheckedChain, CheckedDigest } from './check-chain.js'
import { type DigestContent, type DigestRecord, digestInterval, isStarting, previousOf } from './check-digest.js'
import { DAY } from './coverage.js'
import type { ChainId } from './findings.js'
import { foldMonths, joinClaimants } from './fold-days.js'
import type { JudgedChain } from './judge-chain.js'
import {
  type DaySpan,
  isWithin,
  type ListingChain,
  type SettledDays,
  type SettledDigests,
  type SettledLogFiles,
  type Stretch,
} from './settled-days.js'

/** What a run found of the log files in one day's folder. */
export interface LogFileDay {
  /** Each as its one claim says, and exactly the object that was listed. */
  valid: number
  /** Nothing else was found of any. */
  clean: boolean
  bytesRead: number
  bytesInflated: number
  readonly listedBy: Map<JudgedChain, number>
  read: DaySpan['read']
}

/** The numbers of no run. */
const UNREAD: DaySpan['read'] = [Number.MAX_SAFE_INTEGER, 0]

export function newLogFileDay(): LogFileDay {
  return { valid: 0, clean: true, bytesRead: 0, bytesInflated: 0, listedBy: new Map(), read: UNREAD }
}

export interface Listing {
  readonly listing: string
  readonly objects: number
}

export interface SettleRequest {
  /** All chains of an account and region, and those of them that were asked for. */
  readonly chains: readonly JudgedChain[]
  readonly asked: ReadonlySet<JudgedChain>
  /** The places of the account and region, as records of digests name them. */
  readonly places: readonly number[]
  /** Only days that begin when log files are judged, or later, and before this one. */
  readonly start: number
  readonly before: number
  /** What was settled before, and stands. */
  readonly stands: SettledDays
  readonly logFileDays: ReadonlyMap<number, LogFileDay>
  /** What the store lists of a day; undefined where that is not certain. */
  readonly listed: { digests(day: number): Listing | undefined; logFiles(day: number): Listing | undefined }
}

/** How long after a day its folders get what belongs to it. */
const LATE = 2 * DAY

/** Days that end before this may be settled. `end`: of what was judged. */
export function settledBefore(end: number): number {
  return dayOf(end - LATE)
}

export function dayOf(time: number): number {
  return Math.floor(time / DAY) * DAY
}

/** What stands, and what is settled now, in order of time. */
export function settleDays(request: SettleRequest): SettledDays {
  const { stands } = request
  const unsettled = daysAround(request.chains)
  const logFiles = [...stands.logFiles, ...newLogFiles(request, unsettled)].sort((a, b) => a.from - b.from)
  const digests = [...stands.digests, ...newDigests(request, unsettled, logFiles)].sort((a, b) => a.from - b.from)
  return foldMonths({ digests, logFiles }, Math.min(request.before, oldestOf(request.chains)), request.before)
}

function oldestOf(chains: readonly JudgedChain[]): number {
  return chains.reduce(
    (oldest, { chain }) => Math.min(oldest, chain.digests[0]?.record.name.endTime ?? oldest),
    Number.MAX_SAFE_INTEGER,
  )
}

/** Where a gap begins or ends its cause is looked for each time. */
function daysAround(chains: readonly JudgedChain[]): ReadonlySet<number> {
  const edges = chains.flatMap(({ gaps }) => gaps.flatMap(({ start, end }) => [dayOf(start), dayOf(end)]))
  return new Set(edges.flatMap((day) => [day - DAY, day, day + DAY]))
}

function newLogFiles(
  { chains, start, before, stands, logFileDays, listed }: SettleRequest,
  unsettled: ReadonlySet<number>,
): SettledLogFiles[] {
  const claims = claimsOf(chains.map(({ chain }) => chain))
  const settled: SettledLogFiles[] = []
  // A day without log files is settled like others: so that it is noticed when there are some.
  const days = new Set([
    ...logFileDays.keys(),
    ...chains.flatMap(({ chain }) => chain.digests.map(({ record }) => dayOf(record.name.endTime))),
  ])
  for (const day of days) {
    const found = logFileDays.get(day) ?? newLogFileDay()
    const there = listed.logFiles(day)
    const claimants = claimantsOf(day, claims)
    if (stands.logFiles.some((span) => isWithin(span, day))) continue
    if (
      day < start ||
      day >= before ||
      unsettled.has(day) ||
      !found.clean ||
      there?.objects !== found.valid ||
      claimants === undefined
    )
      continue
    const { valid, bytesRead, bytesInflated, read } = found
    settled.push({
      from: day,
      to: day,
      listing: there.listing,
      read,
      logFiles: valid,
      bytesRead,
      bytesInflated,
      listedBy: [...found.listedBy].map(([chain, logFiles]) => listingChain(chain, logFiles)),
      claimants,
    })
  }
  return settled
}

function listingChain({ chain: { id } }: JudgedChain, logFiles: number): ListingChain {
  return { trail: id.trail, homeRegion: id.homeRegion, kind: id.kind, logFiles }
}

/** What digests list of the log files in each day's folder. */
export interface Claims {
  /** By the day of the log files, then by that of the digests: these, by name and hash. */
  readonly byDay: ReadonlyMap<number, ReadonlyMap<number, readonly string[]>>
  /** Days of which a digest lists something that is not proven, or that lists other things too; `all` where one lists too many to tell. */
  readonly doubtful: ReadonlySet<number> | 'all'
}

export function claimsOf(chains: readonly CheckedChain[]): Claims {
  const byDay = new Map<number, Map<number, string[]>>()
  const doubtful = new Set<number>()
  for (const { record, vouches } of chains.flatMap(({ digests }) => digests)) {
    if (record.logDays === 'many') return { byDay, doubtful: 'all' }
    for (const day of record.logDays) {
      if (!vouches || record.listsElsewhere || record.facts.kind !== 'content') doubtful.add(day)
      else addName(byDay, day, dayOf(record.name.endTime), `${record.bucket}/${record.key} ${record.facts.sha256}\n`)
    }
  }
  return { byDay, doubtful }
}

function addName(byDay: Map<number, Map<number, string[]>>, logDay: number, digestDay: number, name: string): void {
  const names = byDay.get(logDay) ?? new Map<number, string[]>()
  byDay.set(logDay, names)
  const there = names.get(digestDay)
  if (there === undefined) names.set(digestDay, [name])
  else there.push(name)
}

/** Undefined where they are doubtful. */
function claimantsOf(day: number, { byDay, doubtful }: Claims): SettledLogFiles['claimants'] | undefined {
  if (doubtful === 'all' || doubtful.has(day)) return undefined
  return [...(byDay.get(day) ?? [])].sort(([a], [b]) => a - b).map(([digestDay, names]) => [digestDay, hashOf(names)])
}

function hashOf(names: readonly string[]): string {
  return createHash('sha256')
    .update([...names].sort().join(''))
    .digest('hex')
}

/** Whether the digests that were read list of settled log files what they listed then. Others are settled themselves. */
export function areAsClaimed(span: SettledLogFiles, claims: Claims, isSettled: (digestDay: number) => boolean): boolean {
  const now: SettledLogFiles['claimants'][] = []
  for (let day = span.from; day <= span.to; day += DAY) {
    const claimants = claimantsOf(day, claims)
    if (claimants === undefined) return false
    now.push(claimants)
  }
  const expected = span.claimants.filter(([day]) => !isSettled(day))
  return JSON.stringify(joinClaimants(now)) === JSON.stringify(expected)
}

function newDigests(
  { chains, asked, places, before, listed }: SettleRequest,
  unsettled: ReadonlySet<number>,
  logFiles: readonly SettledLogFiles[],
): SettledDigests[] {
  const days = new Map<number, { readonly proven: Proven; readonly digests: CheckedDigest[] }[]>()
  for (const chain of chains) {
    const proven = provenOf(chain, asked.has(chain))
    for (const digest of chain.chain.digests) {
      const day = dayOf(digest.record.name.endTime)
      if (day >= before || unsettled.has(day) || digest.record.settled !== undefined) continue
      const parts = days.get(day) ?? []
      days.set(day, parts)
      const last = parts.at(-1)
      if (last?.proven === proven) last.digests.push(digest)
      else parts.push({ proven, digests: [digest] })
    }
  }
  const settled: SettledDigests[] = []
  for (const [day, parts] of days) {
    const there = listed.digests(day)
    const records = parts.flatMap(({ digests }) => digests.map(({ record }) => record))
    const logDays = logDaysOf(records)
    if (logDays === undefined || there?.objects !== records.length) continue
    const lists = rangeOf(logDays)
    if (!areSettled(lists, logFiles)) continue
    const stretches = parts.map(({ proven, digests }) => stretchOf(proven, digests, places))
    if (stretches.some((stretch) => stretch === undefined)) continue
    const runs = rangeOf(records.map(({ kept }) => kept?.run ?? 0))
    settled.push({ from: day, to: day, listing: there.listing, read: runs, lists, stretches: stretches as Stretch[] })
  }
  return settled
}

/** Undefined where it cannot be told. */
function logDaysOf(records: readonly DigestRecord[]): number[] | undefined {
  const days: number[] = []
  for (const { logDays } of records) {
    if (logDays === 'many') return undefined
    days.push(...logDays)
  }
  return days
}

/** Whether the log files of all these days are. */
export function areSettled([first, last]: readonly [number, number], logFiles: readonly SettledLogFiles[]): boolean {
  for (let day = first; day <= last; day += DAY) if (!logFiles.some((span) => isWithin(span, day))) return false
  return true
}

/** Of none: nothing lies within. */
function rangeOf(numbers: readonly number[]): readonly [number, number] {
  return numbers.reduce(([least, most], n) => [Math.min(least, n), Math.max(most, n)], [Number.MAX_SAFE_INTEGER, 0])
}

/** Of one chain: the digests that are proven, and those that may be settled as far as the verdict goes. */
interface Proven {
  readonly id: ChainId
  readonly records: ReadonlySet<DigestRecord>
  readonly valid: ReadonlySet<CheckedDigest>
}

/** `isAsked`: else none of it was judged. */
function provenOf({ chain, digests }: JudgedChain, isAsked: boolean): Proven {
  const vouching = chain.digests.filter(({ vouches }) => vouches)
  const valid = isAsked ? digests.flatMap(({ checked, verdict }) => (verdict === 'valid' ? [checked] : [])) : vouching
  return { id: chain.id, records: new Set(vouching.map(({ record }) => record)), valid: new Set(valid) }
}

/** Undefined where not all of them are valid, alone in their places, and linked to one another. */
function stretchOf({ id, ...proven }: Proven, digests: readonly CheckedDigest[], places: readonly number[]): Stretch | undefined {
  const isWhole = digests.every((digest, i) => isProven(proven, digest, digests[i - 1]))
  const [first, last] = [digests[0]?.record, digests.at(-1)?.record]
  const previous = first && previousOf(first)
  const ending = last && lastDigest(last)
  if (!isWhole || id.kind !== 'standard' || !first || !previous || !ending) return undefined
  const records = digests.map(({ record }) => record)
  if (records.some(({ bucket, place }) => bucket !== first.bucket || place !== first.place)) return undefined
  const place = places.indexOf(first.place)
  if (place === -1) return undefined
  return {
    place,
    trail: id.trail,
    homeRegion: id.homeRegion,
    digests: records.length,
    bytes: sum(records.map(({ kept }) => kept?.bytes ?? 0)),
    logFiles: sum(records.map(({ facts }) => (facts.kind === 'content' ? facts.logFiles : 0))),
    families: [...new Set(records.flatMap(({ families }) => [...families]))].sort(),
    keys: keysOf(records),
    startTime: digestInterval(first).start,
    previous,
    last: ending,
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((a, b) => a + b, 0)
}

/** Nothing was found about it, and the digest before it is here, proven, and ends where it begins. */
function isProven(proven: Omit<Proven, 'id'>, digest: CheckedDigest, before: CheckedDigest | undefined): boolean {
  const { record, observations, linkObservations } = digest
  if (!proven.records.has(record) || !proven.valid.has(digest)) return false
  if (observations.length > 0 || linkObservations.length > 0 || record.logFilesVerdict !== undefined) return false
  if (record.kept === undefined || record.listsElsewhere || isStarting(record) || record.place < 0) return false
  const previous = record.link?.previous
  if (previous === undefined || record.link?.hash !== true || previous.place < 0) return false
  if (before !== undefined && before.record !== previous) return false
  return proven.records.has(previous) && digestInterval(previous).end === digestInterval(record).start
}

/** Undefined where it does not carry its own signature. */
function lastDigest({ bucket, key, facts, metadataSignature }: DigestRecord): Stretch['last'] | undefined {
  if (facts.kind !== 'content' || metadataSignature !== 'verifies' || facts.metadataFrom !== 'object') return undefined
  const { digest, sha256, metadata } = facts
  const signature = metadata?.['signature']
  if (signature === undefined || digest.previous === null) return undefined
  return {
    bucket,
    key,
    endTimeText: digest.digestEndTimeText,
    sha256,
    fingerprint: digest.digestPublicKeyFingerprint,
    algorithm: digest.digestSignatureAlgorithm,
    previousSignature: digest.previous.signature,
    signature,
  }
}

function keysOf(records: readonly DigestRecord[]): Stretch['keys'] {
  const keys = new Map<string, Stretch['keys'][number]>()
  for (const record of records) {
    const { key } = record.facts as DigestContent
    if (key.kind !== 'key') continue
    const { fingerprint, sha256 } = key.key
    const { start, end } = digestInterval(record)
    const known = keys.get(fingerprint)
    keys.set(fingerprint, {
      fingerprint,
      sha256,
      digests: (known?.digests ?? 0) + 1,
      from: Math.min(known?.from ?? start, start),
      to: Math.max(known?.to ?? end, end),
    })
  }
  return [...keys.values()]
}
