/** Time in half-open intervals [start, end), milliseconds since the epoch. */

export interface Interval {
  readonly start: number
  readonly end: number
}

export const MINUTE: number = 60_000
export const HOUR: number = 60 * MINUTE
export const DAY: number = 24 * HOUR

/** Log names are 5-minute buckets, usually rounded up: a name may be this far from the delivery it stands for. */
export const NAME_TOLERANCE: number = 10 * MINUTE

/** Digests arrive about 30 minutes after their hour; younger hours are not expected to be covered yet. */
export const DELIVERY_DELAY: number = 2 * HOUR + 30 * MINUTE

/** The union of intervals: sorted, disjoint, touching ones joined, empty ones dropped. */
export function mergeIntervals(intervals: readonly Interval[]): Interval[] {
  const merged: { start: number; end: number }[] = []
  for (const { start, end } of [...intervals].sort((a, b) => a.start - b.start)) {
    if (end <= start) continue
    const last = merged.at(-1)
    if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end)
    else merged.push({ start, end })
  }
  return merged
}

/** The part of `range` that merged intervals leave open. */
export function uncovered(range: Interval, merged: readonly Interval[]): Interval[] {
  const open: Interval[] = []
  let at = range.start
  for (const { start, end } of merged) {
    if (end <= at) continue
    if (start >= range.end) break
    if (start > at) open.push({ start: at, end: start })
    at = Math.max(at, end)
  }
  if (at < range.end) open.push({ start: at, end: range.end })
  return open
}

/** Whether merged intervals cover all of `wanted`, without a hole. */
export function covers(merged: readonly Interval[], wanted: Interval): boolean {
  let low = 0
  let high = merged.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const interval = merged[middle]
    if (interval === undefined || interval.start > wanted.start) high = middle
    else low = middle + 1
  }
  const candidate = merged[low - 1]
  return candidate !== undefined && candidate.end >= wanted.end
}

/** Whether two half-open intervals share a moment. */
export function overlaps(a: Interval, b: Interval): boolean {
  return a.start < b.end && b.start < a.end
}
