/** Expectations, ready to be asked about a chain. */
import { type Interval, overlaps } from './coverage.js'
import type { AcceptedGap, ChainSelection, Expectations } from './expectations.js'
import type { ChainId } from './findings.js'
import { parseTime } from './time.js'
import type { DeliveredHours } from './trail-knowledge.js'

/** What a gap, or a chain, is about: null where it names none. */
export interface ChainNames {
  readonly accountId: string | null
  readonly region: string | null
  readonly trail: string | null
  readonly homeRegion: string | null
  /** Undefined: any. */
  readonly organizationId?: string | null | undefined
}

/** Hours in which a gap is accepted. */
export interface AcceptedHours extends Interval {
  /** Its place in the list of what is accepted. */
  readonly entry: number
  readonly reason: string
  readonly by: string
}

/** What is expected of one chain. */
export interface ChainExpectation {
  /** Hours from here on are claimed, where no start was asked. */
  readonly since: number | null
  /** Nothing is claimed of the hours after it, where no digest lies there. */
  readonly until: number | null
  /** CloudTrail says that it delivered a digest that ends no earlier. */
  readonly delivered: number | null
  readonly accepted: readonly AcceptedHours[]
}

/** Accounts, regions and trails of which a digest is expected in `[since, until)`; null: from the start of the range, to its end. */
export interface Combination extends ChainNames {
  readonly since: number | null
  readonly until: number | null
}

export const NOTHING_EXPECTED: ChainExpectation = { since: null, until: null, delivered: null, accepted: [] }

export class ExpectedChains {
  readonly combinations: readonly Combination[]
  readonly #delivered: readonly DeliveredHours[]
  /** Combinations that name a chain whole, by its names; the others are few. */
  readonly #whole = new Map<string, Combination[]>()
  readonly #partial: readonly Combination[]
  readonly #accepted: readonly { readonly selection: ChainSelection; readonly hours: AcceptedHours }[]

  constructor({ expect, accept }: Expectations, delivered: readonly DeliveredHours[] = []) {
    this.combinations = expect.flatMap(combinationsOf)
    this.#delivered = delivered
    this.#accepted = accept.map((gap, entry) => ({ selection: gap, hours: acceptedHours(gap, entry) }))
    for (const combination of this.combinations) {
      if (!namesWhole(combination)) continue
      const name = nameOf(combination)
      this.#whole.set(name, [...(this.#whole.get(name) ?? []), combination])
    }
    this.#partial = this.combinations.filter((combination) => !namesWhole(combination))
  }

  of(id: ChainId): ChainExpectation {
    const whole = (this.#whole.get(nameOf(id)) ?? []).filter((combination) => isNamedBy(id, combination))
    const all = [...whole, ...this.#partial.filter((combination) => isNamedBy(id, combination))]
    const starts = whole.flatMap(({ since }) => (since === null ? [] : [since]))
    const ends = all.map(({ until }) => until ?? Number.POSITIVE_INFINITY)
    const until = ends.length === 0 ? Number.POSITIVE_INFINITY : Math.max(...ends)
    const delivered = this.#delivered.find(({ chain }) => isNamedBy(id, chain))
    return {
      since: starts.length === 0 ? null : Math.min(...starts),
      until: until === Number.POSITIVE_INFINITY ? null : until,
      delivered: id.kind === 'standard' && delivered !== undefined ? delivered.end : null,
      accepted: this.accepted(id),
    }
  }

  /** A list that is named must name what the gap is about: an account's gap is not accepted with that of one of its regions. */
  accepted(names: ChainNames): readonly AcceptedHours[] {
    return this.#accepted.filter(({ selection }) => isSelected(names, selection)).map(({ hours }) => hours)
  }
}

function acceptedHours({ startTime, endTime, reason, by }: AcceptedGap, entry: number): AcceptedHours {
  return { start: parseTime(startTime) ?? 0, end: parseTime(endTime) ?? 0, entry, reason, by }
}

function* combine(selection: ChainSelection): Generator<ChainNames, void, undefined> {
  const { homeRegion = null, organizationId } = selection
  for (const accountId of selection.accountIds ?? [null])
    for (const region of selection.regions ?? [null])
      for (const trail of selection.trails ?? [null]) yield { accountId, region, trail, homeRegion, organizationId }
}

function combinationsOf(expectation: Expectations['expect'][number]): Combination[] {
  const since = parseTime(expectation.since ?? '') ?? null
  const until = parseTime(expectation.until ?? '') ?? null
  return [...combine(expectation)].map((names) => ({ ...names, since, until }))
}

function namesWhole({ accountId, region, trail }: ChainNames): boolean {
  return accountId !== null && region !== null && trail !== null
}

/** `account/region/trail`, `*` for what is not named: none of the three can hold it. */
export function nameOf({ accountId, region, trail }: Pick<ChainNames, 'accountId' | 'region' | 'trail'>): string {
  return `${accountId ?? '*'}/${region ?? '*'}/${trail ?? '*'}`
}

/** Whether a chain has all the names that are given. */
export function isNamedBy(chain: ChainId, names: ChainNames): boolean {
  const { accountId, region, trail, homeRegion, organizationId } = names
  return (
    (accountId ?? chain.accountId) === chain.accountId &&
    (region ?? chain.region) === chain.region &&
    (trail ?? chain.trail) === chain.trail &&
    (homeRegion ?? chain.homeRegion) === chain.homeRegion &&
    (organizationId === undefined || organizationId === chain.organizationId)
  )
}

function isSelected(names: ChainNames, selection: ChainSelection): boolean {
  const { accountIds, regions, trails, homeRegion, organizationId } = selection
  const { accountId, region, trail } = names
  return (
    (accountIds === undefined || (accountId !== null && accountIds.includes(accountId))) &&
    (regions === undefined || (region !== null && regions.includes(region))) &&
    (trails === undefined || (trail !== null && trails.includes(trail))) &&
    (homeRegion === undefined || homeRegion === names.homeRegion) &&
    (organizationId === undefined || organizationId === names.organizationId)
  )
}

/** A gap, cut at the borders of what is accepted: each part says whether, and by whom. Where several accept it, the first does. */
export function splitAccepted<T extends Interval>(
  gap: T,
  accepted: readonly AcceptedHours[],
): (T & { readonly accepted?: AcceptedHours })[] {
  const touching = accepted.filter((hours) => overlaps(hours, gap))
  if (touching.length === 0) return [gap]
  const borders = touching.flatMap(({ start, end }) => [Math.max(start, gap.start), Math.min(end, gap.end)])
  const sorted = [...new Set([gap.start, ...borders, gap.end])].sort((a, b) => a - b)
  const parts: (T & { accepted?: AcceptedHours })[] = []
  for (const [index, end] of sorted.slice(1).entries()) {
    const start = sorted[index] ?? gap.start
    const hours = touching.find((one) => one.start <= start && end <= one.end)
    const last = parts.at(-1)
    if (last !== undefined && last.accepted === hours) parts[parts.length - 1] = { ...last, end }
    else parts.push({ ...gap, start, end, ...(hours === undefined ? {} : { accepted: hours }) })
  }
  return parts
}
