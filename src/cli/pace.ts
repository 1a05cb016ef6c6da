import type { Progress } from '../engine/verify-trail.js'

/** How far back a rate looks: long enough to be calm, short enough to follow a store that throttles. */
const WINDOW_MS = 20_000
/** Before that, nothing is foretold. */
const LEAST_MS = 3000
/** Between two samples, at least. */
const SAMPLE_MS = 500

interface Sample {
  readonly at: number
  readonly logFiles: number
  readonly bytesRead: number
}

/** How quickly log files are checked, and what that says of the time left. */
export class Pace {
  #samples: Sample[] = []

  /** @param at milliseconds of a clock that only goes forward */
  add(at: number, { phase, logFiles, bytesRead }: Progress): void {
    if (phase !== 'checking log files') return
    const last = this.#samples.at(-1)
    if (last !== undefined && at - last.at < SAMPLE_MS) return
    this.#samples.push({ at, logFiles, bytesRead })
    while (this.#samples.length > 2 && at - (this.#samples[1]?.at ?? at) >= WINDOW_MS) this.#samples.shift()
  }

  /** A second, over the window; undefined where there is too little to tell it from. */
  get rate(): { readonly logFiles: number; readonly bytes: number } | undefined {
    const first = this.#samples[0]
    const last = this.#samples.at(-1)
    if (first === undefined || last === undefined || last.at - first.at < LEAST_MS) return undefined
    const seconds = (last.at - first.at) / 1000
    return { logFiles: (last.logFiles - first.logFiles) / seconds, bytes: (last.bytesRead - first.bytesRead) / seconds }
  }

  /**
   * Milliseconds until the listed log files are checked, at this rate. Undefined where their number is not known yet, or no rate
   * is: nothing is foretold that is not known.
   */
  left({ logFiles, logFilesListed }: Progress): number | undefined {
    const { rate } = this
    if (logFilesListed === null || rate === undefined || rate.logFiles <= 0 || logFiles >= logFilesListed) return undefined
    return ((logFilesListed - logFiles) / rate.logFiles) * 1000
  }
}
