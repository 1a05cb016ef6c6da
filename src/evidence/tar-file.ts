/** A tar that is written member by member and read while it grows. What a process left half is cut off when it is opened again. */
import { createHash } from 'node:crypto'
import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, writeSync, writevSync } from 'node:fs'
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
const MOST_NAME = 100
/** What eleven octal digits hold. */
const MOST_OCTAL = 8 ** 11

export class TarFile {
  readonly #file: number
  readonly #readAt: ReadAt
  #end: number

  private constructor(file: number, end: number) {
    this.#file = file
    this.#readAt = readAtOf(file)
    this.#end = end
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
    tar.#end = first.length
    return tar
  }

  close(): void {
    closeSync(this.#file)
  }

  /** The members that a former run wrote whole. What follows them is cut off. */
  *goOn(): Generator<WrittenMember> {
    const { size } = fstatSync(this.#file)
    for (let member = this.read(this.#end); member !== undefined; member = this.read(this.#end)) {
      const end = member.at + padded(member.size)
      if (end > size || this.#hash(member) !== member.records[SHA256]) break
      this.#end = end
      yield member
    }
    ftruncateSync(this.#file, this.#end)
  }

  /** All members. */
  *members(): Generator<WrittenMember> {
    for (let at = this.#first; at < this.#end; ) {
      const member = this.read(at)
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
  read(start: number): WrittenMember | undefined {
    const block = Buffer.alloc(BLOCK)
    const extended = this.#readAt(block, start) < BLOCK ? undefined : parseTarHeader(block)
    if (extended?.type !== 'x') return undefined
    const bytes = Buffer.alloc(extended.size)
    if (this.#readAt(bytes, start + BLOCK) < bytes.length) return undefined
    const pax = parsePax(bytes)
    const at = start + BLOCK + padded(extended.size)
    const header = this.#readAt(block, at) < BLOCK ? undefined : parseTarHeader(block)
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

  /** Appends a member; returns where its first header begins. */
  add(name: string, records: Records, body: Uint8Array): number {
    const start = this.#end
    const hash = createHash('sha256').update(body).digest('hex')
    const head = memberHead(name, { ...records, [SHA256]: hash }, body.length)
    const tail = Buffer.alloc(padded(body.length) - body.length)
    const written = writevSync(this.#file, [head, body, tail], start)
    if (written < head.length + body.length + tail.length) this.#write(Buffer.concat([head, body, tail]), start)
    this.#end += head.length + body.length + tail.length
    return start
  }

  /** As `add`, in flat memory; nothing else may be added meanwhile. What breaks off leaves nothing behind. */
  async addChunks(name: string, records: Records, chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<number> {
    const start = this.#end
    const head = memberHead(name, { ...records, [SHA256]: NO_HASH }, 0)
    const hash = createHash('sha256')
    let size = 0
    try {
      this.#write(head, start)
      for await (const chunk of chunks) {
        hash.update(chunk)
        this.#write(chunk, start + head.length + size)
        size += chunk.length
      }
      this.#write(Buffer.alloc(padded(size) - size), start + head.length + size)
      this.#write(memberHead(name, { ...records, [SHA256]: hash.digest('hex') }, size), start)
    } catch (error) {
      ftruncateSync(this.#file, start)
      throw error
    }
    this.#end += head.length + padded(size)
    return start
  }

  /** The end mark. */
  finish(): void {
    this.#write(Buffer.alloc(2 * BLOCK), this.#end)
    fsyncSync(this.#file)
  }

  #hash(member: WrittenMember): string {
    const hash = createHash('sha256')
    for (const chunk of this.chunks(member)) hash.update(chunk)
    return hash.digest('hex')
  }

  #write(bytes: Uint8Array, position: number): void {
    for (let done = 0; done < bytes.length; ) done += writeSync(this.#file, bytes, done, bytes.length - done, position + done)
  }
}

function padded(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK
}

function globalHeader(records: Records): Buffer {
  const body = paxRecords(records)
  return Buffer.concat([header('pax_global_header', body.length, 'g'), body, Buffer.alloc(padded(body.length) - body.length)])
}

/** Always as long for the same name and records' lengths, whatever the size. */
function memberHead(name: string, records: Records, size: number): Buffer {
  const short = Buffer.byteLength(name) <= MOST_NAME
  const body = paxRecords(short ? records : { path: name, ...records })
  const padding = Buffer.alloc(padded(body.length) - body.length)
  return Buffer.concat([header('@PaxHeader', body.length, 'x'), body, padding, header(name, size, '0')])
}

function paxRecords(records: Records): Buffer {
  return Buffer.concat(
    Object.entries(records).map(([name, value]) => {
      const rest = Buffer.from(` ${name}=${value}\n`)
      let length = rest.length + 1
      while (String(length).length + rest.length > length) length++
      return Buffer.concat([Buffer.from(String(length)), rest])
    }),
  )
}

/** POSIX ustar; sizes beyond eleven octal digits as GNU writes them. */
function header(name: string, size: number, type: string): Buffer {
  const block = Buffer.alloc(BLOCK)
  Buffer.from(name).subarray(0, MOST_NAME).copy(block)
  block.write(`0000644\0${'0000000\0'.repeat(2)}`, 100)
  if (size < MOST_OCTAL) block.write(`${size.toString(8).padStart(11, '0')}\0`, 124)
  else {
    block[124] = 0x80
    block.writeUIntBE(size, 130, 6)
  }
  block.write(`${'0'.repeat(11)}\0`, 136)
  block.write(' '.repeat(8), 148)
  block.write(type, 156)
  block.write('ustar\x0000', 257)
  let sum = 0
  for (const byte of block) sum += byte
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return block
}
