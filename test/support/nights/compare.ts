/** What a run says, and where two runs begin to say something else. */
import stringify from 'fast-json-stable-stringify'
import type { Result, StateUse, Summary } from '../../../src/core/results.js'
import type { Verdict } from '../../../src/index.js'

export interface Told {
  readonly verdict: Verdict
  /** Findings and gaps, in order; then the summary without `run`. */
  readonly lines: readonly string[]
  readonly codes: readonly string[]
  readonly use: StateUse | undefined
  readonly interrupted: boolean
}

/** Results of digests and log files are left out: a state may say of many at once that they are as they were. */
export class Listener {
  readonly #lines: string[] = []
  readonly #codes = new Set<string>()
  #summary: Summary | undefined
  results = 0

  hear(result: Result): void {
    this.results++
    if (result.kind === 'summary') this.#summary = result
    if (result.kind !== 'finding' && result.kind !== 'gap') return
    this.#lines.push(stringify(result))
    this.#codes.add(result.code)
  }

  told(): Told | undefined {
    const summary = this.#summary
    if (summary === undefined) return undefined
    const { run, ...rest } = summary
    const { state, interrupted } = run
    const lines = [...this.#lines, stringify(rest)]
    return { verdict: summary.verdict, lines, codes: [...this.#codes], use: state, interrupted }
  }
}

const RANK: Readonly<Record<Verdict, number>> = { invalid: 0, unverified: 1, valid: 2 }

/** Undefined where both say the same. */
export function difference(kept: Told, fresh: Told): string | undefined {
  const at = fresh.lines.findIndex((line, index) => line !== kept.lines[index])
  if (at === -1 && kept.lines.length === fresh.lines.length) return undefined
  const better = RANK[kept.verdict] > RANK[fresh.verdict] ? 'BETTER: ' : ''
  const isSummary = at === fresh.lines.length - 1 && at === kept.lines.length - 1
  const line = ({ lines }: Told): string => (at < lines.length - 1 ? (lines[at] ?? '') : 'nothing more')
  const [one, other] = [kept.lines[at] ?? '', fresh.lines[at] ?? '']
  const where = isSummary ? fieldOf(JSON.parse(one), JSON.parse(other)) : `${line(kept)}\n without ${line(fresh)}`
  const counts = `${kept.lines.length - 1} findings with a state, ${fresh.lines.length - 1} without`
  return `${better}${counts}; the first that differs, ${at}:\n with    ${where}`
}

export function isBetter(kept: Told, fresh: Told): boolean {
  return RANK[kept.verdict] > RANK[fresh.verdict]
}

/** The first field that is not the same. */
function fieldOf(a: unknown, b: unknown, path = 'summary'): string {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null)
    return `${path}: ${JSON.stringify(a)}\n without ${path}: ${JSON.stringify(b)}`
  const [one, other] = [a as Record<string, unknown>, b as Record<string, unknown>]
  const name = Object.keys({ ...one, ...other }).find((key) => stringify(one[key] ?? null) !== stringify(other[key] ?? null))
  return name === undefined ? `${path}: in another order` : fieldOf(one[name], other[name], `${path}.${name}`)
}
