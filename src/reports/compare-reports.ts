/** What changed between two runs over one trail: findings that came and went, hours that are proven now, or no more. */
import { type Interval, mergeIntervals, uncovered } from '../core/coverage.js'
import type { Finding, Verdict } from '../core/findings.js'
import type { ChainSummary, PublicKeyUse, Result, Summary } from '../core/results.js'
import { formatTime, parseTime } from '../core/time.js'
import { findingIdentity } from './finding-identity.js'

/** One of the two reports. */
export interface ComparedReport {
  readonly verdict: Verdict
  readonly startedAt: string
  readonly startTime: string | null
  readonly endTime: string | null
}

/** Hours of a chain. */
export interface ChainHours {
  readonly organizationId: string | null
  readonly accountId: string
  readonly region: string
  readonly trail: string
  readonly homeRegion: string
  readonly startTime: string
  readonly endTime: string
}

/** What differs between two reports. Nothing is judged again: each is taken at its word. */
export interface ReportDifference {
  readonly schemaVersion: 1
  readonly before: ComparedReport
  readonly after: ComparedReport
  /** Something that was well is not, or something else is wrong than before. */
  readonly worse: boolean
  readonly findings: {
    readonly new: readonly Finding[]
    /** As the first report has them: restored, proven meanwhile, or no longer there to be found. */
    readonly gone: readonly Finding[]
    /** Of the same kind about the same object, with another content than before: as the second report has them. */
    readonly changed: readonly Finding[]
    /** In the first report, and outside of what the second run was asked about. */
    readonly notLookedAt: number
  }
  readonly coverage: {
    readonly newlyProven: readonly ChainHours[]
    readonly noLongerProven: readonly ChainHours[]
  }
  readonly chains: { readonly new: readonly ChainHours[]; readonly gone: readonly ChainHours[] }
  readonly publicKeys: { readonly new: readonly PublicKeyUse[]; readonly gone: readonly PublicKeyUse[] }
}

/** Feed it all results of the first report, then all of the second. Gaps count as hours of their chain. */
export class ReportComparison {
  readonly #before = new Map<string, Finding>()
  readonly #new: Finding[] = []
  readonly #changed: Finding[] = []
  #first: Summary | undefined
  #second: Summary | undefined

  /** The next result of the first report. */
  addBefore(result: Result): void {
    if (result.kind === 'summary') this.#first = result
    else if (result.kind === 'finding') this.#before.set(findingIdentity(result), result)
  }

  /** The next result of the second report, after all of the first. */
  addAfter(result: Result): void {
    if (result.kind === 'summary') this.#second = result
    if (result.kind !== 'finding') return
    const identity = findingIdentity(result)
    const known = this.#before.get(identity)
    if (known === undefined) this.#new.push(result)
    else if (foundContent(known) !== foundContent(result)) this.#changed.push(result)
    this.#before.delete(identity)
  }

