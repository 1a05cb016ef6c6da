/**
 * Listing against claims, for one account and region: which log files must be checked, and what is to be said of those
 * that no digest lists. All chains are read before a log file is called unlisted.
 */
import type { CheckedDigest } from './check-chain.js'
import { type DigestRecord, digestInterval, objectName } from './check-digest.js'
import { DAY, DELIVERY_DELAY, type Interval, MINUTE, NAME_TOLERANCE } from './coverage.js'
import type { Observation } from './finding.js'
import type { FindingOf } from './findings.js'
import { chainCovers, type JudgedChain } from './judge-chain.js'
import type { StandingClaim } from './judge-log-file.js'
import type { ForeignKey, LogFileKey, ObjectKey } from './object-key.js'
import type { LogFileStatus } from './results.js'

/** Backfill digests come for up to 30 days. */
const BACKFILL_TIME = 30 * DAY

export interface ReconcileRequest {
  readonly askedStart: number | null
  readonly askedEnd: number | null
  readonly defaultEnd: number | null
  readonly now: number
  /** A live store: its clock bounds what may still be pending. */
  readonly live: boolean
  readonly unvalidatedTrails: boolean
  /** Places in which digests may lie that could not be looked at. @default none */
  readonly unseen?: ReadonlySet<number>
}

interface Standing {
  readonly standing: StandingClaim['standing']
  readonly judged: boolean
  readonly record: DigestRecord
  /** `s3://bucket/key` */
  readonly name: string
}

/** What the digests of an account and region are worth to its log files. */
export class LogFileContext {
  readonly #request: ReconcileRequest
  readonly #asked: ReadonlySet<JudgedChain>
  readonly #standings = new Map<number, Standing>()
  /** `place/family` of which a valid digest lists a log file. */
  readonly #families = new Set<string>()
  /** Known standard chains, by the places that their valid digests lie in. */
  readonly #knownByPlace = new Map<number, JudgedChain[]>()
  /** Places with a backfill digest that is unreadable or unverified. */
  readonly #backfillUnproven = new Set<number>()
  /** Unclaimed log files named before this are not judged. */
  readonly start: number

  /** `asked`: the chains that the run is about; the others only tell what they list and cover. */
  constructor(chains: readonly JudgedChain[], request: ReconcileRequest, asked: ReadonlySet<JudgedChain> = new Set(chains)) {
    this.#asked = asked
    this.#request = request
    for (const chain of chains) this.#addChain(chain)
    const known = chains.filter((chain) => chain.known && chain.chain.id.kind === 'standard')
    this.start =
      request.askedStart ??
      Math.min(...known.map((chain) => chain.range.start), ...(known.length === 0 ? [Number.NEGATIVE_INFINITY] : []))
  }

