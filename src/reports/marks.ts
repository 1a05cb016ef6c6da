import type { Finding, Gap } from '../core/findings.js'
import type { ChainSummary } from '../core/results.js'
import { parseTime } from '../core/time.js'
import { trailOf } from './finding-place.js'
import { type Segment, type State, stateOf, stateOfCode } from './states.js'

/** How many marks are kept over all. Beyond that the strips show coverage alone, which has the same hours. */
const MOST_MARKS = 100_000

interface Scope {
  readonly organizationId: string | null
  readonly accountId: string | null
  readonly region: string | null
}

/** Where a mark belongs: an account and region, and the trail where it is about a digest. */
export interface MarkedScope extends Scope {
  readonly trail: string | null
  /** Minutes since the epoch, by state. */
  readonly minutes: Map<State, Set<number>>
}

/** The moments at which something is proven false, for timelines: a set of minutes for each account, region and state. */
export class Marks {
  readonly #scopes = new Map<string, MarkedScope>()
  #count = 0

  add(finding: Finding | Gap): void {
    if (finding.kind === 'gap' || finding.verdict !== 'invalid' || finding.time === null) return
    const time = parseTime(finding.time)
    if (time === undefined || this.#count >= MOST_MARKS) return
    const scope = this.#scope(finding, trailOf(finding))
    const state = stateOfCode(finding.code)
    const minutes = scope.minutes.get(state) ?? new Set()
    scope.minutes.set(state, minutes)
    const before = minutes.size
    this.#count += minutes.add(Math.floor(time / 60_000)).size - before
  }

  /** The marks of a chain: those of its trail, and those of its account and region that name no trail. */
  of(chain: Scope & { readonly trail: string }): Segment[] {
    return [null, chain.trail].flatMap((trail) => segments(this.#scopes.get(keyOf(chain, trail))))
  }

  /** All accounts and regions with a mark. */
  scopes(): Iterable<MarkedScope> {
    return this.#scopes.values()
  }

  #scope(scope: Scope, trail: string | null): MarkedScope {
    const key = keyOf(scope, trail)
    const { organizationId, accountId, region } = scope
    const known = this.#scopes.get(key) ?? { organizationId, accountId, region, trail, minutes: new Map() }
    this.#scopes.set(key, known)
    return known
  }
}

/** The hours of a chain, and what was found false in them. Those of a chain without a valid digest have no coverage: nothing is proven of them. */
export function chainSegments(chain: ChainSummary, marks: Marks): Segment[] {
  const { startTime, endTime, coverage } = chain
  const unknown = { startTime, endTime, verdict: 'unverified', reason: null } as const
  const hours = (coverage.length === 0 && startTime < endTime ? [unknown] : coverage).map((part) => ({
    start: parseTime(part.startTime) ?? 0,
    end: parseTime(part.endTime) ?? 0,
    state: stateOf(part),
  }))
  return [...hours, ...marks.of(chain)]
}

export function segments(scope: MarkedScope | undefined): Segment[] {
  if (scope === undefined) return []
  return [...scope.minutes].flatMap(([state, minutes]) =>
    [...minutes].map((minute) => ({ start: minute * 60_000, end: minute * 60_000, state })),
  )
}

function keyOf({ organizationId, accountId, region }: Scope, trail: string | null): string {
  return JSON.stringify([organizationId, accountId, region, trail])
}
