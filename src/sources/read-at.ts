import { closeSync, readSync } from 'node:fs'

/** Reads at a place of a file; fewer bytes at its end. */
export type ReadAt = (into: Uint8Array, position: number) => number

/** A file that is open, or the parts of one, in order. Threads of one process share it. */
export type OpenFile = number | readonly OpenPart[]

export interface OpenPart {
  readonly file: number
  readonly size: number
}

/** A file that is open. */
export function readAtOf(file: OpenFile): ReadAt {
  if (typeof file !== 'number') return (into, position) => readParts(file, into, position)
  return (into, position) => readOne(file, into, position)
}

export function closeFile(file: OpenFile): void {
  for (const one of typeof file === 'number' ? [file] : file.map((part) => part.file)) closeSync(one)
}

function readOne(file: number, into: Uint8Array, position: number): number {
  let length = 0
  while (length < into.length) {
    const read = readSync(file, into, length, into.length - length, position + length)
    if (read === 0) break
    length += read
  }
  return length
}

function readParts(parts: readonly OpenPart[], into: Uint8Array, position: number): number {
  let length = 0
  let start = 0
  for (const { file, size } of parts) {
    const at = position + length - start
    start += size
    if (at >= size) continue
    const wanted = into.subarray(length, length + Math.min(into.length - length, size - at))
    const read = readOne(file, wanted, at)
    length += read
    if (read < wanted.length || length === into.length) break
  }
  return length
}