  #addChain(chain: JudgedChain): void {
    const judged = new Set(chain.digests.map((digest) => digest.checked.record))
    const places = new Set<number>()
    for (const digest of chain.chain.digests) {
      const { record } = digest
      const standing = standingOf(digest, chain)
      if (chain.chain.id.kind === 'backfill' && isUnproven(digest)) this.#backfillUnproven.add(record.place)
      this.#standings.set(record.ordinal, { standing, judged: judged.has(record), record, name: objectName(record) })
      if (!digest.vouches) continue
      places.add(record.place)
      for (const family of record.families) this.#families.add(`${record.place}/${family}`)
    }
    if (chain.chain.id.kind !== 'standard') return
    for (const place of places) this.#knownByPlace.set(place, [...this.#knownAt(place), chain])
  }

  /** Turns a digest's claim into what it is worth. */
  claim({
    hash,
    algorithm,
    ordinal,
  }: {
    readonly hash: string
    readonly algorithm: string
    readonly ordinal: number
  }): StandingClaim {
    const of = this.#standings.get(ordinal)
    return { hash, algorithm, ordinal, digest: of?.name ?? '', standing: of?.standing ?? 'invalid' }
  }

  /** The digest that a claim comes from, to mark what became of its log files. */
  record(ordinal: number): DigestRecord | undefined {
    return this.#standings.get(ordinal)?.record
  }

  /** Whether the claims on a log file are checked: any by a judged digest, else if the name's time is in the range. */
  isChecked(claims: readonly StandingClaim[], name: ObjectKey): boolean {
    const { askedEnd, defaultEnd } = this.#request
    if (claims.some((claim) => this.#standings.get(claim.ordinal)?.judged === true)) return true
    return this.#isBetween(name, askedEnd ?? defaultEnd)
  }

  /** Whether an unclaimed log file is judged: by its name's time, else its day folder, else always. No end asked: no upper limit. */
  inRange(name: ObjectKey): boolean {
    return this.#isBetween(name, this.#request.askedEnd)
  }

  #isBetween(name: ObjectKey, end: number | null): boolean {
    const time = timeOf(name)
    if (time === null) return true
    if (time.end <= this.start && time.start < this.start) return false
    return end === null || time.start < end
  }

  /** Named before the range: not being there is then a note. */
  isBeforeRange(name: ObjectKey): boolean {
    return name.kind === 'log-file' && name.time !== null && name.time < this.start
  }

  /** Whether all known standard chains of the place cover all 10 minutes around the time of a log file. At least one must. */
  #covered(time: Interval, place: number): 'covered' | 'not-covered' | 'no-chain' {
    const chains = this.#knownAt(place)
    if (chains.length === 0) return 'no-chain'
    const wanted = { start: time.start - NAME_TOLERANCE, end: time.end + NAME_TOLERANCE }
    return chains.every((chain) => chainCovers(chain.chain, wanted)) ? 'covered' : 'not-covered'
  }

  #knownAt(place: number): readonly JudgedChain[] {
    return this.#knownByPlace.get(place) ?? []
  }

  /** Claims of digests that are invalid, or that only lack a signature, count only where valid digests do not cover the hour. */
  isClaimed(claims: readonly StandingClaim[], name: ObjectKey, place: number): boolean {
    if (claims.some(({ standing }) => standing === 'vouching' || standing === 'unverified')) return true
    if (claims.length === 0 || name.kind !== 'log-file') return false
    const time = timeOf(name)
    return time === null || this.#covered(time, place) !== 'covered'
  }

  /** What is said of a log file that no digest lists. */
  judgeUnclaimed(name: LogFileKey | ForeignKey, place: number): { status: LogFileStatus; observation: Observation } {
    if (name.kind === 'foreign') return unlisted('name', this.#mayBeBackfilled(name))
    const time = timeOf(name) ?? { start: name.day, end: name.day + DAY }
    const covered = this.#covered(time, place)
    if (covered === 'covered' && name.family !== 'CloudTrail' && !this.#families.has(`${place}/${name.family}`))
      return uncovered('family-not-digested')
    if (covered === 'covered') {
      if (this.#backfillUnproven.has(place)) return uncovered('backfill-unproven')
      if (this.#request.unseen?.has(place)) return uncovered('digests-unseen')
      if (this.#request.unvalidatedTrails) return uncovered('unvalidated-trails')
      return unlisted('not-listed', this.#mayBeBackfilled(name))
    }
    if (name.time !== null && this.#isPending(name.time, place)) {
      return { status: 'pending', observation: { code: 'LOG_FILE_PENDING', fields: { reason: 'too-recent' } } }
    }
    return uncovered(covered)
  }

  #mayBeBackfilled(name: LogFileKey | ForeignKey): boolean {
    const time = timeOf(name)
    return name.kind === 'log-file' && time !== null && this.#request.now - time.start < BACKFILL_TIME
  }

  #isPending(time: number, place: number): boolean {
    const { live, now } = this.#request
    const newest = Math.max(...this.#knownAt(place).map((chain) => chain.chain.covered.at(-1)?.end ?? Number.NEGATIVE_INFINITY))
    return this.#isAfterDefaultEnd(time, place) && time <= newest + DELIVERY_DELAY && (!live || time <= now + 10 * MINUTE)
  }

  /**
   * No end asked, and from the default end of the chains of that place: one that ends a little earlier than others has no
   * gap there, its log files wait for its next digest. A chain that proves no hour makes nothing wait.
   */
  #isAfterDefaultEnd(time: number, place: number): boolean {
    const { askedEnd, defaultEnd } = this.#request
    const ranges = this.#knownAt(place)
      .filter((chain) => this.#asked.has(chain))
      .map((chain) => chain.range)
      .filter(({ start, end }) => start < end)
    if (askedEnd !== null || defaultEnd === null || ranges.length === 0) return false
    return time >= Math.min(defaultEnd, ...ranges.map(({ end }) => end))
  }

  /** Whether a log file that only digests without a signature list may wait for the next digest: else it is not proven. */
  mayWait(claims: readonly StandingClaim[], name: ObjectKey, place: number): boolean {
    if (name.kind !== 'log-file' || name.time === null || !this.#isAfterDefaultEnd(name.time, place)) return false
    return claims.every(
      ({ standing, ordinal }) => standing !== 'unsigned' || this.#standings.get(ordinal)?.record.place === place,
    )
  }
}

function isUnproven(digest: CheckedDigest): boolean {
  return !digest.vouches && digest.observations.some((o) => UNPROVEN.has(o.code))
}

const UNPROVEN: ReadonlySet<string> = new Set([
  'DIGEST_UNREADABLE',
  'DIGEST_KEY_UNKNOWN',
  'DIGEST_KEY_MISMATCH',
  'DIGEST_SIGNATURE_MISSING',
  'DIGEST_KEY_OUTSIDE_VALIDITY',
])

function standingOf(digest: CheckedDigest, { unsigned, range }: JudgedChain): StandingClaim['standing'] {
  if (digest.vouches) return 'vouching'
  if (unsigned.has(digest.record) && digestInterval(digest.record).start >= range.end) return 'unsigned'
  return isUnproven(digest) ? 'unverified' : 'invalid'
}

/** The moment or the day that a name stands for; null where nothing gives one. */
export function timeOf(name: ObjectKey): Interval | null {
  if (name.kind === 'log-file')
    return name.time === null ? { start: name.day, end: name.day + DAY } : { start: name.time, end: name.time }
  if (name.kind === 'digest') return { start: name.endTime, end: name.endTime }
  return name.kind === 'foreign' && name.day !== null ? { start: name.day, end: name.day + DAY } : null
}

function unlisted(reason: 'not-listed' | 'name', mayBeBackfilled: boolean): { status: LogFileStatus; observation: Observation } {
  const fields = mayBeBackfilled ? { reason, mayBeBackfilled: true as const } : { reason }
  return { status: 'unlisted', observation: { code: 'LOG_FILE_UNLISTED', fields } }
}

function uncovered(reason: FindingOf<'LOG_FILE_UNCOVERED'>['reason']): {
  status: LogFileStatus
  observation: Observation
} {
  return { status: 'uncovered', observation: { code: 'LOG_FILE_UNCOVERED', fields: { reason } } }
}
