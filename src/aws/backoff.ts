/** How long to wait before a request is sent again. */

/** A store that asks for more is asked sooner, and counted as one that does not answer. */
const LONGEST_PAUSE = 20_000

/**
 * Exponential with full jitter, so that requests that failed together do not come back together; on top of what the store
 * asked for. In ms.
 * @param attempt from 1
 * @param retryDelay upper limit of the first pause
 */
export function pauseLength(attempt: number, retryDelay: number, retryAfter = 0, random: () => number = Math.random): number {
  const jitter = random() * Math.min(LONGEST_PAUSE, retryDelay * 2 ** (attempt - 1))
  return Math.min(retryAfter, LONGEST_PAUSE) + jitter
}
