import type { Finding, Gap } from '../core/findings.js'
import { Spool } from './spool.js'

/** Findings kept until the summary is known, in the order of the run: memory does not grow with them. */
export class FindingSpool {
  readonly #spool = new Spool()

  /** Returns a promise only where text goes to disk. Await it before the next call. */
  append(finding: Finding | Gap): void | Promise<void> {
    return this.#spool.append(`${JSON.stringify(finding)}\n`)
  }

  async *all(): AsyncGenerator<Finding | Gap, void, undefined> {
    let rest = ''
    for await (const chunk of this.#spool.chunks()) {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      // Written above, from findings.
      for (const line of lines) yield JSON.parse(line) as Finding | Gap
    }
  }

  discard(): Promise<void> {
    return this.#spool.discard()
  }
}
