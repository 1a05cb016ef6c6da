/**
 * One digest chain: which digest proves which, where links break, what no chain accounts for, which hours are covered.
 * Pure: digests are added as they are read; nothing here reads.
 */
import {
  checkDigest,
  checkSignature,
  type DigestCheck,
  type DigestLink,
  type DigestRecord,
  digestInterval,
  isStarting,
  objectName,
  previousOf,
  type SignatureState,
} from './check-digest.js'
import { type Interval, mergeIntervals } from './coverage.js'
import type { PreviousDigest } from './digest.js'
import type { Observation } from './finding.js'
import type { ChainId } from './findings.js'
import { parseObjectKey } from './object-key.js'

const place = (bucket: string, key: string): string => `${bucket}/${key}`

/** The digests of one chain that were read so far, linked to one another. */
export class DigestChain {
  readonly id: ChainId
  readonly records: DigestRecord[] = []
  /** The end of the oldest digest in the listing, read or not, as its name gives it. */
  readonly oldestListed: number | null
  readonly #byPlace = new Map<string, DigestRecord[]>()
  /** Digests whose previous one has not been read (yet), by its place. */
  readonly #waiting = new Map<string, DigestRecord[]>()
  readonly #twice: boolean

  constructor(id: ChainId, doubleCheck: boolean, oldestListed: number | null = null) {
    this.id = id
    this.oldestListed = oldestListed
    this.#twice = doubleCheck
  }

  /** All records at an original place: more than one where an export holds copies. */
  at(bucket: string, key: string): readonly DigestRecord[] {
    return this.#byPlace.get(place(bucket, key)) ?? []
  }

