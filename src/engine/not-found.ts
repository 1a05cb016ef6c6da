/** What was asked for, or is expected, and is not there: whole accounts, regions and trails, which no chain is left to tell of. */
import type { RangeRequest } from '../core/chain-range.js'
import { type Interval, mergeIntervals, uncovered } from '../core/coverage.js'
import {
  type ChainNames,
  type Combination,
  type ExpectedChains,
  isNamedBy,
  nameOf,
  splitAccepted,
} from '../core/expected-chains.js'
import { makeGap } from '../core/finding.js'
import type { Gap, GapReason } from '../core/findings.js'
import { formatTime } from '../core/time.js'
import { deliveredHours } from '../core/trail-knowledge.js'
import type { ResolvedOptions } from './options.js'
import type { KnownChain } from './scope-run.js'

/** A trail with a digest in the range. */
export interface FoundTrail {
  readonly accountId: string
  readonly region: string | null
  readonly trail: string
}

/** What was asked and is expected. */
export interface Wanted {
  readonly asked: Pick<ResolvedOptions, 'accountIds' | 'regions' | 'trails' | 'homeRegion' | 'trailKnowledge'>
  readonly range: RangeRequest
  readonly expected: ExpectedChains
  /** What a gap of no chain is about. */
  readonly object: string
}

interface NotFoundContext {
  readonly wanted: Wanted
  readonly found: readonly FoundTrail[]
  readonly known: readonly KnownChain[]
}

interface NotFound {
  readonly gap: Gap
  /** The entry that accepts it. */
  readonly accepted: number | undefined
}

interface Hours extends Interval {
  readonly reason: GapReason
}

/** Gaps that belong to no chain: first of what was asked for with options, then of what is expected. */
export function* hoursNotFound(context: NotFoundContext): Generator<NotFound, void, undefined> {
  const { wanted, known } = context
  const range = rangeOf(context)
  const said = new Set<string>()
  for (const names of askedCombinations(context)) {
    said.add(nameOf(names))
    yield* gaps(wanted, names, [{ ...range, reason: 'not-found' }])
  }
  const isOpen = (names: ChainNames): boolean => !said.has(nameOf(names)) && isLookedAt(wanted.asked, names)
  const chainsOf = chainsByName(known)
  for (const combination of wanted.expected.combinations) {
    if (isOpen(combination)) yield* gaps(wanted, combination, expectedHours(combination, chainsOf(combination), wanted, range))
  }
  for (const { chain, start, end } of deliveredHours(wanted.asked.trailKnowledge)) {
    if (!isOpen(chain) || chainsOf(chain).length > 0) continue
    yield* gaps(wanted, chain, [{ start: Math.max(start, range.start), end: Math.min(end, range.end), reason: 'not-found' }])
  }
}

/** How many combinations are expected outside of what was asked for: nothing is said of them. */
export function countNotLookedAt({ asked, expected }: Wanted): number {
  return expected.combinations.filter((combination) => !isLookedAt(asked, combination)).length
}

/** Where no start was asked: from the first hour that any chain is judged in. */
function rangeOf({ wanted, known }: NotFoundContext): Interval {
  const { askedStart, askedEnd, defaultEnd, now } = wanted.range
  const first = known.reduce((start, chain) => Math.min(start, chain.start), Number.POSITIVE_INFINITY)
  return { start: askedStart ?? (first === Number.POSITIVE_INFINITY ? 0 : first), end: askedEnd ?? defaultEnd ?? now }
}

/** Every combination of the values given that matches no digest in the range. */
function* askedCombinations({ wanted, found }: NotFoundContext): Generator<ChainNames, void, undefined> {
  const { accountIds, regions, trails } = wanted.asked
  if (accountIds.length + regions.length + trails.length === 0) return
  for (const accountId of orAny(accountIds)) {
    for (const region of orAny(regions)) {
      for (const trail of orAny(trails)) {
        const isThere = (one: FoundTrail): boolean =>
          (accountId ?? one.accountId) === one.accountId &&
          (region ?? one.region) === one.region &&
          (trail ?? one.trail) === one.trail
        if (!found.some(isThere)) yield { accountId, region, trail, homeRegion: null }
      }
    }
  }
}

function orAny(values: readonly string[]): readonly (string | null)[] {
  return values.length === 0 ? [null] : values
}

/** A run that was narrowed says nothing of the rest. */
function isLookedAt({ accountIds, regions, trails, homeRegion }: Wanted['asked'], names: ChainNames): boolean {
  const isIn = (values: readonly string[], name: string | null): boolean =>
    values.length === 0 || (name !== null && values.includes(name))
  const home = homeRegion === undefined || names.homeRegion === null || names.homeRegion === homeRegion
  return isIn(accountIds, names.accountId) && isIn(regions, names.region) && isIn(trails, names.trail) && home
}

/** Of each chain under all that it may be named by: an account alone, a region and a trail, … */
function chainsByName(known: readonly KnownChain[]): (names: ChainNames) => readonly KnownChain[] {
  const byName = new Map<string, KnownChain[]>()
  for (const chain of known) {
    const { accountId, region, trail } = chain.id
    for (const account of [accountId, null])
      for (const one of [region, null])
        for (const other of [trail, null]) {
          const name = nameOf({ accountId: account, region: one, trail: other })
          const chains = byName.get(name)
          if (chains === undefined) byName.set(name, [chain])
          else chains.push(chain)
        }
  }
  return (names) => (byName.get(nameOf(names)) ?? []).filter(({ id }) => isNamedBy(id, names))
}

/** Expected hours that are judged in no chain: those that are, are covered or a gap of that chain. */
function expectedHours(
  { since, until }: Combination,
  chains: readonly KnownChain[],
  { range: { askedStart } }: Wanted,
  range: Interval,
): Hours[] {
  const [first, last] = [Math.min(...chains.map(({ start }) => start)), Math.max(...chains.map(({ end }) => end))]
  const claimed = since === null ? range.start : Math.max(since, askedStart ?? since)
  const start = since === null && askedStart === null && chains.length > 0 ? first : claimed
  const end = Math.min(until ?? range.end, range.end, chains.length > 0 && until === null ? last : range.end)
  if (start >= end) return []
  if (chains.length === 0) return [{ start, end, reason: 'not-found' }]
  return uncovered({ start, end }, mergeIntervals(chains)).map((hours) => ({
    ...hours,
    reason: hours.end <= first ? 'before-first' : 'after-last',
  }))
}

function* gaps({ object, expected }: Wanted, names: ChainNames, all: readonly Hours[]): Generator<NotFound, void, undefined> {
  const { accountId, region, trail, homeRegion, organizationId = null } = names
  const accepting = expected.accepted(names)
  for (const one of all) {
    if (one.start >= one.end) continue
    for (const { start, end, reason, accepted } of splitAccepted(one, accepting)) {
      const subject = { object, organizationId, accountId, region, time: formatTime(start) }
      const words = accepted === undefined ? {} : { accepted: { reason: accepted.reason, by: accepted.by } }
      const fields = { reason, startTime: formatTime(start), endTime: formatTime(end), trail, homeRegion, ...words }
      yield { gap: makeGap(subject, fields), accepted: accepted?.entry }
    }
  }
}
