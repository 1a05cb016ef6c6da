/** A tar that is written member by member and read while it grows. What a process left half is cut off when it is opened again. */
import { createHash, hash } from 'node:crypto'
import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import { SHA256 } from '../sources/export-records.js'
import { type ReadAt, readAtOf } from '../sources/read-at.js'
import { BLOCK, parsePax, parseTarHeader } from '../sources/tar-header.js'

export type Records = Readonly<Record<string, string>>

/** A member that is there. */
export interface WrittenMember {
  /** Where its first header begins. */
  readonly start: number
  readonly name: string
  readonly records: Records
  /** Where its bytes begin. */
  readonly at: number
  readonly size: number
}

const NO_HASH = '0'.repeat(64)
const CHUNK_BYTES = 1024 * 1024
/** A write for each member would cost as much as all else that is done with a small one. */
const HELD_BYTES = 1024 * 1024
const MOST_NAME = 100
const ZEROS: Buffer = Buffer.alloc(BLOCK)
/** What eleven octal digits hold. */
const MOST_OCTAL = 8 ** 11

export class TarFile {
  readonly #file: number
  readonly #readAt: ReadAt
  /** What is behind that is held, until it is worth a write. */
  #written: number
  readonly #held: Buffer = Buffer.allocUnsafeSlow(HELD_BYTES)
  #heldLength = 0

  private constructor(file: number, end: number) {
    this.#file = file
    const readAt = readAtOf(file)
    this.#readAt = (into, position) => {
      if (position + into.length > this.#written) this.#flush()
      return readAt(into, position)
    }
    this.#written = end
  }

  /** `records`: of all members, told by a header at its beginning. A file that begins otherwise is not gone on with: undefined. */
  static open(path: string, records: Records): TarFile | undefined {
    const file = openSync(path, 'a+', 0o600)
    closeSync(file)
    const tar = new TarFile(openSync(path, 'r+'), 0)
    const first = globalHeader(records)
    const begun = Buffer.alloc(first.length)
    const length = tar.#readAt(begun, 0)
    if (length > 0 && !begun.subarray(0, length).equals(first.subarray(0, length))) {
      tar.close()
      return undefined
    }
    tar.#write(first, 0)
    tar.#written = first.length
    return tar
  }