  /** Links a digest with those read before it, in both directions. */
  add(record: DigestRecord): void {
    this.records.push(record)
    const here = place(record.bucket, record.key)
    append(this.#byPlace, here, record)
    for (const successor of this.#waiting.get(here) ?? []) this.#link(successor, record)
    const previous = previousOf(record)
    if (previous === null) return
    const there = place(previous.s3Bucket, previous.s3Object)
    append(this.#waiting, there, record)
    for (const target of this.#byPlace.get(there) ?? []) this.#link(record, target)
  }

  /** Digests whose previous digest has not been read. */
  unresolved(): DigestRecord[] {
    return this.records.filter((record) => previousOf(record) !== null && record.link === undefined)
  }

  /** The signature of `target` is also in `successor`: it proves itself, whatever `successor` is worth. */
  #link(successor: DigestRecord, target: DigestRecord): void {
    const previous = previousOf(successor)
    if (previous === null) return
    const signature = this.#signatureCarried(previous, target)
    if (signature === 'verifies') target.successorSignature = 'verifies'
    else if (signature === 'fails') contradict(target, successor)
    const { facts } = target
    const isHash = (facts.kind === 'content' || facts.kind === 'malformed') && facts.sha256 === previous.hashValue
    // A hash by another algorithm says nothing here; the signature is over the same bytes.
    const hash = previous.hashAlgorithm === 'SHA-256' ? isHash : signature === 'verifies'
    const link: DigestLink = { previous: target, hash, signature }
    if (successor.link === undefined || (hash && !successor.link.hash)) successor.link = link
  }

  #signatureCarried(previous: PreviousDigest, target: DigestRecord): SignatureState | 'unknown' {
    const { facts } = target
    if (facts.kind !== 'content') return 'unknown'
    const own = facts.metadata?.['signature']
    const same = own !== undefined && own.toLowerCase() === previous.signature.toLowerCase()
    if (same && target.metadataSignature !== 'absent') return target.metadataSignature
    const state = checkSignature(facts, previous.signature, this.#twice)
    if (state !== 'absent') return state
    return own === undefined || same ? 'unknown' : 'fails'
  }
}

/** A digest that a thousand planted ones contradict is contradicted; the genuine one comes soon after it. */
const CONTRADICTIONS_KEPT = 1000

function contradict(target: DigestRecord, successor: DigestRecord): void {
  target.contradictedBy ??= []
  if (target.contradictedBy.length < CONTRADICTIONS_KEPT) target.contradictedBy.push(successor)
}

function append<V>(map: Map<string, V[]>, key: string, value: V): void {
  const list = map.get(key)
  if (list === undefined) map.set(key, [value])
  else list.push(value)
}

/** A stretch of digests in which each is linked, hash and signature, to the one before. */
export interface Run {
  /** From the end of its starting digest, else the start of its oldest digest, to its newest end. */
  readonly interval: Interval
  readonly members: ReadonlySet<DigestRecord>
  /** Its oldest digest, and its newest. */
  readonly root: DigestRecord
  readonly newest: DigestRecord
}

/** One record with what was found about it; links and out-of-chain included. */
export interface CheckedDigest {
  readonly record: DigestRecord
  /** Signed, in place and in its chain: its claims and its hour count. */
  readonly vouches: boolean
  readonly signatureFrom: 'metadata' | 'successor' | null
  /** About the digest itself. */
  readonly observations: readonly Observation[]
  /** About the link that it carries: these make the chain invalid, not the digest. */
  readonly linkObservations: readonly Observation[]
  /** Whether a vouching digest links to it. */
  readonly linked: boolean
}

export interface CheckedChain {
  readonly id: ChainId
  /** The end of the oldest digest in the listing, read or not. */
  readonly oldestListed: number | null
  /** In order of digestEndTime, then key. */
  readonly digests: readonly CheckedDigest[]
  readonly runs: readonly Run[]
  /** Merged hours of vouching digests, starting digests excepted. Empty for backfill chains: they fill nothing. */
  readonly covered: readonly Interval[]
}

/** Judges the digests of a chain together. */
export function checkChain(chain: DigestChain): CheckedChain {
  const standard = chain.id.kind === 'standard'
  const records = [...chain.records].sort(inOrder)
  const checks = new Map(records.map((record) => [record, checkDigest(record)] as const))
  const proven = records.filter((record) => checks.get(record)?.proven === true)
  const linked = linkedTo(chain, proven)
  const runs = standard ? findRuns(proven) : []
  const outside = standard ? outOfChain(chain, linked, runs) : new Set<DigestRecord>()
  const skips = linksThatSkip(runs, proven, outside)
  const digests = records.map((record) => checked(chain, record, checks.get(record), { linked, outside, skips }))
  const vouching = digests.filter((digest) => digest.vouches && standard && !isStarting(digest.record))
  const covered = mergeIntervals(vouching.map((digest) => digestInterval(digest.record)))
  return { id: chain.id, oldestListed: chain.oldestListed, digests, runs, covered }
}

function inOrder(a: DigestRecord, b: DigestRecord): number {
  return a.name.endTime - b.name.endTime || (a.key < b.key ? -1 : a.key > b.key ? 1 : a.ordinal - b.ordinal)
}

function linkedTo(chain: DigestChain, proven: readonly DigestRecord[]): Set<DigestRecord> {
  const linked = new Set<DigestRecord>()
  for (const record of proven) {
    const previous = previousOf(record)
    if (previous === null) continue
    for (const target of chain.at(previous.s3Bucket, previous.s3Object)) linked.add(target)
  }
  return linked
}

function intact(record: DigestRecord): DigestRecord | undefined {
  const { link } = record
  return link?.hash === true && link.signature !== 'fails' ? link.previous : undefined
}

/** `proven` is in order of time. Where links fork, the run is the branch that ends last: what the other holds was passed over. */
function findRuns(proven: readonly DigestRecord[]): Run[] {
  const rootOf = new Map<DigestRecord, DigestRecord>()
  const newestOf = new Map<DigestRecord, DigestRecord>()
  for (const record of proven) {
    const previous = intact(record)
    const root = (previous === undefined ? undefined : rootOf.get(previous)) ?? record
    rootOf.set(record, root)
    newestOf.set(root, record)
  }
  return [...newestOf].map(([root, newest]) => {
    const { start, end } = digestInterval(root)
    const members = new Set<DigestRecord>()
    for (let at: DigestRecord | undefined = newest; at !== undefined && rootOf.has(at) && !members.has(at); at = intact(at))
      members.add(at)
    return { interval: { start: isStarting(root) ? end : start, end: digestInterval(newest).end }, members, root, newest }
  })
}

/** Objects whose time lies inside a proven run to which they do not belong, and to which no valid link leads: signed or not. */
function outOfChain(chain: DigestChain, linked: ReadonlySet<DigestRecord>, runs: readonly Run[]): Set<DigestRecord> {
  const outside = new Set<DigestRecord>()
  for (const record of chain.records) {
    if (linked.has(record) || record.facts.kind === 'missing' || record.facts.kind === 'unreadable') continue
    const at = record.name.endTime
    const inside = (run: Run): boolean =>
      run.interval.start < at && at < run.interval.end && !isFinalOf(record, run) && !isRestart(record, run, runs)
    // A copy of a member (same original place) is judged by its own bytes: the chain accounts for that place.
    const member = (run: Run): boolean => chain.at(record.bucket, record.key).some((copy) => run.members.has(copy))
    if (runs.some((run) => inside(run) && !member(run))) outside.add(record)
  }
  return outside
}

/** Logging was started again within the hour of this final digest: the new run begins inside it, and accounts for it. */
function isFinalOf(record: DigestRecord, { root, members }: Run): boolean {
  if (!isStarting(root) || members.has(record) || !checkDigest(record).proven || previousOf(record) === null) return false
  const { start, end } = digestInterval(record)
  const started = digestInterval(root).end
  return start < started && started < end
}

/** Of a run whose starting digest ends within the last hour of another one. */
function isRestart(record: DigestRecord, { newest }: Run, runs: readonly Run[]): boolean {
  const own = runs.find(({ members }) => members.has(record))
  if (own === undefined || !isStarting(own.root)) return false
  const { start, end } = digestInterval(newest)
  const started = digestInterval(own.root).end
  return newest !== own.newest && start < started && started < end
}

/** A link that passes over a validly signed digest: the first digest of the run after it carries that link. */
function linksThatSkip(
  runs: readonly Run[],
  proven: readonly DigestRecord[],
  outside: ReadonlySet<DigestRecord>,
): Set<DigestRecord> {
  const skips = new Set<DigestRecord>()
  for (const record of proven) {
    if (!outside.has(record)) continue
    for (const { interval, members } of runs) {
      const at = record.name.endTime
      if (members.has(record) || at <= interval.start || at >= interval.end) continue
      const after = [...members].filter((member) => member.name.endTime > at && intact(member) !== undefined)
      const first = after.reduce<DigestRecord | undefined>(
        (a, b) => (a === undefined || b.name.endTime < a.name.endTime ? b : a),
        undefined,
      )
      if (first !== undefined) skips.add(first)
    }
  }
  return skips
}

interface ChainFacts {
  readonly linked: ReadonlySet<DigestRecord>
  readonly outside: ReadonlySet<DigestRecord>
  readonly skips: ReadonlySet<DigestRecord>
}

function checked(chain: DigestChain, record: DigestRecord, check: DigestCheck | undefined, facts: ChainFacts): CheckedDigest {
  const proven = check?.proven === true
  const outside = facts.outside.has(record)
  const found = check?.observations ?? []
  const observations: readonly Observation[] = outside
    ? [
        { code: 'DIGEST_OUT_OF_CHAIN', fields: { reason: 'not-linked' } },
        ...found.filter(({ code }) => code === 'DIGEST_TRAILING_DATA'),
      ]
    : found
  const vouches = proven && !outside
  return {
    record,
    vouches,
    signatureFrom: vouches ? (check?.signatureFrom ?? null) : null,
    observations,
    linkObservations: vouches ? checkLink(chain.id, record, facts.skips.has(record)) : [],
    linked: facts.linked.has(record),
  }
}

/** The link that a valid digest carries: hash, signature, chain and time of the digest that was found there. */
export function checkLink(id: ChainId, record: DigestRecord, skips: boolean): Observation[] {
  const previous = previousOf(record)
  if (previous === null) return []
  const name = objectName({ bucket: previous.s3Bucket, key: previous.s3Object })
  const broken = (reason: LinkReason, expected?: string, found?: string): Observation => ({
    code: 'DIGEST_LINK_BROKEN',
    fields: {
      reason,
      previous: name,
      ...(expected === undefined ? {} : { expected }),
      ...(found === undefined ? {} : { found }),
    },
  })
  if (!isSameChain(id, previous.s3Object)) return [broken('other-chain')]
  if (skips) return [broken('skips')]
  const { link } = record
  if (link === undefined) return []
  const { facts } = link.previous
  if (facts.kind === 'missing' || facts.kind === 'unreadable' || (facts.kind === 'malformed' && facts.sha256 === null)) return []
  if (previous.hashAlgorithm === 'SHA-256' && !link.hash) return [broken('hash', previous.hashValue, facts.sha256 ?? undefined)]
  return link.signature === 'fails' ? [broken('signature', previous.signature.toLowerCase())] : []
}

type LinkReason = 'hash' | 'signature' | 'skips' | 'other-chain'

/** Whether a key is one of this chain's digests. */
export function isSameChain(id: ChainId, key: string): boolean {
  const name = parseObjectKey(key)
  return (
    name.kind === 'digest' &&
    name.organizationId === id.organizationId &&
    name.accountId === id.accountId &&
    name.region === id.region &&
    name.trail === id.trail &&
    name.homeRegion === id.homeRegion &&
    name.backfill === (id.kind === 'backfill')
  )
}
