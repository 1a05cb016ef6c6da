/**
 * The fast way to measure. A file of at most a megabyte that is as it should be is inflated by WebAssembly, any other by zlib's
 * own handle, called directly and used again and again. Both inflate into one window that all streams of a thread share. Every
 * verdict is the same as in `gzip.ts`, whose reading of header, trailer and tail it uses.
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
  type Inflated,
  type Measurer,
  measureCarefully,
  sha256Hex,
  storedLimit,
  TrailerReader,
} from './gzip.js'
import { InflateAssembly } from './inflate-assembly.js'

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
  readonly assembly: InflateAssembly | undefined
  readonly window: Uint8Array
  readonly #free: RawInflater[] = []

  constructor(assembly: InflateAssembly | undefined) {
    this.assembly = assembly
    this.window = assembly ? assembly.window.subarray(0, WINDOW_BYTES) : new Uint8Array(WINDOW_BYTES)
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
    return this.assembly ? this.assembly.consumeCrc(bytes.length, value) : crc32(bytes, value)
  }
}

let workshop: Workshop | null | undefined

function workshopHere(): Workshop | null {
  if (workshop === undefined) workshop = openWorkshop('with assembly') ?? openWorkshop('zlib alone')
  return workshop
}

/** A measurer for one gzip member; null where Node's internals are not what they were. */
export function openFastMeasurer(limit: number): FastMeasurer | null {
  const workshop = workshopHere()
  return workshop && new FastMeasurer(workshop, limit)
}

/** What a file's one member inflates to, where all is as it should be. Undefined: nothing is said of it. */
export function inflateFast(file: Uint8Array, limit: number): Inflated | undefined {
  const bytes = workshopHere()?.assembly?.inflateWhole(file, limit)
  return bytes && { kind: 'inflated', bytes, trailing: null }
}

export class FastMeasurer implements Measurer {
  bytesInflated = 0
  readonly #workshop: Workshop
  readonly #limit: number
  #trailer = new TrailerReader()
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
  }

  add(block: Uint8Array): boolean {
    if (this.#bytesRead === 0 && block.length < BLOCK_BYTES && this.addWhole(block)) return true
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

  /** A whole file at once, if it is as it should be. Else nothing was done. */
  addWhole(file: Uint8Array): boolean {
    const whole = this.#workshop.assembly?.measure(file, this.#limit)
    if (whole === undefined) return false
    this.#state = 'ended'
    this.#trailer = whole.trailer
    this.#crc = whole.trailer.crc
    this.#sha256 = whole.sha256
    this.#bytesRead = file.length
    this.bytesInflated = whole.bytesInflated
    return true
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
    this.#inflater ??= this.#workshop.takeInflater()
    const inflater = this.#inflater
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
    if (measurer.addWhole(bytes)) return measurer.end(false)
    const most = storedLimit(limit)
    for (let at = 0; at < bytes.length && at < most; at += BLOCK_BYTES) {
      if (!measurer.add(bytes.subarray(at, at + BLOCK_BYTES))) break
    }
    return measurer.end(bytes.length > most)
  } finally {
    measurer.release()
  }
}

/** Null where internals do not do what they should. Exported for its test. */
export function openWorkshop(kind: 'with assembly' | 'zlib alone'): Workshop | null {
  try {
    const assembly = kind === 'with assembly' ? InflateAssembly.open() : undefined
    if (kind === 'with assembly' && !assembly) return null
    const candidate = new Workshop(assembly)
    return agreesWithCarefulWay(candidate) ? candidate : null
  } catch {
    // Whatever internals throw, the public way remains.
    return null
  }
}

function withName(member: Uint8Array): Uint8Array {
  return Buffer.concat([Uint8Array.of(0x1f, 0x8b, 8, 8), member.subarray(4, 10), Buffer.from('a\0'), member.subarray(10)])
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
  const stored = zlib.gzipSync(text.subarray(0, 500), { level: 0 })
  const fixed = zlib.gzipSync(text.subarray(0, 5000), { strategy: zlib.constants.Z_FIXED })
  const wholes = [small, stored, fixed, zlib.gzipSync(text.subarray(39_000, 60_000), { level: 6 })]
  const bad = [damagedData, cut, Buffer.concat([small, small]), wrongCrc, small.subarray(0, -1)]
  // What has a name in its header is not for the assembly.
  const members = [...wholes, ...bad, large, withName(small), withName(large), small]
  const limit = 2 ** 20
  return members.every((member) => {
    const fast = measureFast(new FastMeasurer(candidate, limit), member, limit)
    return JSON.stringify(fast) === JSON.stringify(measureCarefully(member, limit))
  })
}
