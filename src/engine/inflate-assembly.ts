/**
 * Inflates gzip files that are in memory as a whole, and sums up CRC-32s, by our own WebAssembly: `assembly/inflate.ts` says
 * how. zlib takes half as long again, for it must be able to stop and go on at every byte.
 *
 * What is inflated here is right; what is not is no news of the file, only a reason to look at it in another way.
 */
import { createHash, type Hash } from 'node:crypto'
import { crc32, sha256Hex, storedLimit, TrailerReader } from './gzip.js'
import { INFLATE_MODULE } from './inflate-module.js'

const HEADER_BYTES = 10
const TRAILER_BYTES = 8
/** A match of 258 bytes takes two bits at least. */
const MOST_RATIO = 1032

/** What `assembly/inflate.ts` exports, under the same names. */
interface AssemblyExports {
  readonly memory: { readonly buffer: ArrayBuffer }
  readonly WINDOW: { readonly value: number }
  readonly WINDOW_BYTES: { readonly value: number }
  readonly INPUT: { readonly value: number }
  readonly INPUT_BYTES: { readonly value: number }
  begin(length: number): void
  inflate(): number
  isEnded(): number
  inputUsed(): number
  fold(length: number, state: number): number
}

/** What a file's one member inflates to. */
export interface WholeMember {
  readonly sha256: string
  readonly bytesInflated: number
  readonly trailer: TrailerReader
}

export class InflateAssembly {
  /** The bytes of the last slice lie at its start. */
  readonly window: Uint8Array
  readonly #input: Uint8Array
  readonly #exports: AssemblyExports

  /** Undefined where there is no WebAssembly (`--jitless`) or no room for its memory. */
  static open(): InflateAssembly | undefined {
    const exports = instantiate(Buffer.from(INFLATE_MODULE, 'base64'))
    return exports && new InflateAssembly(exports)
  }

  private constructor(exports: AssemblyExports) {
    this.#exports = exports
    const { memory, WINDOW, WINDOW_BYTES, INPUT, INPUT_BYTES } = exports
    this.window = new Uint8Array(memory.buffer, WINDOW.value, WINDOW_BYTES.value)
    this.#input = new Uint8Array(memory.buffer, INPUT.value, INPUT_BYTES.value)
  }

  /** Measures a gzip file of one member. Undefined where anything else is there, or it inflates to more than `limit` bytes. */
  measure(file: Uint8Array, limit: number): WholeMember | undefined {
    const trailer = this.#begin(file)
    if (trailer === undefined || trailer.length > limit || file.length > storedLimit(limit)) return undefined
    let [bytesInflated, crc, sha256] = [0, 0, '']
    let hash: Hash | undefined
    for (let ended = false; !ended; ) {
      const bytes = this.inflate()
      bytesInflated += bytes
      if (bytes < 0 || bytesInflated > trailer.length) return undefined
      ended = this.isEnded
      const slice = this.window.subarray(0, bytes)
      if (ended && hash === undefined) sha256 = sha256Hex(slice)
      else {
        hash ??= createHash('sha256')
        hash.update(slice)
        if (ended) sha256 = hash.digest('hex')
      }
      crc = this.consumeCrc(bytes, crc)
    }
    return this.#isAll(file, trailer, bytesInflated, crc) ? { sha256, bytesInflated, trailer } : undefined
  }

  /** Inflates a gzip file of one member. Undefined where anything else is there, or it inflates to more than `limit` bytes. */
  inflateWhole(file: Uint8Array, limit: number): Uint8Array | undefined {
    const trailer = this.#begin(file)
    // What no deflate data of this length can inflate to is not to cost the memory for it.
    if (trailer === undefined || trailer.length > Math.min(limit, file.length * MOST_RATIO)) return undefined
    const whole = new Uint8Array(trailer.length)
    let [bytesInflated, crc] = [0, 0]
    for (let ended = false; !ended; ) {
      const bytes = this.inflate()
      if (bytes < 0 || bytesInflated + bytes > whole.length) return undefined
      ended = this.isEnded
      whole.set(this.window.subarray(0, bytes), bytesInflated)
      bytesInflated += bytes
      crc = this.consumeCrc(bytes, crc)
    }
    return this.#isAll(file, trailer, bytesInflated, crc) ? whole : undefined
  }

  /** Answers the trailer. Undefined where this is no file for it. */
  #begin(file: Uint8Array): TrailerReader | undefined {
    const trailerAt = file.length - TRAILER_BYTES
    // CloudTrail's own headers have no optional fields.
    const isPlain = file[0] === 0x1f && file[1] === 0x8b && file[2] === 8 && file[3] === 0
    if (!isPlain || trailerAt < HEADER_BYTES || !this.begin(file.subarray(HEADER_BYTES, trailerAt))) return undefined
    const trailer = new TrailerReader()
    trailer.read(file, trailerAt)
    return trailer
  }

  #isAll(file: Uint8Array, trailer: TrailerReader, bytes: number, crc: number): boolean {
    return bytes === trailer.length && crc === trailer.crc && HEADER_BYTES + this.inputUsed + TRAILER_BYTES === file.length
  }

  /** Takes deflate data, and what may follow them. False: they are too long. */
  begin(data: Uint8Array): boolean {
    if (data.length > this.#input.length) return false
    this.#input.set(data)
    this.#exports.begin(data.length)
    return true
  }

  /** Inflates the next slice to the window. Answers how many bytes it has; -1: the data are not whole, or not right. */
  inflate(): number {
    return this.#exports.inflate()
  }

  /** Whether the last slice was the data's last. */
  get isEnded(): boolean {
    return this.#exports.isEnded() !== 0
  }

  /** How many bytes of what it took were deflate data, once they ended. */
  get inputUsed(): number {
    return this.#exports.inputUsed()
  }

  /** CRC-32 of the window's first bytes, going on from `value`. They are not the same afterwards. */
  consumeCrc(length: number, value: number): number {
    const from = this.#exports.fold(length, ~value)
    return crc32(this.window.subarray(from, length), from === 0 ? value : 0xffffffff)
  }
}

function instantiate(bytes: Uint8Array): AssemblyExports | undefined {
  const api: unknown = Reflect.get(globalThis, 'WebAssembly')
  if (!isWebAssembly(api)) return undefined
  try {
    const { exports } = new api.Instance(new api.Module(bytes))
    return isAssemblyExports(exports) ? exports : undefined
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

function isAssemblyExports(exports: unknown): exports is AssemblyExports {
  return typeof exports === 'object' && exports !== null && 'memory' in exports && 'inflate' in exports && 'fold' in exports
}
