/** The hours of a chain's range that nothing proves, each with the reason that can be told. */
import type { RangeRequest } from './chain-range.js'
import type { CheckedChain, CheckedDigest } from './check-chain.js'
import { digestInterval, isStarting } from './check-digest.js'
import { DELIVERY_DELAY, type Interval, overlaps, uncovered } from './coverage.js'
import type { AcceptedHours } from './expected-chains.js'
import type { GapEvent, GapReason, ObjectVersions } from './findings.js'

export interface OpenHours extends Interval {
  readonly reason: GapReason
  /** Once they were searched for. */
  readonly events?: readonly GapEvent[]
  readonly searched?: { readonly logFiles: number; readonly complete: boolean }
  /** Of the digest that would have followed, where the chain ends. */
  readonly versions?: ObjectVersions
  /** By whom, where the operator accepts the gap. */
  readonly accepted?: AcceptedHours
}

/** A chain whose first proven hour begins where the range ends, or later, proves nothing of it. */
export function beforeAll({ start, end }: Interval): OpenHours[] {
  return start < end ? [] : [{ start: end, end: start, reason: 'before-first' }]
}

export interface HoursRequest extends RangeRequest {
  readonly range: Interval
  /** Hours before it are only expected. */
  readonly first: number
  readonly delivered: number | null
}

/** The hours of the range that no vouching digest covers, each with the reason that can be told. */
export function openHours(chain: CheckedChain, request: HoursRequest): OpenHours[] {
  const doubtful = chain.digests
    .filter((digest) => !digest.vouches && digest.record.facts.kind !== 'missing' && !isOutOfChain(digest))
    .map((digest) => digestInterval(digest.record))
  const open: OpenHours[] = []
  const { range, first } = request
  const expected = { start: range.start, end: Math.min(first, range.end) }
  for (const gap of uncovered(range, chain.covered)) {
    for (const part of splitBy(gap, [...doubtful, expected])) {
      if (doubtful.some((other) => overlaps(other, part)))
        open.push({ start: part.start, end: part.end, reason: 'digest-invalid' })
      else if (overlaps(expected, part)) open.push({ start: part.start, end: part.end, reason: 'before-first' })
      else open.push(...reasoned(chain, request, { start: part.start, end: part.end }))
    }
  }
  return joinEqual(open)
}

const isOutOfChain = (digest: CheckedDigest): boolean => digest.observations[0]?.code === 'DIGEST_OUT_OF_CHAIN'

/** Cuts an interval at the borders of others. */
function splitBy(gap: Interval, others: readonly Interval[]): Interval[] {
  const touching = others.filter((other) => overlaps(other, gap))
  const borders = new Set([gap.start, gap.end])
  for (const { start, end } of touching) {
    borders.add(Math.max(start, gap.start))
    borders.add(Math.min(end, gap.end))
  }
  const sorted = [...borders].sort((a, b) => a - b)
  return sorted.slice(1).map((end, index) => ({ start: sorted[index] ?? gap.start, end }))
}

function reasoned(chain: CheckedChain, request: HoursRequest, gap: Interval): OpenHours[] {
  const after = chain.digests.find((digest) => digest.vouches && digestInterval(digest.record).end > gap.start)
  if (after === undefined) {
    const recent = Math.max(request.now - DELIVERY_DELAY, request.delivered ?? Number.NEGATIVE_INFINITY)
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
