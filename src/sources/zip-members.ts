/** Reads the directory of a zip, which lies at its end: every member's name, and where its local header lies. */
import { isUtf8 } from 'node:buffer'
import { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { createInflateRaw } from 'node:zlib'
import { type Entry, fromRandomAccessReaderPromise, getFileNameLowLevel, RandomAccessReader, type ZipFile } from 'yauzl'
import { ArchiveIndexBuilder, DEFLATED, type MemberForm, MOST_REFUSED, refusedAs, STORED } from './archive-index.js'
import { keysWhereExtracted, memberKey } from './archive-names.js'
import type { ReadAt } from './read-at.js'
import { type LocalHeader, LocalHeaders, unicodePathOf } from './zip-local-headers.js'

/** The shortest entry of the directory. */
const ENTRY_BYTES = 46
const WINDOW = 256 * 1024
const ENTRIES_AT_ONCE = 4096
/** That a member may have, where tools differ. */
const NAMES_OF_ONE = 8

export interface ZipMembers {
  readonly builder: ArchiveIndexBuilder
  /** Why what follows the members that were found cannot be told; null where all was read. */
  readonly damage: string | null
}

/** All members. Rejects where there is no directory, or members lie one within another: the message says why. */
export async function readZipMembers(read: ReadAt, size: number, signal?: AbortSignal): Promise<ZipMembers> {
  const builder = new ArchiveIndexBuilder(NAMES_OF_ONE * Math.ceil(size / ENTRY_BYTES), NAMES_OF_ONE * size, true)
  const options = { decodeStrings: false, validateEntrySizes: false, autoClose: false }
  const zip = await fromRandomAccessReaderPromise(new WindowReader(read), size, options)
  const headers = new LocalHeaders(read)
  const directoryAt = Number(zip.readEntryCursor)
  let entries = 0
  let disputed: number | undefined
  try {
    for await (const entry of zip.eachEntry()) {
      const local = headers.of(entry)
      addEntry(builder, entry, local)
      if (local?.agrees === false) disputed ??= entry.relativeOffsetOfLocalHeader
      else if (local?.isOpen === true) {
        const { bytesAt } = local
        const holdsHeader =
          entry.compressionMethod === 0 && headers.headerIn(bytesAt, bytesAt + entry.compressedSize) !== undefined
        if (holdsHeader || !(await endsWhereSaid(read, entry, bytesAt, signal))) disputed ??= entry.relativeOffsetOfLocalHeader
      }
      // Headers that take more than there is lie one within another.
      if (headers.bytes > size) throw new Overlap()
      if (builder.refused > MOST_REFUSED) throw new Error(`more than ${MOST_REFUSED} members have names that no tool writes`)
      if (++entries % ENTRIES_AT_ONCE !== 0) continue
      await setImmediate()
      signal?.throwIfAborted()
    }
  } catch (error) {
    signal?.throwIfAborted()
    if (error instanceof Overlap) throw error
    return { builder, damage: error instanceof Error ? error.message : String(error) }
  }
  if (headers.doOverlap()) throw new Overlap()
  const unlisted = headers.unlisted(directoryAt)
  const hidden = unlisted === undefined ? null : `at byte ${unlisted} begins a member that its directory does not name`
  return { builder, damage: directoryEnd(read, zip, size, directoryAt) ?? hidden ?? disputedMember(disputed) }
}

function disputedMember(at: number | undefined): string | null {
  return at === undefined
    ? null
    : `the member at byte ${at} has another length, or method, for tools that read the zip as a stream`
}

/** Whether a member of which a stream does not tell the length ends by itself where the directory says. */
async function endsWhereSaid(read: ReadAt, entry: Entry, at: number, signal: AbortSignal | undefined): Promise<boolean> {
  const { compressedSize, uncompressedSize, compressionMethod } = entry
  if (compressionMethod !== DEFLATE) return true
  const inflate = createInflateRaw({ chunkSize: WINDOW })
  const packed = Readable.from(piecesOf(read, at, compressedSize)).on('error', (error) => inflate.destroy(error))
  let size = 0
  try {
    for await (const chunk of packed.pipe(inflate)) {
      signal?.throwIfAborted()
      size += chunk.length
      // A bomb is no file that was put in.
      if (size > uncompressedSize) return false
    }
  } catch {
    signal?.throwIfAborted()
    // It cannot be read: that is said of it when it is.
    return true
  }
  return inflate.bytesWritten === compressedSize
}

const DEFLATE = 8

function* piecesOf(read: ReadAt, at: number, length: number): Generator<Buffer> {
  for (let from = 0; from < length; from += WINDOW) {
    const piece = Buffer.allocUnsafe(Math.min(WINDOW, length - from))
    const got = read(piece, at + from)
    yield piece.subarray(0, got)
    if (got < piece.length) return
  }
}

class Overlap extends Error {
  constructor() {
    super('its members overlap, which no tool that archives writes')
  }
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

function addEntry(builder: ArchiveIndexBuilder, entry: Entry, local: LocalHeader | undefined): void {
  const { uncompressedSize: size, compressedSize: packed, crc32: crc } = entry
  const at = local?.bytesAt ?? entry.relativeOffsetOfLocalHeader
  const name = asFolders(nameOf(entry))
  const others = otherNames(name, entry, local)
  const { key, isSafe } = memberKey(name)
  if (size === 0 && others.length === 0 && key.at(-1) === SLASH) return
  const form = formOf(entry, local)
  const place = { at, size, packed }
  const refusedFor = (name: 'disputedName' | 'unsafeName'): MemberForm => (form <= DEFLATED ? refusedAs(name) : form)
  if (others.length > 0)
    builder.addRefused([key, ...others.map((other) => memberKey(other).key)], refusedFor('disputedName'), place)
  else if (!isSafe) builder.addRefused([key, ...keysWhereExtracted(name)], refusedFor('unsafeName'), place)
  else if (key.length > 0) builder.add({ name: key, form, at, size, packed, crc })
  const printed = asPrinted(isUtf8(entry.fileNameRaw) ? key : entry.fileNameRaw)
  if (printed !== undefined) builder.addRefused([memberKey(printed).key], refusedFor('disputedName'), place)
  // Where it was made both separated folders; here they do not.
  if (!UNIX.has(entry.versionMadeBy >>> 8) && key.includes(BACKSLASH))
    builder.addRefused([memberKey(withSlashes(key)).key], refusedFor('disputedName'), place)
}

const SLASH = 0x2f
const BACKSLASH = 0x5c

/** unzip leaves out what cannot be printed. Undefined where no folder's name changes: in its own folder a member is seen. */
function asPrinted(name: Uint8Array): Uint8Array | undefined {
  const isUnprintable = isUtf8(name) ? isControl : isNoAscii
  const folder = name.subarray(0, name.lastIndexOf(SLASH) + 1)
  return folder.some(isUnprintable) ? name.filter((byte) => !isUnprintable(byte)) : undefined
}

function isControl(byte: number): boolean {
  return byte < 0x20 || byte === 0x7f
}

function isNoAscii(byte: number): boolean {
  return isControl(byte) || byte >= 0x80
}

/** What tools may call a member beside `name`: nothing, in what they write. */
function otherNames(
  name: Uint8Array,
  { fileNameRaw, extraFields }: Entry,
  local: LocalHeader | undefined,
): readonly Uint8Array[] {
  const unicodePath = unicodePathOf(extraFields)
  if (unicodePath === undefined && (local === undefined || local.isSameName)) return NONE
  return [local?.name, local?.unicodePath, unicodePath]
    .flatMap((other) => (other === undefined || fileNameRaw.equals(other) ? [] : asFolders(other)))
    .filter((other) => Buffer.compare(other, name) !== 0)
}

const NONE: readonly Uint8Array[] = []

/** As tools do with the names of Windows. */
function asFolders(name: Uint8Array): Uint8Array {
  return name.includes(SLASH) ? name : withSlashes(name)
}

function withSlashes(name: Uint8Array): Uint8Array {
  return name.includes(BACKSLASH) ? name.map((byte) => (byte === BACKSLASH ? SLASH : byte)) : name
}

/** As stored where that is UTF-8, flagged as such or not; else from the old code page, or the field that some tools add. */
function nameOf({ generalPurposeBitFlag: flags, fileNameRaw, extraFields }: Entry): Uint8Array {
  return isUtf8(fileNameRaw) ? fileNameRaw : Buffer.from(getFileNameLowLevel(flags, fileNameRaw, extraFields, true))
}

/** Unix, and what macOS says of itself. */
const UNIX: ReadonlySet<number> = new Set([3, 19])
const ENCRYPTED = 0x1
const MADE_ON_UNIX = 3
const FILE_TYPE = 0o170000

function formOf(entry: Entry, local: LocalHeader | undefined): MemberForm {
  const mode = entry.versionMadeBy >>> 8 === MADE_ON_UNIX ? (entry.externalFileAttributes >>> 16) & FILE_TYPE : 0
  if (mode === 0o120000) return refusedAs('symbolicLink')
  if (mode === 0o010000) return refusedAs('fifo')
  if (mode === 0o020000 || mode === 0o060000 || mode === 0o140000) return refusedAs('device')
  if ((entry.generalPurposeBitFlag & ENCRYPTED) !== 0) return refusedAs('encrypted')
  if (local?.agrees !== true) return refusedAs('contradictory')
  if (entry.compressionMethod === 0) return STORED
  return entry.compressionMethod === 8 ? DEFLATED : refusedAs('method')
}

/**
 * The number of entries has 16 bits in old zips and says nothing that is sure: the end record follows behind the last one, and with
 * it the zip ends. Else tools differ in where they look for the directory.
 */
function directoryEnd(read: ReadAt, zip: ZipFile, size: number, directoryAt: number): string | null {
  const record = Buffer.alloc(48)
  const end = size - END_BYTES - Buffer.byteLength(zip.comment)
  const directoryEnd = Number(zip.readEntryCursor)
  let at = directoryEnd
  if (read(record, at) < END_BYTES) return 'its directory ends early'
  if (record.readUInt32LE(0) === DIRECTORY_SIGNATURE) {
    at += 6 + record.readUInt16LE(4)
    if (read(record, at) < END_BYTES) return 'its directory ends early'
  }
  const isZip64 = record.readUInt32LE(0) === ZIP64_END
  const length = isZip64 ? Number(record.readBigUInt64LE(40)) : record.readUInt32LE(12)
  if (isZip64) at += 12 + Number(record.readBigUInt64LE(4)) + ZIP64_LOCATOR_BYTES
  if (at !== end) return 'its directory goes on after as many members as it says it has'
  return length === at - directoryAt || length === directoryEnd - directoryAt
    ? null
    : 'its directory has another length than it says'
}

const END_BYTES = 22
const DIRECTORY_SIGNATURE = 0x05054b50
const ZIP64_END = 0x06064b50
const ZIP64_LOCATOR_BYTES = 20
