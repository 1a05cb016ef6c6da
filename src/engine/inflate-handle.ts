/**
 * The fast way to measure: zlib's own handle, called directly and used again and again, inflates into one window that all
 * streams of a thread share. Every verdict is the same as in `gzip.ts`, whose reading of header, trailer and tail it uses.
 *
 * All use of what Node does not document is in this file: `_handle` and its `reset`, `writeSync` and `onerror`, and
 * `_writeState`. It is tested once, at first use, against the careful way; where anything differs it is not used.
 */
import * as crypto from 'node:crypto'
import * as zlib from 'node:zlib'
import type { Damage, Measurement } from '../core/measurement.js'
import {
  BLOCK_BYTES,
  crc32,
  damaged,
  HeaderReader,
  type Measurer,
  measureCarefully,
  sha256Hex,
  storedLimit,
  TrailerReader,
} from './gzip.js'

/** Large enough that calls cost nothing beside the work, small enough to stay in a core's cache while three readers pass. */
const WINDOW_BYTES = 256 * 1024
const HANDLES_KEPT = 8

interface Handle {
  reset(): void
  writeSync(
    flush: number,
    input: Uint8Array,
    inputOffset: number,
    inputLength: number,
    output: Uint8Array,
    outputOffset: number,
    outputLength: number,
  ): void
  onerror: (message: string, errno: number, code: string) => void
}

interface Internals {
  readonly _handle: Handle
  /** After each write: the output bytes left free, the input bytes left over. */
  readonly _writeState: Uint32Array
}

function hasInternals(stream: unknown): stream is Internals {
  if (typeof stream !== 'object' || stream === null || !('_handle' in stream) || !('_writeState' in stream)) return false
  const handle = stream._handle
  if (typeof handle !== 'object' || handle === null || !('reset' in handle) || !('writeSync' in handle)) return false
  const callable = typeof handle.reset === 'function' && typeof handle.writeSync === 'function' && 'onerror' in handle
  return callable && stream._writeState instanceof Uint32Array && stream._writeState.length === 2
}

/** One zlib state. Holds a member's progress between calls, and nothing of its output. */
export class RawInflater {
  /** Set by the last write; zlib's name of what is wrong. */
  error: string | undefined
  freeOutput = 0
  leftInput = 0
  readonly #handle: Handle
  readonly #writeState: Uint32Array
  /** Keeps the handle from being closed with its stream. */
  readonly owner: unknown

  constructor() {
    const stream: unknown = zlib.createInflateRaw({ chunkSize: 64 })
    if (!hasInternals(stream)) throw new TypeError('zlib streams have no handle to write to')
    this.owner = stream
    this.#handle = stream._handle
    this.#writeState = stream._writeState
    // The stream's own listener would report an error ticks later and close the handle: until then damaged data look
    // fine, and after it the next write ends the process. So the handle tells us, at once, and lives on.
    this.#handle.onerror = (_message, _errno, code) => {
      this.error = code
    }
  }

  reset(): void {
    this.error = undefined
    this.#handle.reset()
  }

  write(input: Uint8Array, at: number, output: Uint8Array, room: number): void {
    this.#handle.writeSync(0 /* Z_NO_FLUSH */, input, at, input.length - at, output, 0, room)
    this.freeOutput = this.#writeState[0] ?? 0
    this.leftInput = this.#writeState[1] ?? 0
  }
}

/** What a thread needs once: the window, and handles that wait for their next member. */
export class Workshop {
  readonly window: Uint8Array
  readonly #fold: Fold | undefined
  readonly #free: RawInflater[] = []

  constructor(fold: Fold | undefined) {
    this.#fold = fold
    this.window = fold ? fold.window : new Uint8Array(WINDOW_BYTES)
    this.#free.push(new RawInflater())
  }

  takeInflater(): RawInflater {
    const inflater = this.#free.pop() ?? new RawInflater()
    inflater.reset()
    return inflater
  }

  giveBack(inflater: RawInflater): void {
    if (this.#free.length < HANDLES_KEPT) this.#free.push(inflater)
  }

  /** CRC-32 of the window's first bytes. They are not the same afterwards. */
  consumeCrc(bytes: Uint8Array, value: number): number {
    return this.#fold ? this.#fold.crc32(bytes.length, value) : crc32(bytes, value)
  }
}

let workshop: Workshop | null | undefined

/** A measurer for one gzip member; null where Node's internals are not what they were. */
export function openFastMeasurer(limit: number): FastMeasurer | null {
  if (workshop === undefined) workshop = openWorkshop('folded') ?? openWorkshop('by zlib')
  return workshop && new FastMeasurer(workshop, limit)
}

export class FastMeasurer implements Measurer {
  bytesInflated = 0
  readonly #workshop: Workshop
  readonly #limit: number
  readonly #trailer = new TrailerReader()
  #inflater: RawInflater | undefined
  #header: HeaderReader | undefined
  #state: 'header' | 'data' | 'ended' | 'bad header' | 'bad deflate data' | 'too-large' = 'header'
  #bytesRead = 0
  #crc = 0
  #hash: crypto.Hash | undefined
  #sha256 = ''

