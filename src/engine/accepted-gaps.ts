/** Which of the gaps that the operator accepts are there. */
import type { Expectations } from '../core/expectations.js'
import type { Summary } from '../core/results.js'

export class AcceptedGaps {
  readonly #expectations: Expectations | undefined
  /** How many gaps each entry was applied to. */
  readonly #uses = new Map<number, number>()

  constructor(expectations: Expectations | undefined) {
    this.#expectations = expectations
  }

  use(entry: number, gaps = 1): void {
    if (gaps > 0) this.#uses.set(entry, (this.#uses.get(entry) ?? 0) + gaps)
  }

  /** What was expected and accepted, with what came of it. */
  report(): Pick<Summary, 'expectations'> {
    if (this.#expectations === undefined) return {}
    const { expect, accept } = this.#expectations
    return { expectations: { expect, accept: accept.map((gap, entry) => ({ ...gap, gaps: this.#uses.get(entry) ?? 0 })) } }
  }

  /** An acceptance that applies to nothing may be misspelt, or no longer needed. */
  unused(): string[] {
    const accept = this.#expectations?.accept ?? []
    return accept.flatMap(({ startTime, endTime, by }, entry) => {
      const gap = `accept[${entry}] of the expectations (${startTime} to ${endTime}, by ${by})`
      return this.#uses.has(entry) ? [] : [`There is no gap that ${gap} applies to.`]
    })
  }
}
