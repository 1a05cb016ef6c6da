/** What a chain proves within the range: which digests are judged, what is missing, which hours stay open. */
import { type CheckedChain, type CheckedDigest, isSameChain } from './check-chain.js'
import { type DigestRecord, digestInterval, isStarting, objectName, previousOf } from './check-digest.js'
import { covers, DELIVERY_DELAY, type Interval, NAME_TOLERANCE, overlaps, uncovered } from './coverage.js'
import { type Observation, verdictOf } from './finding.js'
import type { ChainId, GapEvent, GapReason, Verdict } from './findings.js'
import { parseObjectKey } from './object-key.js'

/** What was asked, and what the source and the clock make of what was not. Milliseconds since the epoch. */
export interface RangeRequest {
  readonly askedStart: number | null
  readonly askedEnd: number | null
  /** The end where none was asked; null while nothing gives one. */
  readonly defaultEnd: number | null
  /** An export without an asked end: the newest valid digestEndTime over all chains. Null otherwise. */
  readonly newestValid: number | null
  readonly now: number
}

export interface JudgedDigest {
  readonly checked: CheckedDigest
  readonly verdict: Verdict
}

export interface OpenHours extends Interval {
  readonly reason: GapReason
  /** Once they were searched for. */
  readonly events?: readonly GapEvent[]
  readonly searched?: { readonly logFiles: number; readonly complete: boolean }
}

export interface JudgedChain {
  readonly chain: CheckedChain
  /** At least one valid digest was found. */
  readonly known: boolean
  readonly range: Interval
  readonly digests: readonly JudgedDigest[]
  /** Linked to by a valid digest, and a read answered that they are not there. */
  readonly missing: readonly { readonly record: DigestRecord; readonly observation: Observation }[]
  readonly gaps: readonly OpenHours[]
  /** Digests beyond the default end or start that lack only a signature: named, not judged. */
  readonly unsigned: ReadonlySet<DigestRecord>
  /** Plain sentences. */
  readonly notChecked: readonly string[]
}

/** Whether nothing but a signature is missing. */
function lacksOnlySignature(digest: CheckedDigest): boolean {
  return digest.observations.length === 1 && digest.observations[0]?.code === 'DIGEST_SIGNATURE_MISSING'
}

/** Judges a chain within what was asked. */
export function judgeChain(chain: CheckedChain, request: RangeRequest): JudgedChain {
  const known = chain.digests.some((digest) => digest.vouches)
  const range = rangeOf(chain, request)
  const unsigned = unsignedEdges(chain, request, range, known)
  const judged = chain.digests.filter((digest) => isJudged(digest, request, range, unsigned))
  return {
    chain,
    known,
    range,
    digests: judged.map((checked) => ({ checked, verdict: worst(checked.observations) })),
    missing: missingDigests(chain, range),
    gaps: known && chain.id.kind === 'standard' ? [...beforeAll(range), ...openHours(chain, request, range)] : [],
    unsigned,
    notChecked: [...unsignedSentence(chain, unsigned), ...predecessorSentence(chain, request)],
  }
}

function worst(observations: readonly Observation[]): Verdict {
  if (observations.some((observation) => verdictOf(observation) === 'invalid')) return 'invalid'
  return observations.length > 0 ? 'unverified' : 'valid'
}

/** The range of one chain: as asked; else from the end of its oldest digest, and to the default end, or a little earlier in an export. */
function rangeOf(chain: CheckedChain, request: RangeRequest): Interval {
  const oldest = oldestAccounted(chain)
  const first = oldest === undefined ? chain.digests[0] : oldest
  const start = request.askedStart ?? defaultStart(chain, first)
  return { start, end: request.askedEnd ?? defaultEnd(chain, request) }
}

/** The oldest digest that is valid, or to which a valid one links: planted older names change nothing. */
function oldestAccounted(chain: CheckedChain): CheckedDigest | undefined {
  return chain.digests.find((digest) => digest.vouches || (digest.linked && digest.record.facts.kind !== 'missing'))
}

function defaultStart(chain: CheckedChain, oldest: CheckedDigest | undefined): number {
  if (oldest === undefined) return chain.digests[0]?.record.name.endTime ?? 0
  const { start, end } = digestInterval(oldest.record)
  if (oldest.vouches || oldest.linked) return chain.id.kind === 'standard' ? end : start
  return start
}

