/** A second opinion on every log file: whoever measures it in the fast way measures it in the careful way too, and both must say the same. */
import { isDeepStrictEqual } from 'node:util'
import { Disagreement } from '../core/disagreement.js'
import type { Measurement } from '../core/measurement.js'
import { isGzip, type Measurer, measureCarefully, measureChunksCarefully, measureInBlocks, openCarefulMeasurer } from './gzip.js'
import { measureFast, openFastMeasurer } from './inflate-handle.js'
import { measureBytes, measureChunks, SECOND_OPINION_BYTES } from './measure.js'

/** How log files are measured. `limit`: the most that they may inflate to, itself allowed. */
export interface Measuring {
  bytes(bytes: Uint8Array, limit: number): Measurement | Promise<Measurement>
  chunks(chunks: AsyncIterable<Uint8Array>, limit: number): Promise<Measurement>
}

/** Once: the fast way, with the careful one where there is doubt. */
export const ONCE: Measuring = { bytes: measureBytes, chunks: measureChunks }

/** Twice, in flat memory; throws a `Disagreement` where the two ways differ. */
export const TWICE: Measuring = { bytes: measureBytesTwice, chunks: measureChunksTwice }

/** Where Node's internals are not those that the fast way knows, both ways are careful. */
function measureBytesTwice(bytes: Uint8Array, limit: number): Measurement | Promise<Measurement> {
  const fast = isGzip(bytes) ? openFastMeasurer(limit) : null
  const measured = fast === null ? measureCarefully(bytes, limit) : measureFast(fast, bytes, limit)
  if ((fast?.bytesInflated ?? 0) <= SECOND_OPINION_BYTES && fast !== null) return agreed(measured, measureCarefully(bytes, limit))
  // The bytes are only good until the caller reads on.
  return measureChunksCarefully(once(Uint8Array.from(bytes)), limit).then((careful) => agreed(measured, careful))
}

function measureChunksTwice(chunks: AsyncIterable<Uint8Array>, limit: number): Promise<Measurement> {
  return measureInBlocks(chunks, limit, () => {
    const first = openFastMeasurer(limit) ?? openCarefulMeasurer(limit)
    return measureTogether(first, openCarefulMeasurer(limit))
  })
}

/** Gives each block to both. */
export function measureTogether(first: Measurer, second: Measurer): Measurer {
  return {
    async add(block) {
      const goesOn = await first.add(block)
      if (goesOn !== (await second.add(block))) throw new Disagreement('one way of measuring it reads on, the other does not')
      return goesOn
    },
    end: (cut) => agreed(first.end(cut), second.end(cut)),
    release() {
      first.release()
      second.release()
    },
  }
}

/** What both say. */
export function agreed(one: Measurement, other: Measurement): Measurement {
  if (isDeepStrictEqual(one, other)) return one
  throw new Disagreement(`the fast way measures ${JSON.stringify(one)}, the careful way ${JSON.stringify(other)}`)
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield bytes
}
