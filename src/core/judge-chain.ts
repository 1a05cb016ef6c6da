/** What a chain proves within the range: which digests are judged, what is missing, which hours stay open. */
import { oldestAccounted, type RangeRequest, rangeOf } from './chain-range.js'
import { type CheckedChain, type CheckedDigest, isSameChain } from './check-chain.js'
import { type DigestRecord, digestInterval, objectName, previousOf } from './check-digest.js'
import { covers, type Interval, NAME_TOLERANCE, overlaps } from './coverage.js'
import { type AcceptedHours, type ChainExpectation, NOTHING_EXPECTED, splitAccepted } from './expected-chains.js'
import { type Observation, verdictOf } from './finding.js'
import type { ChainId, Verdict } from './findings.js'
import { parseObjectKey } from './object-key.js'
import { beforeAll, type OpenHours, openHours } from './open-hours.js'

export interface JudgedDigest {
  readonly checked: CheckedDigest
  readonly verdict: Verdict
}

export interface JudgedChain {
  readonly chain: CheckedChain
  /** At least one valid digest was found. */
  readonly known: boolean
  /** It was expected until before the range, and nothing of it touches the range. */
  readonly over: boolean
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
export function judgeChain(
  chain: CheckedChain,
  request: RangeRequest,
  expected: ChainExpectation = NOTHING_EXPECTED,
): JudgedChain {
  const known = chain.digests.some((digest) => digest.vouches)
  const { range, first } = rangeOf(chain, request, expected)
  const unsigned = unsignedEdges(chain, request, range, known)
  const judged = chain.digests.filter((digest) => isJudged(digest, request, range, unsigned))
  const ended = expected.until !== null && expected.until <= range.start && range.end <= range.start
  const hours = { ...request, range, first, delivered: expected.delivered }
  const gaps = known && chain.id.kind === 'standard' && !ended ? [...beforeAll(range), ...openHours(chain, hours)] : []
  return {
    chain,
    known,
    over: ended && judged.length === 0,
    range,
    digests: judged.map((checked) => ({ checked, verdict: worst(checked.observations) })),
    missing: missingDigests(chain, range, first),
    gaps,
    unsigned,
    notChecked: [...unsignedSentence(chain, unsigned), ...predecessorSentence(chain, request)],
  }
}

/** A gap with digests in it is not accepted: what was found about them stands for its hours. */
export function acceptGaps(chain: JudgedChain, accepted: readonly AcceptedHours[]): JudgedChain {
  if (accepted.length === 0) return chain
  return { ...chain, gaps: chain.gaps.flatMap((gap) => (gap.reason === 'digest-invalid' ? [gap] : splitAccepted(gap, accepted))) }
}

function worst(observations: readonly Observation[]): Verdict {
  if (observations.some((observation) => verdictOf(observation) === 'invalid')) return 'invalid'
  return observations.length > 0 ? 'unverified' : 'valid'
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

/** `first`: where hours are only expected and not asked, what the oldest digest links to may have expired. */
function missingDigests(
  chain: CheckedChain,
  range: Interval,
  first: number,
): { record: DigestRecord; observation: Observation }[] {
  const missing = new Map<DigestRecord, { record: DigestRecord; observation: Observation }>()
  for (const { record, vouches } of chain.digests) {
    const target = record.link?.previous
    if (!vouches || target?.facts.kind !== 'missing' || missing.has(target)) continue
    const standard = chain.id.kind === 'standard'
    if (digestInterval(record).start <= Math.max(range.start, first) || (standard && !overlaps(digestInterval(target), range)))
      continue
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
 * asked for or are expected; else where it is no older than what is here. Links to other chains are not followed.
 */
export function digestToFollow(
  id: ChainId,
  record: DigestRecord,
  request: { readonly askedStart: number | null; readonly since: number | null; readonly oldestListed: number | null },
): { readonly bucket: string; readonly key: string } | undefined {
  const previous = previousOf(record)
  const name = previous === null ? undefined : parseObjectKey(previous.s3Object)
  if (previous === null || name?.kind !== 'digest' || !isSameChain(id, previous.s3Object)) return undefined
  const { oldestListed } = request
  const claimed = request.askedStart ?? request.since
  const wanted =
    claimed === null
      ? oldestListed !== null && name.endTime > oldestListed
      : digestInterval(record).start >= claimed - NAME_TOLERANCE
  return wanted ? { bucket: previous.s3Bucket, key: previous.s3Object } : undefined
}
