/**
 * Measures stored objects: one pass that inflates, hashes and counts. Only measuring ever sees the bytes of log files.
 * The fast way does the work; the careful way decides where there is doubt, and takes over where there is no fast way.
 */
import type { Measurement } from '../core/measurement.js'
import { type Inflated, inflateOne, isGzip, measureCarefully, measureInBlocks, openCarefulMeasurer } from './gzip.js'
import { inflateFast, measureFast, openFastMeasurer } from './inflate-handle.js'

/** What may be inflated into memory for a second opinion. Files beyond it that are damaged have the fast way's. */
export const SECOND_OPINION_BYTES: number = 32 * 1024 * 1024

let careful = false

/** For tests: on, all is measured by public APIs alone. Measurements are the same. */
export function setCareful(on: boolean): void {
  careful = on
}

/** Measures bytes that were read whole. `limit`: the most that they may inflate to, itself allowed. */
export function measureBytes(bytes: Uint8Array, limit: number): Measurement {
  const fast = careful || !isGzip(bytes) ? null : openFastMeasurer(limit)
  if (!fast) return measureCarefully(bytes, limit)
  const measurement = measureFast(fast, bytes, limit)
  if (measurement.kind === 'too-large' || (!measurement.damage && !measurement.trailing)) return measurement
  return fast.bytesInflated > SECOND_OPINION_BYTES ? measurement : measureCarefully(bytes, limit)
}

/**
 * Measures bytes as they come: the same measurement, in flat memory. Stops reading where the limit is passed. Throws what
 * `chunks` throws; then nothing is known. Any number may be under way at once.
 */
export function measureChunks(chunks: AsyncIterable<Uint8Array>, limit: number): Promise<Measurement> {
  return measureInBlocks(chunks, limit, () => (careful ? null : openFastMeasurer(limit)) ?? openCarefulMeasurer(limit))
}

/** Inflates the one member of a gzip file that was read whole, as `inflateOne` would. */
export function inflateBytes(bytes: Uint8Array, limit: number): Inflated {
  return (careful ? undefined : inflateFast(bytes, limit)) ?? inflateOne(bytes, limit)
}
