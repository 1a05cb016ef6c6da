import { setImmediate } from 'node:timers/promises'

const EVERY_MS = 50

/**
 * Lets the event loop turn now and then. Work over a directory may go on from one settled promise to the next for minutes: without
 * this no signal, timer or other request of the process would have its turn in that time.
 */
export class EventLoopTurns {
  #last = performance.now()

  /** Returns a promise only where it is time. */
  turn(): Promise<void> | undefined {
    const now = performance.now()
    if (now - this.#last < EVERY_MS) return undefined
    this.#last = now
    return setImmediate()
  }
}
