/**
 * Gzip read with care: exactly one member, exactly 8 trailer bytes, right CRC-32 and length, nothing after. Public APIs only.
 *
 * zlib's own gzip mode joins members, drops what follows a zero byte and shows some tails only by a counter, so header,
 * trailer and tail are read here (RFC 1952), and zlib inflates the raw deflate data between them. All bytes read here are
 * attacker-controlled: they make a measurement, never an exception. What is thrown is a failure of this machine (memory).
 *
 * Bytes are taken in blocks of 64 KiB counted from the object's start, however they arrive. So equal bytes make equal
 * measurements, down to how much was read before stopping.
 */
import { constants } from 'node:buffer'
import * as crypto from 'node:crypto'
import * as zlib from 'node:zlib'
import type { Damage, Measured, Measurement, TooLarge, TrailingBytes } from '../core/measurement.js'

export const BLOCK_BYTES: number = 64 * 1024

const FIXED_HEADER_BYTES = 10
const FLAG_HEADER_CRC = 0x02
const FLAG_EXTRA = 0x04
const FLAG_NAME = 0x08
const FLAG_COMMENT = 0x10
const FLAGS_RESERVED = 0xe0

export type Inflated =
  | { readonly kind: 'inflated'; readonly bytes: Uint8Array; readonly trailing: TrailingBytes | null }
  /** Does not start with `1f 8b`. */
  | { readonly kind: 'plain' }
  | { readonly kind: 'damaged'; readonly reason: Damage }
  | { readonly kind: 'too-large'; readonly limit: number }

/** Takes an object's blocks in order. Every block but the last has `BLOCK_BYTES`. */
export interface Measurer {
  /** False where the limit is passed: nothing more needs to be read. */
  add(block: Uint8Array): boolean | Promise<boolean>
  /** What was measured. `cut`: more bytes are there than any file within the limit has. */
  end(cut: boolean): Measurement
  /** Gives back what it holds, also after an exception. */
  release(): void
}

/** True where bytes start as gzip does. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && bytes[0] === 0x1f && bytes[1] === 0x8b
}

/**
 * The stored bytes that are looked at: all that a file within the limit can have, with room for headers and for data that
 * does not shrink. It ends endless header fields, empty deflate blocks and tails, none of which inflate to anything.
 */
export function storedLimit(limit: number): number {
  return Math.ceil((limit * 1.01 + 1024 * 1024) / BLOCK_BYTES) * BLOCK_BYTES
}

/** CRC-32 of bytes, going on from `value`. zlib has it since Node 20.15 and 22.2. */
export const crc32: (bytes: Uint8Array, value: number) => number = zlib.crc32 ?? crc32ByTable

let crcTable: Uint32Array | undefined

/** Only where zlib has none. Exported for its test. */
export function crc32ByTable(bytes: Uint8Array, value: number): number {
  crcTable ??= Uint32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
    return crc
  })
  let crc = ~value
  for (const byte of bytes) crc = (crc >>> 8) ^ (crcTable[(crc ^ byte) & 0xff] ?? 0)
  return ~crc >>> 0
}

/** Lower-case hex. `crypto.hash` is quicker, but is not in Node 21's first releases. */
export function sha256Hex(bytes: Uint8Array): string {
  const hashAtOnce: typeof crypto.hash | undefined = crypto.hash
  return hashAtOnce ? hashAtOnce('sha256', bytes, 'hex') : crypto.createHash('sha256').update(bytes).digest('hex')
}

type HeaderPart = 'fixed' | 'extra-length' | 'extra' | 'name' | 'comment' | 'crc' | 'done' | 'bad'

/** Reads a member's header across blocks, whatever the length of its fields. */
export class HeaderReader {
  part: HeaderPart = 'fixed'
  readonly #fixed = new Uint8Array(FIXED_HEADER_BYTES)
  #flags = 0
  /** Bytes got of the present part; for `extra` those still to come. */
  #count = 0
  #number = 0
  #crc = 0

  /** Reads on from `at`. Answers where it stopped: after the header's last byte, or at the block's end. */
  read(block: Uint8Array, at: number): number {
    let next = at
    while (next < block.length && this.part !== 'done' && this.part !== 'bad') next = this.#step(block, next)
    return next
  }