  /** Undefined until both summaries are there. */
  difference(): ReportDifference | undefined {
    const [before, after] = [this.#first, this.#second]
    if (before === undefined || after === undefined) return undefined
    const left = [...this.#before.values()]
    const gone = left.filter((finding) => isLookedAt(after, finding))
    const findings = { new: this.#new, gone, changed: this.#changed, notLookedAt: left.length - gone.length }
    const coverage = compareCoverage(before, after)
    const chains = compareChains(before, after)
    const bad = (finding: Finding): boolean => finding.verdict !== 'note'
    const worse =
      RANK[after.verdict] > RANK[before.verdict] ||
      this.#new.some(bad) ||
      this.#changed.some(bad) ||
      coverage.noLongerProven.length > 0 ||
      chains.gone.length > 0
    return {
      schemaVersion: 1,
      before: comparedReport(before),
      after: comparedReport(after),
      worse,
      findings,
      coverage,
      chains,
      publicKeys: compareKeys(before, after),
    }
  }
}

const RANK = { valid: 0, unverified: 1, invalid: 2 } as const

function foundContent(finding: Finding): unknown {
  return 'found' in finding ? finding.found : undefined
}

function comparedReport({ verdict, run, summary }: Summary): ComparedReport {
  return { verdict, startedAt: run.startedAt, startTime: summary.startTime, endTime: summary.endTime }
}

interface Subject {
  readonly accountId: string | null
  readonly region: string | null
  readonly time: string | null
}

/** A run that was narrowed says nothing of the rest. What names no time, account or region is always looked at. */
function isLookedAt({ request }: Summary, { accountId, region, time }: Subject): boolean {
  const { accountIds, regions, startTime, endTime } = request
  const isIn = (asked: readonly string[], name: string | null): boolean =>
    asked.length === 0 || name === null || asked.includes(name)
  const inTime = time === null || ((startTime === null || time >= startTime) && (endTime === null || time < endTime))
  return isIn(accountIds, accountId) && isIn(regions, region) && inTime
}

type Chain = Pick<ChainSummary, 'organizationId' | 'accountId' | 'region' | 'trail' | 'homeRegion'>

const nameOf = ({ organizationId, accountId, region, trail, homeRegion }: Chain): string =>
  [organizationId ?? '', accountId, region, trail, homeRegion].join('/')

const standardChains = ({ chains }: Summary): ChainSummary[] => chains.filter(({ kind }) => kind === 'standard')

function compareChains(before: Summary, after: Summary): ReportDifference['chains'] {
  const known = new Set(standardChains(before).map(nameOf))
  const found = new Set(standardChains(after).map(nameOf))
  const asked = (chain: ChainSummary): boolean =>
    isLookedAt(after, { ...chain, time: null }) &&
    (after.request.trails.length === 0 || after.request.trails.includes(chain.trail))
  return {
    new: standardChains(after)
      .filter((chain) => !known.has(nameOf(chain)))
      .map((chain) => hoursOf(chain, chain)),
    gone: standardChains(before)
      .filter((chain) => !found.has(nameOf(chain)) && asked(chain))
      .map((chain) => hoursOf(chain, chain)),
  }
}

/** What both runs looked at, and what only one of them proved. */
function compareCoverage(before: Summary, after: Summary): ReportDifference['coverage'] {
  const earlier = new Map(standardChains(before).map((chain) => [nameOf(chain), chain]))
  const newlyProven: ChainHours[] = []
  const noLongerProven: ChainHours[] = []
  for (const chain of standardChains(after)) {
    const known = earlier.get(nameOf(chain))
    if (known === undefined) continue
    const [was, is] = [proven(known), proven(chain)]
    const range = interval(chain)
    for (const hours of without(is, was)) newlyProven.push(hoursOf(chain, said(hours)))
    for (const hours of without(was, is).flatMap((each) => within(each, range))) noLongerProven.push(hoursOf(chain, said(hours)))
  }
  return { newlyProven, noLongerProven }
}

interface Times {
  readonly startTime: string
  readonly endTime: string
}

function interval({ startTime, endTime }: Times): Interval {
  return { start: parseTime(startTime) ?? 0, end: parseTime(endTime) ?? 0 }
}

const said = ({ start, end }: Interval): Times => ({ startTime: formatTime(start), endTime: formatTime(end) })

function proven({ coverage }: ChainSummary): Interval[] {
  return mergeIntervals(coverage.filter(({ verdict }) => verdict === 'valid').map(interval))
}

function without(these: readonly Interval[], those: readonly Interval[]): Interval[] {
  return these.flatMap((each) => uncovered(each, those))
}

function within({ start, end }: Interval, range: Interval): Interval[] {
  const part = { start: Math.max(start, range.start), end: Math.min(end, range.end) }
  return part.start < part.end ? [part] : []
}

function hoursOf({ organizationId, accountId, region, trail, homeRegion }: Chain, { startTime, endTime }: Times): ChainHours {
  return { organizationId, accountId, region, trail, homeRegion, startTime, endTime }
}

function compareKeys(before: Summary, after: Summary): ReportDifference['publicKeys'] {
  const only = (these: Summary, those: Summary): PublicKeyUse[] => {
    const known = new Set(those.publicKeys.map(({ sha256 }) => sha256))
    return these.publicKeys.filter(({ sha256 }) => !known.has(sha256))
  }
  return { new: only(after, before), gone: only(before, after) }
}
