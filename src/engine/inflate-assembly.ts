/**
 * Inflates a gzip file that is in memory as a whole, and sums up CRC-32s, by our own WebAssembly: `assembly/inflate.ts` says
 * how. zlib takes half as long again for a small file, for it must be able to stop and go on at every byte.
 *
 * What is inflated here is right; what is not is no news of the file, only a reason to look at it in another way.
 */
import { crc32, TrailerReader } from './gzip.js'
import { INFLATE_MODULE } from './inflate-module.js'

const HEADER_BYTES = 10
const TRAILER_BYTES = 8

/** What `assembly/inflate.ts` exports, under the same names. */
interface AssemblyExports {
  readonly memory: { readonly buffer: ArrayBuffer }
  readonly WINDOW: { readonly value: number }
  readonly WINDOW_BYTES: { readonly value: number }
  readonly INPUT: { readonly value: number }
  readonly INPUT_BYTES: { readonly value: number }
  inflate(length: number, room: number): number
  inputUsed(): number
  fold(length: number, state: number): number
}

export class InflateAssembly {
  /** What was inflated lies at its start. */
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

  /**
   * Inflates the one member of a gzip file to the window. Answers its trailer: its length is that of what was inflated, its
   * CRC is still to be compared. Undefined where anything else is there, or more than `limit` bytes, or than there is room for.
   */
  inflateMember(file: Uint8Array, limit: number): TrailerReader | undefined {
    const trailerAt = file.length - TRAILER_BYTES
    // CloudTrail's own headers have no optional fields.
    const isPlain = file[0] === 0x1f && file[1] === 0x8b && file[2] === 8 && file[3] === 0
    if (!isPlain || trailerAt < HEADER_BYTES) return undefined
    const trailer = new TrailerReader()
    trailer.read(file, trailerAt)
    if (trailer.length > Math.min(this.window.length, limit)) return undefined
    const bytes = this.inflate(file.subarray(HEADER_BYTES, trailerAt), trailer.length)
    return bytes === trailer.length && this.inputUsed === trailerAt - HEADER_BYTES ? trailer : undefined
  }

  /** Inflates deflate data to the window. Answers to how many bytes; -1: they are not whole, not right, or to more than `room`. */
  inflate(data: Uint8Array, room: number): number {
    if (data.length > this.#input.length) return -1
    this.#input.set(data)
    return this.#exports.inflate(data.length, room)
  }

  /** How many bytes of the last data were deflate data. */
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
