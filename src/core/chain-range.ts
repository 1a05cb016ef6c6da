/** The range of one chain: what was asked of it, or is expected, or follows from what is there. */
import type { CheckedChain, CheckedDigest } from './check-chain.js'
import { digestInterval } from './check-digest.js'
import { DELIVERY_DELAY, type Interval, NAME_TOLERANCE } from './coverage.js'
import type { ChainExpectation } from './expected-chains.js'

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

/**
 * The range of one chain: as asked; else from the end of its oldest digest, and to the default end, or a little earlier in an export.
 * What is expected of it may make its hours begin earlier than at the `first`, and end earlier or later.
 */
export function rangeOf(
  chain: CheckedChain,
  request: RangeRequest,
  expected: ChainExpectation,
): { readonly range: Interval; readonly first: number } {
  const oldest = oldestAccounted(chain)
  const first = request.askedStart ?? defaultStart(chain, oldest === undefined ? chain.digests[0] : oldest)
  const start = request.askedStart ?? Math.min(first, expected.since ?? first)
  const end = request.askedEnd ?? deliveredEnd(chain, request, expected)
  return { range: { start, end: Math.max(Math.min(start, end), Math.min(end, lastExpected(chain, expected))) }, first }
}

/** The default end; a later one where CloudTrail says that it delivered a later digest than is here. */
function deliveredEnd(chain: CheckedChain, request: RangeRequest, { delivered }: ChainExpectation): number {
  const end = defaultEnd(chain, request)
  return delivered !== null && (newestEnd(chain) ?? delivered) < delivered ? Math.max(end, delivered) : end
}

/** Up to when hours are claimed. A digest that lies there is looked at whatever was expected. */
function lastExpected(chain: CheckedChain, { until }: ChainExpectation): number {
  if (until === null) return Number.POSITIVE_INFINITY
  const there = chain.digests.filter(({ record }) => record.facts.kind !== 'missing')
  return there.reduce((last, { record }) => Math.max(last, digestInterval(record).end), until)
}

/** The oldest digest that is valid, or to which a valid one links: planted older names change nothing. */
export function oldestAccounted(chain: CheckedChain): CheckedDigest | undefined {
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