function defaultEnd(chain: CheckedChain, request: RangeRequest): number {
  const newest = newestEnd(chain)
  const fallback = chain.digests.at(-1)?.record.name.endTime ?? 0
  const end = request.defaultEnd ?? fallback
  if (request.newestValid === null || newest === undefined) return end
  // A region whose digests come at another minute, exported at the same moment, ends a little earlier: no gap.
  return request.newestValid - newest < DELIVERY_DELAY ? Math.min(end, newest - NAME_TOLERANCE) : end
}

function newestEnd(chain: CheckedChain): number | undefined {
  let newest: number | undefined
  for (const digest of chain.digests) {
    if (digest.vouches) newest = Math.max(newest ?? Number.NEGATIVE_INFINITY, digestInterval(digest.record).end)
  }
  return newest
}

function unsignedEdges(chain: CheckedChain, request: RangeRequest, range: Interval, known: boolean): Set<DigestRecord> {
  const edges = new Set<DigestRecord>()
  for (const digest of chain.digests) {
    if (!lacksOnlySignature(digest)) continue
    const { start, end } = digestInterval(digest.record)
    const after =
      request.askedEnd === null && request.defaultEnd !== null && start >= (known ? range.end : (request.defaultEnd ?? range.end))
    const before = request.askedStart === null && known && end <= range.start
    if (after || before) edges.add(digest.record)
  }
  return edges
}

/**
 * Judged are the digests that touch the range. Where a start or an end was not asked, a digest beyond the default one that
 * is there and not as CloudTrail wrote it would go unseen: it is judged too, unless it lacks only a signature.
 */
function isJudged(digest: CheckedDigest, request: RangeRequest, range: Interval, unsigned: ReadonlySet<DigestRecord>): boolean {
  const { record } = digest
  if (record.facts.kind === 'missing' || unsigned.has(record)) return false
  const interval = digestInterval(record)
  if (overlaps(interval, range)) return true
  if (digest.observations.length === 0) return false
  if (interval.start >= range.end) return request.askedEnd === null
  return interval.end <= range.start && request.askedStart === null
}

function missingDigests(chain: CheckedChain, range: Interval): { record: DigestRecord; observation: Observation }[] {
  const missing = new Map<DigestRecord, { record: DigestRecord; observation: Observation }>()
  for (const { record, vouches } of chain.digests) {
    const target = record.link?.previous
    if (!vouches || target?.facts.kind !== 'missing' || missing.has(target)) continue
    const standard = chain.id.kind === 'standard'
    if (digestInterval(record).start <= range.start || (standard && !overlaps(digestInterval(target), range))) continue
    missing.set(target, {
      record: target,
      observation: { code: 'DIGEST_MISSING', fields: { linkedFrom: objectName(record) } },
    })
  }
  for (const { record } of chain.digests) {
    if (record.facts.kind !== 'missing' || missing.has(record) || !overlaps(digestInterval(record), range)) continue
    const copy = chain.digests.find(
      (digest) => digest.vouches && digest.record.bucket === record.bucket && digest.record.key === record.key,
    )
    // A proven copy lies elsewhere; its own place answered that it is not there.
    if (copy !== undefined)
      missing.set(record, { record, observation: { code: 'DIGEST_MISSING', fields: { linkedFrom: objectName(record) } } })
  }
  return [...missing.values()]
}

/** A chain whose first proven hour begins where the range ends, or later, proves nothing of it. */
function beforeAll({ start, end }: Interval): OpenHours[] {
  return start < end ? [] : [{ start: end, end: start, reason: 'before-first' }]
}

/** The hours of the range that no vouching digest covers, each with the reason that can be told. */
function openHours(chain: CheckedChain, request: RangeRequest, range: Interval): OpenHours[] {
  const doubtful = chain.digests
    .filter((digest) => !digest.vouches && digest.record.facts.kind !== 'missing' && !isOutOfChain(digest))
    .map((digest) => digestInterval(digest.record))
  const open: OpenHours[] = []
  for (const gap of uncovered(range, chain.covered)) {
    for (const part of splitBy(gap, doubtful)) {
      if (part.inside) open.push({ start: part.start, end: part.end, reason: 'digest-invalid' })
      else open.push(...reasoned(chain, request, part))
    }
  }
  return joinEqual(open)
}

