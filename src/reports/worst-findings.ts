import type { Finding, FindingVerdict, Gap } from '../core/findings.js'

/** The worst findings of a run, at most so many, each verdict in the order of the run; the others are counted. */
export class WorstFindings {
  readonly #most: number
  readonly #kept: Readonly<Record<FindingVerdict, (Finding | Gap)[]>> = { invalid: [], unverified: [], note: [] }
  #total = 0

  constructor(most: number) {
    this.#most = most
  }

  add(finding: Finding | Gap): void {
    this.#total++
    const kept = this.#kept[finding.verdict]
    if (kept.length < this.#most) kept.push(finding)
  }

  worst(): readonly (Finding | Gap)[] {
    const { invalid, unverified, note } = this.#kept
    return [...invalid, ...unverified, ...note].slice(0, this.#most)
  }

  /** How many are not among the worst. */
  get more(): number {
    return Math.max(0, this.#total - this.#most)
  }
}
