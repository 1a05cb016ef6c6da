/** The SHA-256 of a JSON report without its `run`: equal results give equal hashes, whenever and wherever they were had. */
import { createHash } from 'node:crypto'

const QUOTE = 0x22
const COMMA = 0x2c
const BACKSLASH = 0x5c
const OPEN = new Set([0x5b, 0x7b])
const CLOSE = new Set([0x5d, 0x7d])
/** `"run":` */
const RUN = Buffer.from('"run":')

/**
 * Reads a report in chunks, byte by byte: a report may be longer than any string. Only what `jsonReport` writes has a results
 * hash that means something: one JSON object without white space, its names in order, so that `run` is neither first nor last.
 */
export class ResultsHash {
  readonly #whole = createHash('sha256')
  readonly #results = createHash('sha256')
  #depth = 0
  #inString = false
  #escaped = false
  /** The bytes of a name of the report itself, as far as they are those of `"run":`. */
  #matched = 0
  #mayMatch = false
  #skipping = false

  update(chunk: Uint8Array): void {
    this.#whole.update(chunk)
    let kept = 0
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at] ?? 0
      if (this.#skipping) {
        this.#step(byte)
        if (byte !== COMMA || this.#inString || this.#depth !== 1) continue
        this.#skipping = false
        this.#mayMatch = true
        kept = at + 1
        continue
      }
      if (this.#mayMatch) {
        if (byte === RUN[this.#matched]) {
          if (this.#matched === 0 && at > kept) this.#results.update(chunk.subarray(kept, at))
          this.#matched++
          kept = at + 1
          this.#step(byte)
          if (this.#matched < RUN.length) continue
          this.#matched = 0
          this.#mayMatch = false
          this.#skipping = true
          continue
        }
        if (this.#matched > 0) this.#results.update(RUN.subarray(0, this.#matched))
        this.#matched = 0
        this.#mayMatch = false
      }
      const wasString = this.#inString
      this.#step(byte)
      if (!wasString && this.#depth === 1 && (byte === COMMA || OPEN.has(byte))) this.#mayMatch = true
    }
    if (!this.#skipping && kept < chunk.length) this.#results.update(chunk.subarray(kept))
  }

  #step(byte: number): void {
    if (this.#inString) {
      if (this.#escaped) this.#escaped = false
      else if (byte === BACKSLASH) this.#escaped = true
      else if (byte === QUOTE) this.#inString = false
    } else if (byte === QUOTE) this.#inString = true
    else if (OPEN.has(byte)) this.#depth++
    else if (CLOSE.has(byte)) this.#depth--
  }

  /** Lower-case hex: of all bytes, and of all but `run`. Once, at the end. */
  digest(): { readonly sha256: string; readonly resultsSha256: string } {
    return { sha256: this.#whole.digest('hex'), resultsSha256: this.#results.digest('hex') }
  }
}
