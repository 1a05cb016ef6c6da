/** A small body, whole. */
import type { Readable } from 'node:stream'
import { TransferError } from './failure.js'
import type { StallWatch } from './stall-watch.js'

/** All of a small body. Listens to it rather than iterating over it, which costs as much as all else. */
export function collectBody(stream: Readable, length: number, watch: StallWatch): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const chunks: Uint8Array[] = []
    let found = 0
    const watched = watch.start((error) => stream.destroy(error))
    let isWhole = false
    stream.on('data', (chunk: Uint8Array) => {
      chunks.push(chunk)
      found += chunk.length
      watched.received += chunk.length
      if (found > length) stream.destroy(new TransferError('altered', `more than ${length} bytes came`))
    })
    stream.on('end', () => {
      isWhole = found === length
      const [only] = chunks
      if (isWhole) resolve(chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, length))
    })
    stream.on('error', reject)
    stream.on('close', () => {
      watch.end(watched)
      if (!isWhole) reject(new TransferError('cut', `${found} of ${length} bytes came`))
    })
  })
}
