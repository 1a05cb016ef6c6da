import { readSync } from 'node:fs'

/** Reads at a place of a file; fewer bytes at its end. */
export type ReadAt = (into: Uint8Array, position: number) => number

/** A file that is open. */
export function readAtOf(file: number): ReadAt {
  return (into, position) => {
    let length = 0
    while (length < into.length) {
      const read = readSync(file, into, length, into.length - length, position + length)
      if (read === 0) break
      length += read
    }
    return length
  }
}