const isOutOfChain = (digest: CheckedDigest): boolean => digest.observations[0]?.code === 'DIGEST_OUT_OF_CHAIN'

/** Cuts an interval at the borders of others; says for each part whether it lies inside one. */
function splitBy(gap: Interval, others: readonly Interval[]): (Interval & { inside: boolean })[] {
  const touching = others.filter((other) => overlaps(other, gap))
  const borders = new Set([gap.start, gap.end])
  for (const { start, end } of touching) {
    borders.add(Math.max(start, gap.start))
    borders.add(Math.min(end, gap.end))
  }
  const sorted = [...borders].sort((a, b) => a - b)
  return sorted.slice(1).map((end, index) => {
    const part = { start: sorted[index] ?? gap.start, end }
    return { ...part, inside: touching.some((other) => overlaps(other, part)) }
  })
}

function reasoned(chain: CheckedChain, request: RangeRequest, gap: Interval): OpenHours[] {
  const after = chain.digests.find((digest) => digest.vouches && digestInterval(digest.record).end > gap.start)
  if (after === undefined) {
    const recent = request.now - DELIVERY_DELAY
    if (gap.end <= recent) return [{ ...gap, reason: 'after-last' }]
    if (gap.start >= recent) return [{ ...gap, reason: 'too-recent' }]
    return [
      { start: gap.start, end: recent, reason: 'after-last' },
      { start: recent, end: gap.end, reason: 'too-recent' },
    ]
  }
  if (!isStarting(after.record)) return [{ ...gap, reason: 'digests-missing' }]
  const older = chain.oldestListed !== null && chain.oldestListed < after.record.name.endTime
  return [{ ...gap, reason: older ? 'chain-restarted' : 'before-first' }]
}

function joinEqual(open: readonly OpenHours[]): OpenHours[] {
  const joined: OpenHours[] = []
  for (const part of open) {
    const last = joined.at(-1)
    if (last !== undefined && last.end === part.start && last.reason === part.reason)
      joined[joined.length - 1] = { ...last, end: part.end }
    else joined.push(part)
  }
  return joined
}

function unsignedSentence(chain: CheckedChain, unsigned: ReadonlySet<DigestRecord>): string[] {
  return [...unsigned].map(
    (record) =>
      `Digest ${objectName(record)} lacks only a signature: its signature lives in S3 object metadata, or in a later digest of trail ${chain.id.trail}.`,
  )
}

/** Where no start was asked: that the predecessor of the oldest digest is not here is said, and changes nothing. */
function predecessorSentence(chain: CheckedChain, request: RangeRequest): string[] {
  if (request.askedStart !== null) return []
  const oldest = oldestAccounted(chain)
  const previous = oldest === undefined ? null : previousOf(oldest.record)
  if (oldest === undefined || previous === null || !oldest.vouches) return []
  const found = oldest.record.link !== undefined && oldest.record.link.previous.facts.kind !== 'missing'
  if (found) return []
  const name = objectName({ bucket: previous.s3Bucket, key: previous.s3Object })
  return [
    `The oldest digest of a chain, ${objectName(oldest.record)}, follows ${name}, which is not here: nothing before it was checked.`,
  ]
}

/** Whether a valid hour of this chain covers all of `wanted`. */
export function chainCovers(chain: CheckedChain, wanted: Interval): boolean {
  return covers(chain.covered, wanted)
}

/**
 * The previous digest that a proven one names, where it must be read before the chain can be judged: for hours that were
 * asked for; else where it is no older than what is here. Links to other chains are not followed.
 */
export function digestToFollow(
  id: ChainId,
  record: DigestRecord,
  request: { readonly askedStart: number | null; readonly oldestListed: number | null },
): { readonly bucket: string; readonly key: string } | undefined {
  const previous = previousOf(record)
  const name = previous === null ? undefined : parseObjectKey(previous.s3Object)
  if (previous === null || name?.kind !== 'digest' || !isSameChain(id, previous.s3Object)) return undefined
  const { askedStart, oldestListed } = request
  const wanted =
    askedStart === null
      ? oldestListed !== null && name.endTime > oldestListed
      : digestInterval(record).start >= askedStart - NAME_TOLERANCE
  return wanted ? { bucket: previous.s3Bucket, key: previous.s3Object } : undefined
}