  constructor(workshop: Workshop, limit: number) {
    this.#workshop = workshop
    this.#limit = limit
    this.#inflater = workshop.takeInflater()
  }

  add(block: Uint8Array): boolean {
    this.#bytesRead += block.length
    let at = 0
    if (this.#state === 'header') at = this.#readHeader(block)
    if (this.#state === 'data') at = this.#inflate(block, at)
    if (this.#state === 'ended') this.#trailer.read(block, at)
    return this.#state !== 'too-large'
  }

  end(cut: boolean): Measurement {
    const damage = this.#damage()
    const bytesRead = this.#bytesRead
    if (this.#state === 'too-large' || (cut && damage === 'truncated'))
      return { kind: 'too-large', limit: this.#limit, bytesRead }
    const trailing = this.#trailer.trailing(bytesRead)
    if (damage) return damaged(damage, bytesRead, trailing)
    const { bytesInflated } = this
    return { kind: 'measured', gzip: true, sha256: this.#sha256, bytesRead, bytesInflated, trailing, damage: null }
  }

  release(): void {
    if (this.#inflater) this.#workshop.giveBack(this.#inflater)
    this.#inflater = undefined
  }

  #damage(): Damage | null {
    switch (this.#state) {
      case 'ended':
        return this.#trailer.damage(this.#crc, this.bytesInflated)
      case 'bad header':
      case 'bad deflate data':
        return this.#state
      case 'header':
      case 'data':
      case 'too-large':
        return 'truncated'
    }
  }

  #readHeader(block: Uint8Array): number {
    // CloudTrail's own headers have no optional fields. Their ten bytes are looked at without the general reader's state.
    if (this.#header === undefined && block.length >= 10 && block[2] === 8 && block[3] === 0) {
      this.#state = 'data'
      return 10
    }
    this.#header ??= new HeaderReader()
    const at = this.#header.read(block, 0)
    if (this.#header.part === 'done') this.#state = 'data'
    if (this.#header.part === 'bad') this.#state = 'bad header'
    return at
  }

  /** Inflates and sums up what it can; nothing stays in the window. Answers where it stopped. */
  #inflate(block: Uint8Array, start: number): number {
    const { window } = this.#workshop
    const inflater = this.#inflater
    if (!inflater) throw new Error('a released measurer was used')
    for (let at = start; ; ) {
      // One byte beyond the limit tells that it is passed.
      const room = Math.min(WINDOW_BYTES, this.#limit - this.bytesInflated + 1)
      inflater.write(block, at, window, room)
      if (inflater.error !== undefined) return this.#fail(inflater.error, block)
      at = block.length - inflater.leftInput
      // zlib leaves both output and input only behind the data's last block.
      const ended = inflater.freeOutput > 0 && inflater.leftInput > 0
      this.#take(room - inflater.freeOutput, ended)
      if (this.#state !== 'data' || inflater.freeOutput > 0) return at
    }
  }

  #fail(error: string, block: Uint8Array): number {
    if (error !== 'Z_DATA_ERROR') throw new Error(`zlib failed: ${error}`)
    this.#state = 'bad deflate data'
    return block.length
  }

  #take(bytes: number, ended: boolean): void {
    this.bytesInflated += bytes
    if (this.bytesInflated > this.#limit) {
      this.#state = 'too-large'
      return
    }
    if (ended) this.#state = 'ended'
    const output = bytes === WINDOW_BYTES ? this.#workshop.window : this.#workshop.window.subarray(0, bytes)
    if (ended && !this.#hash) this.#sha256 = sha256Hex(output)
    else {
      this.#hash ??= crypto.createHash('sha256')
      this.#hash.update(output)
      if (ended) this.#sha256 = this.#hash.digest('hex')
    }
    if (bytes > 0) this.#crc = this.#workshop.consumeCrc(output, this.#crc)
  }
}

/** Measures bytes that were read whole. Memory does not grow with what they inflate to. */
export function measureFast(measurer: FastMeasurer, bytes: Uint8Array, limit: number): Measurement {
  try {
    if (bytes.length <= BLOCK_BYTES) {
      measurer.add(bytes)
      return measurer.end(false)
    }
    const most = storedLimit(limit)
    for (let at = 0; at < bytes.length && at < most; at += BLOCK_BYTES) {
      if (!measurer.add(bytes.subarray(at, at + BLOCK_BYTES))) break
    }
    return measurer.end(bytes.length > most)
  } finally {
    measurer.release()
  }
}

/*
 * CRC-32, several times quicker than by zlib's tables (Node is built without its vector code).
 *
 * Modulo the CRC's polynomial, x^(128*300) = x^(128*155) + x^(128*117) + x^(128*89) + 1. So 16 bytes may be taken out of a
 * message if they are added (XOR) to it 145, 183, 211 and 300 places of 16 bytes later. Doing so from the front, in place,
 * leaves a message whose CRC is the same and of which only the last 300 places are not zero: zlib's tables do those.
 * (Sam Russell, "Chorba: A novel CRC32 implementation", arXiv 2412.16398.) A wrong rule could not pass the test at first use.
 */
const PLACE = 16
const DISTANCES = [145 * PLACE, 183 * PLACE, 211 * PLACE, 300 * PLACE] as const
const FARTHEST = 300 * PLACE
/** Zeros, never written, before the window: what the first places find behind them. */
const WINDOW_START = 8192
const PAGE_BYTES = 65536

export interface Fold {
  readonly window: Uint8Array
  /** CRC-32 of the window's first bytes, going on from `value`. They are not the same afterwards. */
  crc32(length: number, value: number): number
}

interface FoldExports {
  readonly memory: { readonly buffer: ArrayBuffer }
  /** Adds to each place from `to` up to `end` those at all four distances before it. */
  foldAll(to: number, end: number): void
  /** Adds to each place from `to` up to `end` the one `distance` before it. */
  foldOne(to: number, end: number, distance: number): void
}

function openFold(): Fold | undefined {
  const exports = instantiate(foldModule())
  if (!exports) return undefined
  const window = new Uint8Array(exports.memory.buffer, WINDOW_START, WINDOW_BYTES)
  return { window, crc32: (length, value) => foldedCrc(exports, window, length, value) }
}

function foldedCrc(wasm: FoldExports, window: Uint8Array, length: number, value: number): number {
  const places = length - (length % PLACE)
  const kept = places - FARTHEST
  if (kept < FARTHEST) return crc32(window.subarray(0, length), value)
  // A CRC that goes on is the CRC of a message with what it had come to added to the first four bytes.
  const state = ~value
  for (let i = 0; i < 4; i++) window[i] = (window[i] ?? 0) ^ (state >>> (8 * i))
  const keptAt = WINDOW_START + kept
  wasm.foldAll(WINDOW_START, keptAt)
  for (const distance of DISTANCES) wasm.foldOne(keptAt, keptAt + distance, distance)
  // All ones: zlib starts from the complement, and what was summed so far is in the message already.
  return crc32(window.subarray(kept, length), 0xffffffff)
}

/** Undefined where there is no WebAssembly (`--jitless`), or no room for its memory. */
function instantiate(bytes: Uint8Array): FoldExports | undefined {
  const api: unknown = Reflect.get(globalThis, 'WebAssembly')
  if (!isWebAssembly(api)) return undefined
  try {
    const { exports } = new api.Instance(new api.Module(bytes))
    return isFoldExports(exports) ? exports : undefined
  } catch {
    return undefined
  }
}

interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (module: object) => { readonly exports: unknown }
}

function isWebAssembly(api: unknown): api is WebAssemblyApi {
  return typeof api === 'object' && api !== null && 'Module' in api && 'Instance' in api
}

function isFoldExports(exports: unknown): exports is FoldExports {
  if (typeof exports !== 'object' || exports === null) return false
  return 'memory' in exports && 'foldAll' in exports && 'foldOne' in exports
}

/** The WebAssembly module of the two functions, spelled out. */
function foldModule(): Uint8Array {
  const I32 = 0x7f
  const pages = Math.ceil((WINDOW_START + WINDOW_BYTES) / PAGE_BYTES)
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [2, 0x60, 2, I32, I32, 0, 0x60, 3, I32, I32, I32, 0]),
    ...section(3, [2, 0, 1]),
    ...section(5, [1, 0, ...leb(pages)]),
    ...section(7, [3, ...named('memory', 2, 0), ...named('foldAll', 0, 0), ...named('foldOne', 0, 1)]),
    ...section(10, [2, ...body(foldAllCode()), ...body(foldOneCode())]),
  ])
}

const TO = 0
const END = 1
const DISTANCE = 2
const LOOP = [0x03, 0x40]
const LOOP_AGAIN_IF = [0x0d, 0]
const END_CODE = 0x0b
const I32_LT_U = 0x49
const I32_SUB = 0x6b
const V128_XOR = [0xfd, 0x51]

/** do { mem[to] ^= mem[to - d1] ^ … ^ mem[to - d4]; to += 16 } while (to < end) */
function foldAllCode(): number[] {
  // An address plus a constant costs nothing, minus one does: all are taken from the farthest place.
  const farthest = [...get(TO), ...constant(FARTHEST), I32_SUB]
  const behind = DISTANCES.flatMap((distance) => [...farthest, ...load(FARTHEST - distance), ...V128_XOR])
  const place = [...farthest, ...farthest, ...load(FARTHEST), ...behind, ...store(FARTHEST)]
  return [...LOOP, ...place, ...nextPlace(), ...LOOP_AGAIN_IF, END_CODE]
}

/** do { mem[to] ^= mem[to - distance]; to += 16 } while (to < end) */
function foldOneCode(): number[] {
  const behind = [...get(TO), ...get(DISTANCE), I32_SUB, ...load(0)]
  return [
    ...LOOP,
    ...get(TO),
    ...get(TO),
    ...load(0),
    ...behind,
    ...V128_XOR,
    ...store(0),
    ...nextPlace(),
    ...LOOP_AGAIN_IF,
    END_CODE,
  ]
}

/** to += 16, and whether it is before `end` */
function nextPlace(): number[] {
  const [I32_ADD, LOCAL_TEE] = [0x6a, 0x22]
  return [...get(TO), ...constant(PLACE), I32_ADD, LOCAL_TEE, TO, ...get(END), I32_LT_U]
}

function get(local: number): number[] {
  return [0x20, local]
}

function constant(value: number): number[] {
  // Signed: a positive number must not end in a byte whose seventh bit is set.
  const bytes = leb(value)
  return (bytes.at(-1) ?? 0) & 0x40 ? [0x41, ...bytes.slice(0, -1), (bytes.at(-1) ?? 0) | 0x80, 0] : [0x41, ...bytes]
}

function load(offset: number): number[] {
  return [0xfd, 0x00, 4, ...leb(offset)]
}

function store(offset: number): number[] {
  return [0xfd, 0x0b, 4, ...leb(offset)]
}

/** An unsigned number as WebAssembly writes it: seven bits a byte, low ones first. */
function leb(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...leb(value >>> 7)]
}

function section(id: number, content: readonly number[]): number[] {
  return [id, ...leb(content.length), ...content]
}

function named(name: string, kind: number, index: number): number[] {
  return [name.length, ...Buffer.from(name), kind, index]
}

function body(code: readonly number[]): number[] {
  return [...leb(code.length + 2), 0, ...code, END_CODE]
}

/** Null where internals do not do what they should. Exported for its test. */
export function openWorkshop(crc: 'folded' | 'by zlib'): Workshop | null {
  try {
    const fold = crc === 'folded' ? openFold() : undefined
    if (crc === 'folded' && !fold) return null
    const candidate = new Workshop(fold)
    return agreesWithCarefulWay(candidate) ? candidate : null
  } catch {
    // Whatever internals throw, the public way remains.
    return null
  }
}

/** Members good and bad, over several windows and blocks, each after the other on one handle. */
function agreesWithCarefulWay(candidate: Workshop): boolean {
  // Letters, of which two make a byte: more than a block, since they come again farther away than deflate looks. The rest is quick to deflate.
  const text = Buffer.alloc(2 * WINDOW_BYTES + 1000)
  for (let i = 0, seed = 1; i < 40_000; i++) {
    seed = (Math.imul(seed, 1103515245) + 12345) | 0
    text[i] = 97 + ((seed >>> 16) & 15)
  }
  for (const at of [40_000, 80_000, 120_000]) text.copyWithin(at, 0, 40_000)
  const large = zlib.gzipSync(text, { level: 1 })
  const small = zlib.gzipSync(text.subarray(0, 20_000), { level: 1 })
  const damagedData = Uint8Array.from(small)
  damagedData.fill(0xff, 500, 600)
  const wrongCrc = Uint8Array.from(small, (byte, i) => (i === small.length - 8 ? byte ^ 1 : byte))
  const cut = small.subarray(0, small.length - 9)
  const members = [small, damagedData, large, cut, Buffer.concat([small, small]), wrongCrc, small.subarray(0, -1), small]
  return members.every((member) => {
    const limit = 2 ** 20
    const fast = measureFast(new FastMeasurer(candidate, limit), member, limit)
    return JSON.stringify(fast) === JSON.stringify(measureCarefully(member, limit))
  })
}