  get #end(): number {
    return this.#written + this.#heldLength
  }

  close(): void {
    try {
      this.#flush()
    } finally {
      closeSync(this.#file)
    }
  }

  /** The members that a former run wrote whole. What follows them is cut off. */
  *goOn(): Generator<WrittenMember> {
    const { size } = fstatSync(this.#file)
    for (let member = this.read(this.#end); member !== undefined; member = this.read(this.#end)) {
      const end = member.at + padded(member.size)
      if (end > size || this.#hash(member) !== member.records[SHA256]) break
      this.#written = end
      yield member
    }
    ftruncateSync(this.#file, this.#end)
  }

  /** All members. */
  *members(): Generator<WrittenMember> {
    const readAt = inWindows(this.#readAt)
    for (let at = this.#first; at < this.#end; ) {
      const member = this.read(at, readAt)
      if (member === undefined) return
      yield member
      at = member.at + padded(member.size)
    }
  }

  get #first(): number {
    const block = Buffer.alloc(BLOCK)
    this.#readAt(block, 0)
    return BLOCK + padded(parseTarHeader(block)?.size ?? 0)
  }

  /** The member whose first header is here. */
  read(start: number, readAt: ReadAt = this.#readAt): WrittenMember | undefined {
    const block = Buffer.alloc(BLOCK)
    const extended = readAt(block, start) < BLOCK ? undefined : parseTarHeader(block)
    if (extended?.type !== 'x') return undefined
    const bytes = Buffer.alloc(extended.size)
    if (readAt(bytes, start + BLOCK) < bytes.length) return undefined
    const pax = parsePax(bytes)
    const at = start + BLOCK + padded(extended.size)
    const header = readAt(block, at) < BLOCK ? undefined : parseTarHeader(block)
    if (pax === undefined || header === undefined) return undefined
    const records = Object.fromEntries([...pax].map(([name, value]) => [name, Buffer.from(value).toString()]))
    return { start, name: records['path'] ?? Buffer.from(header.name).toString(), records, at: at + BLOCK, size: header.size }
  }

  bytes({ at, size }: WrittenMember): Buffer {
    const bytes = Buffer.allocUnsafeSlow(size)
    if (this.#readAt(bytes, at) < size) throw new Error('the export was cut while it was written')
    return bytes
  }

  *chunks({ at, size }: WrittenMember): Generator<Buffer> {
    for (let done = 0; done < size; ) {
      const chunk = this.bytes({ at: at + done, size: Math.min(CHUNK_BYTES, size - done) } as WrittenMember)
      done += chunk.length
      yield chunk
    }
  }

  /** Appends a member; returns where its first header begins. `sha256`: of its bytes, where that is known. */
  add(name: string, records: Records, body: Uint8Array, sha256: string = hash('sha256', body, 'hex')): number {
    const start = this.#end
    const head = memberHead(name, { ...records, [SHA256]: sha256 }, body.length)
    const tail = ZEROS.subarray(0, padded(body.length) - body.length)
    const size = head.length + body.length + tail.length
    if (this.#heldLength + size > HELD_BYTES) this.#flush()
    if (size > HELD_BYTES) {
      for (const part of [head, body, tail]) {
        this.#write(part, this.#written)
        this.#written += part.length
      }
      return start
    }
    for (const part of [head, body, tail]) {
      this.#held.set(part, this.#heldLength)
      this.#heldLength += part.length
    }
    return start
  }

  /** As `add`, in flat memory; nothing else may be added meanwhile. What breaks off leaves nothing behind. */
  async addChunks(name: string, records: Records, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<number> {
    this.#flush()
    const start = this.#written
    const head = memberHead(name, { ...records, [SHA256]: NO_HASH }, 0)
    const sum = createHash('sha256')
    let size = 0
    try {
      this.#write(head, start)
      for await (const chunk of chunks) {
        sum.update(chunk)
        this.#write(chunk, start + head.length + size)
        size += chunk.length
      }
      this.#write(Buffer.alloc(padded(size) - size), start + head.length + size)
      this.#write(memberHead(name, { ...records, [SHA256]: sum.digest('hex') }, size), start)
    } catch (error) {
      ftruncateSync(this.#file, start)
      throw error
    }
    this.#written += head.length + padded(size)
    return start
  }

  /** The end mark. */
  finish(): void {
    this.#flush()
    this.#write(Buffer.alloc(2 * BLOCK), this.#written)
    fsyncSync(this.#file)
  }

  #hash(member: WrittenMember): string {
    const sum = createHash('sha256')
    for (const chunk of this.chunks(member)) sum.update(chunk)
    return sum.digest('hex')
  }

  #flush(): void {
    const length = this.#heldLength
    if (length === 0) return
    this.#write(this.#held.subarray(0, length), this.#written)
    this.#heldLength = 0
    this.#written += length
  }

  #write(bytes: Uint8Array, position: number): void {
    for (let done = 0; done < bytes.length; ) done += writeSync(this.#file, bytes, done, bytes.length - done, position + done)
  }
}

/** For small reads that follow each other: many are had with one read of the file. */
function inWindows(readAt: ReadAt): ReadAt {
  const window = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  let start = 0
  let length = 0
  return (bytes, position) => {
    if (bytes.length > CHUNK_BYTES) return readAt(bytes, position)
    if (position < start || position + bytes.length > start + length) {
      start = position
      length = readAt(window, position)
    }
    return window.copy(bytes, 0, position - start, Math.min(length, position - start + bytes.length))
  }
}

function padded(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK
}

function globalHeader(records: Records): Buffer {
  const body = paxRecords(records)
  return Buffer.concat([
    header('pax_global_header', body.length, 'g'),
    body,
    ZEROS.subarray(0, padded(body.length) - body.length),
  ])
}

/** Always as long for the same name and records' lengths, whatever the size. */
function memberHead(name: string, records: Records, size: number): Buffer {
  const short = Buffer.byteLength(name) <= MOST_NAME
  const body = paxRecords(short ? records : { path: name, ...records })
  const padding = ZEROS.subarray(0, padded(body.length) - body.length)
  return Buffer.concat([header('@PaxHeader', body.length, 'x'), body, padding, header(name, size, '0')])
}

function paxRecords(records: Records): Buffer {
  let text = ''
  for (const [name, value] of Object.entries(records)) {
    const rest = ` ${name}=${value}\n`
    const bytes = Buffer.byteLength(rest)
    let length = bytes + 1
    while (String(length).length + bytes > length) length++
    text += String(length) + rest
  }
  return Buffer.from(text)
}

/** POSIX ustar; sizes beyond eleven octal digits as GNU writes them. */
function header(name: string, size: number, type: string): Buffer {
  const block = Buffer.from(EMPTY_HEADER)
  Buffer.from(name).subarray(0, MOST_NAME).copy(block)
  if (size < MOST_OCTAL) block.write(`${size.toString(8).padStart(11, '0')}\0`, 124, 'latin1')
  else {
    block[124] = 0x80
    block.writeUIntBE(size, 130, 6)
  }
  block.write(type, 156, 'latin1')
  let sum = EMPTY_SUM
  for (let i = 0; i < MOST_NAME; i++) sum += block[i] ?? 0
  for (let i = 124; i < 136; i++) sum += block[i] ?? 0
  sum += block[156] ?? 0
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return block
}

/** All of a header that is the same in each: rights, times, and eight blanks where the checksum will be. */
const EMPTY_HEADER: Buffer = (() => {
  const block = Buffer.alloc(BLOCK)
  block.write(`0000644\0${'0000000\0'.repeat(2)}`, 100)
  block.write(`${'0'.repeat(11)}\0`, 136)
  block.write(' '.repeat(8), 148)
  block.write('ustar\x0000', 257)
  return block
})()

const EMPTY_SUM: number = EMPTY_HEADER.reduce((sum, byte) => sum + byte, 0)
