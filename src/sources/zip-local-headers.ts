/** What stands before each member's bytes in a zip, which some tools go by, and not by the directory: both must say the same. */
import type { Entry } from 'yauzl'
import type { ReadAt } from './read-at.js'

const SIGNATURE = 0x04034b50
const FIXED_BYTES = 30
/** Beyond the name: extra fields are mostly shorter. */
const EXTRA_EXPECTED = 256
/** Sizes and checksum follow the bytes. */
const DESCRIPTOR_FOLLOWS = 0x8
const MOST_DESCRIPTOR_BYTES = 24
const UNICODE_PATH = 0x7075
const SCAN_BYTES = 256 * 1024

export interface LocalHeader {
  readonly name: Uint8Array
  /** Whether the directory says the same, and no field another one. */
  readonly isSameName: boolean
  /** The name that a field added by Info-ZIP gives; undefined where there is none. */
  readonly unicodePath: Uint8Array | undefined
  /** Whether its method, sizes and checksum are those that the directory says. */
  readonly agrees: boolean
  /** Sizes and checksum follow the bytes: whoever reads the zip as a stream finds their end by themselves. */
  readonly isOpen: boolean
  /** Where its bytes begin. */
  readonly bytesAt: number
}

export class LocalHeaders {
  readonly #read: ReadAt
  /** Of all headers so far. */
  bytes = 0
  #buffer = Buffer.alloc(4096)
  /** Where each member begins and ends. */
  readonly #spans: number[] = []
  #isSorted = true

  constructor(read: ReadAt) {
    this.#read = read
  }

  /** Undefined where there is none: the member cannot be read. */
  of(entry: Entry): LocalHeader | undefined {
    const { relativeOffsetOfLocalHeader: at, compressedSize } = entry
    const block = this.#bytes(at, FIXED_BYTES + entry.fileNameLength + EXTRA_EXPECTED)
    const isHeader = block.length >= FIXED_BYTES && block.readUInt32LE(0) === SIGNATURE
    const nameEnd = FIXED_BYTES + (isHeader ? block.readUInt16LE(26) : 0)
    const end = nameEnd + (isHeader ? block.readUInt16LE(28) : 0)
    this.bytes += end
    this.#add(at, at + end + compressedSize)
    if (!isHeader) return undefined
    const header = end <= block.length ? block.subarray(0, end) : this.#bytes(at, end)
    if (header.length < end) return undefined
    const name = header.subarray(FIXED_BYTES, nameEnd)
    const unicodePath = end === nameEnd ? undefined : unicodePathOf(fieldsOf(header.subarray(nameEnd)))
    const isSameName = unicodePath === undefined && entry.fileNameRaw.equals(name)
    const isOpen = (header.readUInt16LE(6) & DESCRIPTOR_FOLLOWS) !== 0
    return { name, isSameName, unicodePath, agrees: agrees(header, entry), isOpen, bytesAt: at + end }
  }

  /** Members one within another: how a small zip is made to hold more than a disk. No tool that archives writes it. */
  doOverlap(): boolean {
    this.#sort()
    return this.#spans.some((at, index) => index % 2 === 0 && at < (this.#spans[index - 1] ?? 0))
  }

  /** Where a member begins that the directory does not name, and tools that read through find; undefined where there is none. */
  unlisted(directoryAt: number): number | undefined {
    this.#sort()
    let from = 0
    for (let index = 0; index <= this.#spans.length; index += 2) {
      const to = this.#spans[index] ?? directoryAt
      // What is put before a zip is often a program, which may have any bytes.
      const found = from === 0 ? this.#headerAt(0, to) : this.headerIn(from, to)
      if (found !== undefined) return found
      from = this.#spans[index + 1] ?? to
    }
    return undefined
  }

  #headerAt(at: number, to: number): number | undefined {
    if (to < FIXED_BYTES) return undefined
    const block = this.#bytes(at, 4)
    return block.length === 4 && block.readUInt32LE(0) === SIGNATURE ? at : undefined
  }

  /** Where a further header lies between two places, behind what may follow a member; undefined where there is none. */
  headerIn(from: number, to: number): number | undefined {
    if (to - from <= MOST_DESCRIPTOR_BYTES) return undefined
    for (let at = from; at < to - FIXED_BYTES; at += SCAN_BYTES - 3) {
      const found = this.#bytes(at, Math.min(SCAN_BYTES, to - at)).indexOf(SIGNATURE_BYTES)
      if (found !== -1) return at + found
    }
    return undefined
  }

  #bytes(at: number, length: number): Buffer {
    if (this.#buffer.length < length) this.#buffer = Buffer.alloc(length)
    return this.#buffer.subarray(0, this.#read(this.#buffer.subarray(0, length), at))
  }

  #add(at: number, end: number): void {
    if (at < (this.#spans.at(-2) ?? 0)) this.#isSorted = false
    this.#spans.push(at, end)
  }

  #sort(): void {
    if (this.#isSorted) return
    const spans = Float64Array.from(this.#spans)
    const order = Uint32Array.from({ length: spans.length / 2 }, (_, index) => index * 2)
    order.sort((a, b) => (spans[a] ?? 0) - (spans[b] ?? 0))
    for (const [index, span] of order.entries()) {
      this.#spans[index * 2] = spans[span] ?? 0
      this.#spans[index * 2 + 1] = spans[span + 1] ?? 0
    }
    this.#isSorted = true
  }
}

const SIGNATURE_BYTES = Buffer.from('PK\x03\x04')

/** Where nothing follows the bytes, its numbers are those of the directory; where they have no room, in the field of zip64. */
function agrees(header: Buffer, { compressionMethod, crc32, compressedSize, uncompressedSize }: Entry): boolean {
  if (header.readUInt16LE(8) !== compressionMethod) return false
  if ((header.readUInt16LE(6) & DESCRIPTOR_FOLLOWS) !== 0) return true
  const [crc, packed, size] = [14, 18, 22].map((at) => header.readUInt32LE(at))
  if (crc !== crc32) return false
  if (packed !== NO_ROOM && size !== NO_ROOM) return packed === compressedSize && size === uncompressedSize
  for (const { id, data } of fieldsOf(header.subarray(FIXED_BYTES + header.readUInt16LE(26)))) {
    if (id !== ZIP64 || data.length < 16) continue
    return data.readBigUInt64LE(0) === BigInt(uncompressedSize) && data.readBigUInt64LE(8) === BigInt(compressedSize)
  }
  return false
}

const NO_ROOM = 0xffffffff
const ZIP64 = 0x0001

interface ExtraField {
  readonly id: number
  readonly data: Buffer
}

function* fieldsOf(extra: Buffer): Generator<ExtraField> {
  for (let at = 0; at + 4 <= extra.length; ) {
    const end = at + 4 + extra.readUInt16LE(at + 2)
    yield { id: extra.readUInt16LE(at), data: extra.subarray(at + 4, end) }
    at = end
  }
}

/** Of the first such field: the name behind a version and a checksum. */
export function unicodePathOf(fields: Iterable<ExtraField>): Uint8Array | undefined {
  for (const { id, data } of fields) if (id === UNICODE_PATH && data.length > 5) return data.subarray(5)
  return undefined
}