  #step(block: Uint8Array, at: number): number {
    switch (this.part) {
      case 'fixed':
        return this.#readFixed(block[at] ?? 0, at)
      case 'extra-length':
        return this.#readNumber(block, at)
      case 'extra':
        return this.#skipExtra(block, at)
      case 'name':
      case 'comment':
        return this.#skipText(block, at)
      case 'crc':
        return this.#readNumber(block, at)
      case 'done':
      case 'bad':
        return at
    }
  }

  #readFixed(byte: number, at: number): number {
    this.#fixed[this.#count++] = byte
    if (this.#count === 3 && byte !== 8) this.part = 'bad'
    if (this.#count === 4) {
      this.#flags = byte
      if (byte & FLAGS_RESERVED) this.part = 'bad'
    }
    if (this.#count < FIXED_HEADER_BYTES || this.part === 'bad') return at + 1
    this.#sum(this.#fixed)
    this.#goOn('fixed')
    return at + 1
  }

  /** Two bytes, low one first: the length of `extra`, or the header's CRC. */
  #readNumber(block: Uint8Array, at: number): number {
    if (this.part === 'extra-length') this.#sum(block.subarray(at, at + 1))
    this.#number |= (block[at] ?? 0) << (8 * this.#count++)
    if (this.#count < 2) return at + 1
    if (this.part === 'crc') this.part = this.#number === (this.#crc & 0xffff) ? 'done' : 'bad'
    else if (this.#number === 0) this.#goOn('extra')
    else {
      this.part = 'extra'
      this.#count = this.#number
    }
    return at + 1
  }

  #skipExtra(block: Uint8Array, at: number): number {
    const end = Math.min(block.length, at + this.#count)
    this.#sum(block.subarray(at, end))
    this.#count -= end - at
    if (this.#count === 0) this.#goOn('extra')
    return end
  }

  #skipText(block: Uint8Array, at: number): number {
    const zero = block.indexOf(0, at)
    const end = zero < 0 ? block.length : zero + 1
    this.#sum(block.subarray(at, end))
    if (zero >= 0) this.#goOn(this.part)
    return end
  }

  /** To the next part that the flags say is there. */
  #goOn(from: HeaderPart): void {
    this.#count = 0
    this.#number = 0
    if (from === 'fixed' && this.#flags & FLAG_EXTRA) this.part = 'extra-length'
    else if ((from === 'fixed' || from === 'extra') && this.#flags & FLAG_NAME) this.part = 'name'
    else if (from !== 'comment' && this.#flags & FLAG_COMMENT) this.part = 'comment'
    else this.part = this.#flags & FLAG_HEADER_CRC ? 'crc' : 'done'
  }

  #sum(bytes: Uint8Array): void {
    if (this.#flags & FLAG_HEADER_CRC) this.#crc = crc32(bytes, this.#crc)
  }
}

/** Reads a member's trailer across blocks, and counts what follows it. */
export class TrailerReader {
  crc = 0
  length = 0
  /** Of the 8. */
  got = 0
  after = 0

  read(block: Uint8Array, at: number): void {
    let next = at
    for (; this.got < 8 && next < block.length; next++, this.got++) {
      const shifted = (block[next] ?? 0) << (8 * (this.got & 3))
      if (this.got < 4) this.crc = (this.crc | shifted) >>> 0
      else this.length = (this.length | shifted) >>> 0
    }
    this.after += block.length - next
  }

  /** Against what was inflated. Null: as it should be. */
  damage(crc: number, bytesInflated: number): Damage | null {
    if (this.got < 8) return 'truncated'
    if (this.crc !== crc) return 'bad crc'
    return this.length === bytesInflated % 2 ** 32 ? null : 'bad length'
  }

  /** `bytesRead`: all of the object's. */
  trailing(bytesRead: number): TrailingBytes | null {
    return this.after === 0 ? null : { offset: bytesRead - this.after, bytes: this.after }
  }
}

export function damaged(damage: Damage, bytesRead: number, trailing: TrailingBytes | null = null): Measured {
  return { kind: 'measured', gzip: damage !== 'empty', sha256: '', bytesRead, bytesInflated: 0, trailing, damage }
}

/** Measures bytes that were read whole. Memory grows with what they inflate to, up to the limit. */
export function measureCarefully(bytes: Uint8Array, limit: number): Measurement {
  if (bytes.length === 0) return damaged('empty', 0)
  if (!isGzip(bytes)) return measurePlain(bytes, limit)
  const bytesRead = Math.min(bytes.length, storedLimit(limit))
  const member = readMember(bytes, limit)
  if (member.kind === 'too-large') return { kind: 'too-large', limit, bytesRead: member.bytesRead }
  if (member.kind === 'damaged') return damaged(member.reason, bytesRead, member.trailing)
  const { bytes: inflated, trailing } = member
  const sha256 = sha256Hex(inflated)
  return { kind: 'measured', gzip: true, sha256, bytesRead, bytesInflated: inflated.length, trailing, damage: null }
}

/** Measures bytes as they come, in flat memory. Stops reading where the limit is passed; throws what `chunks` throws. */
export function measureChunksCarefully(chunks: AsyncIterable<Uint8Array>, limit: number): Promise<Measurement> {
  return measureInBlocks(chunks, limit, () => openCarefulMeasurer(limit))
}

/** Inflates the one member of a gzip file that was read whole, as `measureCarefully` would. */
export function inflateOne(bytes: Uint8Array, limit: number): Inflated {
  if (bytes.length === 0) return { kind: 'damaged', reason: 'empty' }
  if (!isGzip(bytes)) return { kind: 'plain' }
  const member = readMember(bytes, limit)
  switch (member.kind) {
    case 'too-large':
      return { kind: 'too-large', limit }
    case 'damaged':
      return { kind: 'damaged', reason: member.reason }
    case 'inflated':
      return member
  }
}

type Member =
  | { readonly kind: 'inflated'; readonly bytes: Uint8Array; readonly trailing: TrailingBytes | null }
  | { readonly kind: 'damaged'; readonly reason: Damage; readonly trailing: TrailingBytes | null }
  | { readonly kind: 'too-large'; readonly bytesRead: number }

function readMember(bytes: Uint8Array, limit: number): Member {
  const seen = bytes.subarray(0, storedLimit(limit))
  const header = new HeaderReader()
  const start = header.read(seen, 0)
  if (header.part === 'bad') return { kind: 'damaged', reason: 'bad header', trailing: null }
  const data = header.part === 'done' ? inflateRaw(seen.subarray(start), limit) : 'truncated'
  if (data === 'too-large') return { kind: 'too-large', bytesRead: bytesToPassLimit(seen, start, limit) }
  if (data === 'truncated' && seen.length < bytes.length) return { kind: 'too-large', bytesRead: seen.length }
  if (typeof data === 'string') return { kind: 'damaged', reason: data, trailing: null }
  const trailer = new TrailerReader()
  trailer.read(seen, start + data.bytesUsed)
  const trailing = trailer.trailing(seen.length)
  const damage = trailer.damage(crc32(data.bytes, 0), data.bytes.length)
  if (damage === 'truncated' && seen.length < bytes.length) return { kind: 'too-large', bytesRead: seen.length }
  return damage ? { kind: 'damaged', reason: damage, trailing } : { kind: 'inflated', bytes: data.bytes, trailing }
}

interface RawInflated {
  readonly bytes: Uint8Array
  /** Of the deflate data: what follows them is not zlib's to judge. */
  readonly bytesUsed: number
}

function inflateRaw(data: Uint8Array, limit: number): RawInflated | 'too-large' | 'truncated' | 'bad deflate data' {
  try {
    // The answer with `info` is not in the types of zlib's functions.
    const answer: unknown = zlib.inflateRawSync(data, { info: true, ...outputLimits(limit) })
    if (!isInflateInfo(answer)) throw new TypeError('zlib.inflateRawSync no longer answers with its engine')
    return answer.buffer.length > limit ? 'too-large' : { bytes: answer.buffer, bytesUsed: answer.engine.bytesWritten }
  } catch (error) {
    switch (errorCode(error)) {
      case 'ERR_BUFFER_TOO_LARGE':
        return 'too-large'
      case 'Z_BUF_ERROR':
        // Told even if what the truncated data inflate to has passed the limit before.
        return passesLimit(data, limit) ? 'too-large' : 'truncated'
      case 'Z_DATA_ERROR':
        return 'bad deflate data'
      default:
        throw error
    }
  }
}

/**
 * zlib refuses a limit of 0 and limits beyond the longest buffer. Of damage shortly after the limit it would tell before
 * telling that the limit is passed: so its windows are cut to end, as nearly as can be, one byte after the limit.
 */
function outputLimits(limit: number): { maxOutputLength: number; chunkSize: number } {
  const most = Math.max(1, Math.min(limit, constants.MAX_LENGTH))
  const windows = Math.ceil((most + 1) / BLOCK_BYTES)
  return { maxOutputLength: most, chunkSize: Math.max(64, Math.ceil((most + 1) / windows)) }
}

function isInflateInfo(answer: unknown): answer is { buffer: Uint8Array; engine: { bytesWritten: number } } {
  if (typeof answer !== 'object' || answer === null || !('buffer' in answer) || !('engine' in answer)) return false
  const { buffer, engine } = answer
  if (typeof engine !== 'object' || engine === null || !('bytesWritten' in engine)) return false
  return buffer instanceof Uint8Array && typeof engine.bytesWritten === 'number'
}

export function errorCode(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}

/** The end of the first block with which more than `limit` bytes come out: where a chunked read stops. */
function bytesToPassLimit(bytes: Uint8Array, start: number, limit: number): number {
  let below = Math.floor(start / BLOCK_BYTES)
  let enough = Math.ceil(bytes.length / BLOCK_BYTES)
  while (enough - below > 1) {
    const middle = (below + enough) >> 1
    if (passesLimit(bytes.subarray(start, middle * BLOCK_BYTES), limit)) enough = middle
    else below = middle
  }
  return Math.min(bytes.length, enough * BLOCK_BYTES)
}

function passesLimit(data: Uint8Array, limit: number): boolean {
  try {
    // Z_SYNC_FLUSH takes any truncation for an end: wanted here, and the reason why nothing else in this file uses it.
    return zlib.inflateRawSync(data, { finishFlush: zlib.constants.Z_SYNC_FLUSH, ...outputLimits(limit) }).length > limit
  } catch (error) {
    return errorCode(error) === 'ERR_BUFFER_TOO_LARGE'
  }
}

/** Measures bytes that are not gzip: an export may hold log files inflated. */
export function measurePlain(bytes: Uint8Array, limit: number): Measurement {
  const read = bytes.length
  if (read > limit) return { kind: 'too-large', limit, bytesRead: Math.min(read, blockEnd(limit)) }
  return plain(sha256Hex(bytes), read)
}

function blockEnd(offset: number): number {
  return (Math.floor(offset / BLOCK_BYTES) + 1) * BLOCK_BYTES
}

function plain(sha256: string, bytes: number): Measured {
  return { kind: 'measured', gzip: false, sha256, bytesRead: bytes, bytesInflated: bytes, trailing: null, damage: null }
}

class PlainMeasurer implements Measurer {
  readonly #hash = crypto.createHash('sha256')
  readonly #limit: number
  #bytesRead = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  add(block: Uint8Array): boolean {
    this.#bytesRead += block.length
    if (this.#bytesRead <= this.#limit) this.#hash.update(block)
    return this.#bytesRead <= this.#limit
  }

  end(): Measurement {
    if (this.#bytesRead > this.#limit) return { kind: 'too-large', limit: this.#limit, bytesRead: this.#bytesRead }
    return plain(this.#hash.digest('hex'), this.#bytesRead)
  }

  release(): void {}
}

/** A measurer for one gzip member, by zlib's public stream. */
export function openCarefulMeasurer(limit: number): Measurer {
  return new CarefulMeasurer(limit)
}

/** Measures a stream, with `openMember` for gzip. */
export async function measureInBlocks(
  chunks: AsyncIterable<Uint8Array>,
  limit: number,
  openMember: () => Measurer,
): Promise<Measurement> {
  let measurer: Measurer | undefined
  try {
    for await (const block of inBlocks(chunks, storedLimit(limit))) {
      if (block === 'cut') return measurer ? measurer.end(true) : damaged('empty', 0)
      measurer ??= isGzip(block) ? openMember() : new PlainMeasurer(limit)
      if (!(await measurer.add(block))) return measurer.end(false)
    }
    return measurer ? measurer.end(false) : damaged('empty', 0)
  } finally {
    measurer?.release()
  }
}

/** Buffers for blocks joined from chunks: most files are small, and a new buffer would cost more than hashing them. */
const spareBlocks: Uint8Array[] = []
const SPARE_BLOCKS = 8

/** Chunks cut and joined to blocks; `cut` after `most` bytes (a whole number of blocks) if there are more. */
async function* inBlocks(chunks: AsyncIterable<Uint8Array>, most: number): AsyncGenerator<Uint8Array | 'cut', void, void> {
  const joined = spareBlocks.pop() ?? new Uint8Array(BLOCK_BYTES)
  try {
    let filled = 0
    let given = 0
    for await (const chunk of chunks) {
      for (let at = 0; at < chunk.length; ) {
        if (given === most) return yield 'cut'
        const part = chunk.subarray(at, at + BLOCK_BYTES - filled)
        at += part.length
        if (part.length < BLOCK_BYTES) joined.set(part, filled)
        filled += part.length
        if (filled < BLOCK_BYTES) continue
        yield part.length === BLOCK_BYTES ? part : joined
        filled = 0
        given += BLOCK_BYTES
      }
    }
    if (filled > 0) yield joined.subarray(0, filled)
  } finally {
    if (spareBlocks.length < SPARE_BLOCKS) spareBlocks.push(joined)
  }
}

/** A gzip member inflated by zlib's public stream. */
class CarefulMeasurer implements Measurer {
  readonly #header = new HeaderReader()
  readonly #trailer = new TrailerReader()
  readonly #data: RawStream
  readonly #limit: number
  #bytesRead = 0

  constructor(limit: number) {
    this.#limit = limit
    this.#data = new RawStream(limit)
  }

  async add(block: Uint8Array): Promise<boolean> {
    this.#bytesRead += block.length
    let at = this.#header.read(block, 0)
    if (this.#header.part !== 'done') return true
    if (this.#data.state === 'open') at += await this.#data.add(block.subarray(at))
    if (this.#data.state === 'ended') this.#trailer.read(block, at)
    return this.#data.state !== 'too-large'
  }

  end(cut: boolean): Measurement {
    const damage = this.#damage()
    if (this.#data.state === 'too-large' || (damage === 'truncated' && cut)) return this.#tooLarge()
    const trailing = this.#trailer.trailing(this.#bytesRead)
    if (damage) return damaged(damage, this.#bytesRead, trailing)
    const { bytesInflated } = this.#data
    const sha256 = this.#data.hash.digest('hex')
    return { kind: 'measured', gzip: true, sha256, bytesRead: this.#bytesRead, bytesInflated, trailing, damage: null }
  }

  release(): void {
    this.#data.close()
  }

  #tooLarge(): TooLarge {
    return { kind: 'too-large', limit: this.#limit, bytesRead: this.#bytesRead }
  }

  #damage(): Damage | null {
    if (this.#header.part === 'bad') return 'bad header'
    if (this.#data.state === 'bad') return 'bad deflate data'
    if (this.#data.state !== 'ended') return 'truncated'
    return this.#trailer.damage(this.#data.crc, this.#data.bytesInflated)
  }
}

/** Raw deflate data through zlib's stream, block by block. */
class RawStream {
  state: 'open' | 'ended' | 'bad' | 'too-large' = 'open'
  readonly hash: crypto.Hash = crypto.createHash('sha256')
  crc = 0
  bytesInflated = 0
  readonly #stream: zlib.InflateRaw
  readonly #limit: number
  #failure: unknown
  #wake: () => void = () => {}

  constructor(limit: number) {
    this.#limit = limit
    this.#stream = zlib.createInflateRaw({ chunkSize: outputLimits(limit).chunkSize })
    this.#stream.on('data', (bytes: Uint8Array) => this.#take(bytes))
    this.#stream.on('end', () => this.#become('ended'))
    this.#stream.on('error', (error) => {
      if (errorCode(error) !== 'Z_DATA_ERROR') this.#failure = error
      this.#become('bad')
    })
  }

  /** Answers how many of the bytes are deflate data. */
  async add(bytes: Uint8Array): Promise<number> {
    const before = this.#stream.bytesWritten
    // At the data's end the stream ends, and the callback of its last write never comes.
    // What a write inflates to may be handed out in the ticks after its callback; a turn of the loop brings them all.
    await new Promise<void>((resolve) => {
      this.#wake = () => setImmediate(resolve)
      this.#stream.write(bytes, () => this.#wake())
    })
    if (this.#failure) throw this.#failure
    return this.#stream.bytesWritten - before
  }

  close(): void {
    this.#stream.destroy()
  }

  #take(bytes: Uint8Array): void {
    if (this.state === 'too-large') return
    this.bytesInflated += bytes.length
    if (this.bytesInflated > this.#limit) this.#become('too-large')
    else {
      this.hash.update(bytes)
      this.crc = crc32(bytes, this.crc)
    }
  }

  #become(state: 'ended' | 'bad' | 'too-large'): void {
    if (this.state === 'open') this.state = state
    this.#wake()
  }
}
