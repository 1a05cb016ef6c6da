/** Gives up what does not move. One timer for all of it: a timer for each of many small requests would cost more than they do. */
import { TIMED_OUT } from './failure.js'

/** What brings less than this in the time allowed has stalled: a trickle is no progress. */
export const LEAST_PROGRESS: number = 16 * 1024
const QUARTERS = 4

/** An answer that is waited for, or a body. */
export interface Watched {
  /** Bytes since the watch last looked. */
  received: number
  /** True while it is our own reader who keeps the store waiting. */
  resting: boolean
  quarters: number
  readonly giveUp: (error: Error) => void
}

export class StallWatch {
  readonly #timeout: number
  readonly #watched = new Set<Watched>()
  #timer: NodeJS.Timeout | undefined

  /** In ms. */
  constructor(timeout: number) {
    this.#timeout = timeout
  }

  /** `giveUp` is called at most once, after one to one and a quarter times the timeout, with the code ETIMEDOUT; never after `end`. */
  start(giveUp: (error: Error) => void): Watched {
    // The first tick may come at once: it does not count.
    const watched = { received: 0, resting: false, quarters: -1, giveUp }
    this.#watched.add(watched)
    this.#timer ??= setInterval(() => this.#look(), this.#timeout / QUARTERS).unref()
    return watched
  }

  /** From now on it has all the time again. */
  again(watched: Watched): void {
    watched.received = 0
    watched.quarters = -1
  }

  end(watched: Watched): void {
    this.#watched.delete(watched)
  }

  close(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #look(): void {
    for (const watched of this.#watched) {
      if (watched.resting || ++watched.quarters < QUARTERS) continue
      if (watched.received < LEAST_PROGRESS) {
        this.end(watched)
        watched.giveUp(Object.assign(new Error('stalled'), { code: TIMED_OUT }))
      }
      watched.received = 0
      watched.quarters = 0
    }
  }
}
