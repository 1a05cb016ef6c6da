/** How many requests run at a time: as many as allowed, fewer while the store throttles. */

/** Slots won back while each of the slots there are serves one request. */
const RECOVERY = 1 / 8

/**
 * Additive increase, multiplicative decrease: throttling halves the limit, once for all requests that were under way
 * together; each success gives a little back. Waiting tasks start in order.
 */
export class AdaptiveLimit {
  readonly #most: number
  readonly #isThrottling: (error: unknown) => boolean
  readonly #waiting: (() => void)[] = []
  #next = 0
  #limit: number
  #running = 0
  #cuts = 0

  constructor(most: number, isThrottling: (error: unknown) => boolean) {
    this.#most = most
    this.#limit = most
    this.#isThrottling = isThrottling
  }

  /** Now, and at least one. */
  get limit(): number {
    return Math.floor(this.#limit)
  }

  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#running < this.limit) this.#running++
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    const cuts = this.#cuts
    try {
      const result = await task()
      if (this.#limit < this.#most) this.#limit = Math.min(this.#most, this.#limit + RECOVERY / this.#limit)
      return result
    } catch (error) {
      if (cuts === this.#cuts && this.#isThrottling(error)) {
        this.#cuts++
        this.#limit = Math.max(1, this.#limit / 2)
      }
      throw error
    } finally {
      this.#running--
      this.#startWaiting()
    }
  }

  #startWaiting(): void {
    while (this.#running < this.limit) {
      const start = this.#waiting[this.#next]
      if (start === undefined) break
      this.#next++
      this.#running++
      start()
    }
    // Not shifted one by one: an array of many is slow at that.
    if (this.#next === this.#waiting.length || this.#next >= 1024) {
      this.#waiting.splice(0, this.#next)
      this.#next = 0
    }
  }
}
