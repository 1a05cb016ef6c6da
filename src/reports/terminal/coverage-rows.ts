/** What the summary shows of coverage: a row for each account and region, or for each account where these are too many. */
import type { Gap, Verdict } from '../../core/findings.js'
import type { ChainSummary, Summary } from '../../core/results.js'
import { worstVerdict } from '../../core/summary.js'
import { parseTime } from '../../core/time.js'
import { chainSegments, type Marks, segments } from '../marks.js'
import type { Range, Segment } from '../states.js'

export interface CoverageRow {
  /** Attacker-chosen text. */
  readonly account: string
  readonly region: string
  readonly segments: readonly Segment[]
  readonly verdict: Verdict
  /** How many milliseconds were to be proven, and how many are. */
  readonly asked: number
  readonly proven: number
}

interface Named {
  readonly organizationId: string | null
  readonly accountId: string | null
  readonly region: string | null
}

/** In the order of the run. `notFound`: gaps of what has no chain, of which the hours within the range count. */
export function coverageRows(summary: Summary, marks: Marks, notFound: readonly Gap[], range: Range): CoverageRow[] {
  const organizations = new Set(summary.chains.map(({ organizationId }) => organizationId))
  const rows = new Map<string, CoverageRow>()
  const add = (named: Named, row: Omit<CoverageRow, 'account' | 'region'>): void => {
    const { organizationId, accountId, region } = named
    const key = JSON.stringify([organizationId, accountId, region])
    const id = accountId ?? 'no account'
    const account = organizations.size > 1 && organizationId !== null ? `${organizationId}/${id}` : id
    const known = rows.get(key)
    rows.set(key, known === undefined ? { account, region: region ?? '', ...row } : joined(known, row))
  }
  for (const chain of summary.chains) add(chain, chainRow(chain, marks))
  for (const scope of marks.scopes()) add(scope, { segments: segments(scope), verdict: 'invalid', asked: 0, proven: 0 })
  for (const gap of notFound) {
    const start = Math.max(range.start, times(gap).start)
    const end = Math.min(range.end, times(gap).end)
    const verdict = gap.verdict === 'note' ? 'valid' : 'unverified'
    add(gap, { segments: [{ start, end, state: 'gap' }], verdict, asked: Math.max(0, end - start), proven: 0 })
  }
  return [...rows.values()]
}

function chainRow(chain: ChainSummary, marks: Marks): Omit<CoverageRow, 'account' | 'region'> {
  let asked = 0
  let proven = 0
  for (const part of chain.coverage) {
    const { start, end } = times(part)
    asked += end - start
    if (part.verdict === 'valid') proven += end - start
  }
  return { segments: chainSegments(chain, marks), verdict: chain.verdict, asked, proven }
}

function times({ startTime, endTime }: { readonly startTime: string; readonly endTime: string }): { start: number; end: number } {
  return { start: parseTime(startTime) ?? 0, end: parseTime(endTime) ?? 0 }
}

function joined(one: CoverageRow, other: Omit<CoverageRow, 'account' | 'region'>): CoverageRow {
  return {
    ...one,
    segments: [...one.segments, ...other.segments],
    verdict: worstVerdict(one.verdict, other.verdict),
    asked: one.asked + other.asked,
    proven: one.proven + other.proven,
  }
}

/** At most so many rows: accounts where the regions are too many, the worst where these are, and one for the rest. */
export function fitRows(rows: readonly CoverageRow[], most: number): CoverageRow[] {
  if (rows.length <= most) return [...rows]
  const accounts = byAccount(rows)
  if (accounts.length <= most) return accounts
  const worstFirst = [...accounts].sort((a, b) => RANK.indexOf(a.verdict) - RANK.indexOf(b.verdict))
  const rest = worstFirst.slice(most - 1).reduce(joined)
  return [...worstFirst.slice(0, most - 1), { ...rest, account: `${accounts.length - most + 1} others`, region: '' }]
}

const RANK: readonly Verdict[] = ['invalid', 'unverified', 'valid']

function byAccount(rows: readonly CoverageRow[]): CoverageRow[] {
  const accounts = new Map<string, { row: CoverageRow; count: number }>()
  for (const row of rows) {
    const known = accounts.get(row.account)
    if (known === undefined) accounts.set(row.account, { row, count: 1 })
    else accounts.set(row.account, { row: joined(known.row, row), count: known.count + 1 })
  }
  return [...accounts.values()].map(({ row, count }) => (count === 1 ? row : { ...row, region: `${count} regions` }))
}
