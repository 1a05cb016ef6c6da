/** Reads the directory of a zip, which lies at its end: every member's name, and where its local header lies. */
import { isUtf8 } from 'node:buffer'
import { type Entry, fromRandomAccessReaderPromise, getFileNameLowLevel, RandomAccessReader, type ZipFile } from 'yauzl'
import { ArchiveIndexBuilder, DEFLATED, type MemberForm, refusedAs, STORED } from './archive-index.js'
import { memberKey } from './archive-names.js'
import type { ReadAt } from './read-at.js'

/** The shortest entry of the directory. */
const ENTRY_BYTES = 46
const WINDOW = 256 * 1024

export interface ZipMembers {
  readonly builder: ArchiveIndexBuilder
  /** Why what follows the members that were found cannot be told; null where all was read. */
  readonly damage: string | null
}

/** All members. Rejects where there is no directory, or members lie one within another: the message says why. */
export async function readZipMembers(read: ReadAt, size: number): Promise<ZipMembers> {
  const builder = new ArchiveIndexBuilder(Math.ceil(size / ENTRY_BYTES), size, true)
  const options = { decodeStrings: false, validateEntrySizes: false, autoClose: false }
  const zip = await fromRandomAccessReaderPromise(new WindowReader(read), size, options)
  const ends = new Ends()
  try {
    for await (const entry of zip.eachEntry()) {
      addEntry(builder, entry)
      ends.add(entry)
    }
  } catch (error) {
    return { builder, damage: error instanceof Error ? error.message : String(error) }
  }
  if (ends.overlap()) throw new Error('its members overlap, which no tool that archives writes')
  return { builder, damage: unlistedEntries(read, zip) }
}

/** Reads the directory in large pieces. */
class WindowReader extends RandomAccessReader {
  readonly #read: ReadAt
  readonly #window = Buffer.alloc(WINDOW)
  #at = 0
  #length = 0

  constructor(read: ReadAt) {
    super()
    this.#read = read
  }

  override _readStreamForRange(): never {
    throw new TypeError('members are read elsewhere')
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null, bytesRead?: number) => void,
  ): void {
    try {
      callback(null, this.#fill(buffer.subarray(offset, offset + length), position))
    } catch (error) {
      callback(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #fill(into: Buffer, position: number): number {
    if (into.length > WINDOW) return this.#read(into, position)
    if (position < this.#at || position + into.length > this.#at + this.#length) {
      this.#at = position
      this.#length = this.#read(this.#window, position)
    }
    return this.#window.copy(into, 0, position - this.#at, Math.min(this.#length, position - this.#at + into.length))
  }
}

function addEntry(builder: ArchiveIndexBuilder, entry: Entry): void {
  const { uncompressedSize: size, compressedSize: packed, crc32: crc, relativeOffsetOfLocalHeader: at } = entry
  const { key, isSafe } = memberKey(nameOf(entry))
  if (key.length === 0 || (size === 0 && key.at(-1) === 0x2f)) return
  const form = formOf(entry)
  const refused = !isSafe && form <= DEFLATED ? refusedAs('unsafeName') : form
  builder.add({ name: key, form: refused, at, size, packed, crc })
}

/** As stored where that is UTF-8, flagged as such or not; else from the old code page, or the field that some tools add. */
function nameOf({ generalPurposeBitFlag: flags, fileNameRaw, extraFields }: Entry): Uint8Array {
  return isUtf8(fileNameRaw) ? fileNameRaw : Buffer.from(getFileNameLowLevel(flags, fileNameRaw, extraFields, true))
}

const ENCRYPTED = 0x1
const MADE_ON_UNIX = 3
const FILE_TYPE = 0o170000

function formOf(entry: Entry): MemberForm {
  const mode = entry.versionMadeBy >>> 8 === MADE_ON_UNIX ? (entry.externalFileAttributes >>> 16) & FILE_TYPE : 0
  if (mode === 0o120000) return refusedAs('symbolicLink')
  if (mode === 0o010000) return refusedAs('fifo')
  if (mode === 0o020000 || mode === 0o060000 || mode === 0o140000) return refusedAs('device')
  if ((entry.generalPurposeBitFlag & ENCRYPTED) !== 0) return refusedAs('encrypted')
  if (entry.compressionMethod === 0) return STORED
  return entry.compressionMethod === 8 ? DEFLATED : refusedAs('method')
}

/** The number of entries has 16 bits in old zips and says nothing that is sure: behind the last one the end record follows. */
function unlistedEntries(read: ReadAt, zip: ZipFile): string | null {
  const after = Buffer.alloc(4)
  const position = Number(zip.readEntryCursor)
  if (read(after, position) < after.length) return 'its directory ends early'
  return END_RECORDS.has(after.readUInt32LE(0)) ? null : 'its directory goes on after as many members as it says it has'
}

/** The end of the directory, its zip64 form, and a signature of the directory. */
const END_RECORDS: ReadonlySet<number> = new Set([0x06054b50, 0x06064b50, 0x05054b50])

/** Members one within another: how a small zip is made to hold more than a disk. No tool that archives writes it. */
class Ends {
  #last = 0
  #sorted = true
  readonly #all: number[] = []

  add({ relativeOffsetOfLocalHeader: at, compressedSize, fileNameLength }: Entry): void {
    const end = at + 30 + fileNameLength + compressedSize
    if (at < this.#last) this.#sorted = false
    this.#last = end
    this.#all.push(at, end)
  }

  overlap(): boolean {
    if (this.#sorted) return false
    const spans = Array.from({ length: this.#all.length / 2 }, (_, index) => index * 2)
    spans.sort((a, b) => (this.#all[a] ?? 0) - (this.#all[b] ?? 0))
    let last = 0
    for (const span of spans) {
      if ((this.#all[span] ?? 0) < last) return true
      last = this.#all[span + 1] ?? 0
    }
    return false
  }
}
