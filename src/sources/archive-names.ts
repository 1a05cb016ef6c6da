/** Names of an archive's members as bytes: a folder that many share, and what follows it. */
import { isUtf8 } from 'node:buffer'
import { isSafeKey } from './object-names.js'

export interface NameColumns {
  readonly folders: Buffer
  /** Where each folder begins, and the end. */
  readonly folderAt: Uint32Array
  readonly names: Buffer
  readonly nameAt: Uint32Array
  /** The folder of each member. */
  readonly folderOf: Uint32Array
}

/** Byte order of the whole names of two members. */
export function compareMemberNames(columns: NameColumns, a: number, b: number): number {
  const { names, nameAt, folderOf } = columns
  if (folderOf[a] !== folderOf[b]) return compareAcrossFolders(columns, a, b)
  return compareRanges(names, nameAt[a] ?? 0, nameAt[a + 1] ?? 0, nameAt[b] ?? 0, nameAt[b + 1] ?? 0)
}

/** A loop: for some forty bytes a call costs more. */
function compareRanges(bytes: Uint8Array, a: number, aEnd: number, b: number, bEnd: number): number {
  const length = Math.min(aEnd - a, bEnd - b)
  for (let at = 0; at < length; at++) {
    const difference = (bytes[a + at] ?? 0) - (bytes[b + at] ?? 0)
    if (difference !== 0) return difference
  }
  return aEnd - a - (bEnd - b)
}

/** Folders may be equal or one within the other: their members lie between each other's. */
function compareAcrossFolders({ folders, folderAt, names, nameAt, folderOf }: NameColumns, a: number, b: number): number {
  const aFolder = folderAt[folderOf[a] ?? 0] ?? 0
  const bFolder = folderAt[folderOf[b] ?? 0] ?? 0
  const aInFolder = (folderAt[(folderOf[a] ?? 0) + 1] ?? 0) - aFolder
  const bInFolder = (folderAt[(folderOf[b] ?? 0) + 1] ?? 0) - bFolder
  const aName = (nameAt[a] ?? 0) - aInFolder
  const bName = (nameAt[b] ?? 0) - bInFolder
  const aLength = (nameAt[a + 1] ?? 0) - aName
  const bLength = (nameAt[b + 1] ?? 0) - bName
  const length = Math.min(aLength, bLength)
  for (let at = 0; at < length; at++) {
    const one = at < aInFolder ? folders[aFolder + at] : names[aName + at]
    const other = at < bInFolder ? folders[bFolder + at] : names[bName + at]
    if (one !== other) return (one ?? 0) - (other ?? 0)
  }
  return aLength - bLength
}

/**
 * Further keys that tools extract a name under which is not safe: it ends at a NUL for some; empty segments and `.` are left out; what
 * leads upwards is left out with all before it, or followed.
 */
export function keysWhereExtracted(name: Uint8Array): readonly Uint8Array[] {
  const { key } = memberKey(name)
  const text = Buffer.from(key).toString()
  const whole = text.split('/')
  const untilNul = text.split('\0', 1).join('').split('/')
  const found = new Set([...placesOf(whole), ...placesOf(untilNul)])
  found.delete(text)
  found.delete('')
  return [...found].map((other) => Buffer.from(other))
}

function placesOf(segments: readonly string[]): string[] {
  const named = segments.filter((segment) => segment !== '' && segment !== '.')
  const followed: string[] = []
  for (const segment of named) {
    if (segment === '..') followed.pop()
    else followed.push(segment)
  }
  return [named.slice(named.lastIndexOf('..') + 1).join('/'), followed.join('/')]
}

/**
 * The key that a member's name stands for: as tools extract it, from the directory that the archive is extracted in. Names that
 * would leave it, or are no UTF-8, are not safe: they are named, and never read.
 */
export function memberKey(name: Uint8Array): { readonly key: Uint8Array; readonly isSafe: boolean } {
  let start = 0
  for (;;) {
    if (name[start] === SLASH) start++
    else if (name[start] === DOT && name[start + 1] === SLASH) start += 2
    else break
  }
  const bytes = name.subarray(start)
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString()
  if (!isUtf8(bytes)) return { key: Buffer.from(text), isSafe: false }
  return { key: bytes, isSafe: isSafeKey(text) && !text.endsWith('/') }
}

const SLASH = 0x2f
const DOT = 0x2e
