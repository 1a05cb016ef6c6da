/** For worker threads: a source that hands over what was read from it, to be copied by the thread that asked. */
import { hash } from 'node:crypto'
import type { StoredBytes } from '../core/measurement.js'
import type { ReadAnswer, ReadObject, Source, SourceAddress } from '../sources/source.js'
import { addressesThrough, openThrough, type ReadHere } from '../sources/source-address.js'

/** Of a store many are under way at once, of an export a few. */
export const MOST_HANDED: Readonly<Record<Source['kind'], number>> = { store: 1024 * 1024, export: 16 * 1024 * 1024 }
const ARENA_BYTES = 1024 * 1024

export const handingAddress: (address: SourceAddress) => SourceAddress = addressesThrough(import.meta.url, 'openHanding')

/** Whoever asked reads it then. */
const NOT_HANDED: ReadAnswer = { kind: 'unreadable', reason: 'io', detail: 'too large to be handed over' }

/** Opens the source at another address. */
export function openHanding(address: SourceAddress): Promise<ReadHere> {
  return openThrough(address, handed)
}

/** The answer, whose `stored` has the object once its body was read; null where that was not to its end, or is too large. */
function handed(answer: ReadAnswer, kind: Source['kind']): ReadAnswer {
  if (answer.kind !== 'object') return answer
  const { body } = answer
  // Of a file, what is not whole is large. It would be measured in vain.
  if (body instanceof Uint8Array ? body.length > MOST_HANDED[kind] : kind === 'export') return NOT_HANDED
  // Its memory is the next read's.
  if (body instanceof Uint8Array) return { ...answer, stored: () => storedObject(answer, kept(body)) }
  const collected = new Collected(body)
  return { ...answer, body: collected.chunks(), stored: () => storedObject(answer, collected.whole()) }
}

function storedObject({ metadata, metadataFrom }: ReadObject, body: Uint8Array | undefined): StoredBytes | null {
  if (body === undefined) return null
  const said = { ...(metadata === undefined ? {} : { metadata }), ...(metadataFrom === undefined ? {} : { metadataFrom }) }
  return { bytes: body.length, sha256: hash('sha256', body, 'hex'), object: { body, ...said } }
}

/** Many objects in one piece of memory, which is handed over whole: a piece for each would cost more than its bytes. */
let arena = new Uint8Array(0)
let used = 0

function kept(body: Uint8Array): Uint8Array {
  // What was handed over has no bytes any more.
  if (arena.byteLength < used + body.length) {
    arena = new Uint8Array(Math.max(ARENA_BYTES, body.length))
    used = 0
  }
  const copy = arena.subarray(used, used + body.length)
  copy.set(body)
  used += body.length
  return copy
}

/** Chunks that pass by, kept as long as they are few enough. */
class Collected {
  readonly #body: AsyncIterable<Uint8Array>
  #kept: Uint8Array[] = []
  #length = 0
  #isWhole = false

  constructor(body: AsyncIterable<Uint8Array>) {
    this.#body = body
  }

  async *chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of this.#body) {
      this.#length += chunk.length
      if (this.#length <= MOST_HANDED.store) this.#kept.push(Uint8Array.prototype.slice.call(chunk))
      else this.#kept = []
      yield chunk
    }
    this.#isWhole = true
  }

  whole(): Uint8Array | undefined {
    if (!this.#isWhole || this.#length > MOST_HANDED.store) return undefined
    const whole = new Uint8Array(this.#length)
    let at = 0
    for (const chunk of this.#kept) {
      whole.set(chunk, at)
      at += chunk.length
    }
    return whole
  }
}
