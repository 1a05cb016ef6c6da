/** SHA-256 of a file that is open, and of a stream on its way. */
import { createHash, type Hash } from 'node:crypto'
import { type OpenFile, readAtOf } from './read-at.js'

const PIECE_BYTES = 1024 * 1024

/** Hex, of all that is in the file. Blocks its thread. */
export function sha256OfOpen(file: OpenFile): string {
  const hash = createHash('sha256')
  const readAt = readAtOf(file)
  const piece = Buffer.allocUnsafeSlow(PIECE_BYTES)
  for (let at = 0; ; ) {
    const length = readAt(piece, at)
    if (length === 0) return hash.digest('hex')
    hash.update(piece.subarray(0, length))
    at += length
  }
}

/** Hashes chunks as they pass. */
export class HashedChunks {
  readonly #hash: Hash = createHash('sha256')
  bytes = 0
  /** Whether they were read to their end. */
  isWhole = false

  async *of(chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of chunks) {
      this.#hash.update(chunk)
      this.bytes += chunk.length
      yield chunk
    }
    this.isWhole = true
  }

  /** Hex; null where they were not read to their end. */
  sha256(): string | null {
    return this.isWhole ? this.#hash.copy().digest('hex') : null
  }
}
