/** Deflate data inflated by our assembly and by zlib. */
import * as zlib from 'node:zlib'
import { InflateAssembly } from '../../src/engine/inflate-assembly.js'

export interface Inflated {
  readonly bytes: Uint8Array
  readonly used: number
}

const assembly = InflateAssembly.open()
if (assembly === undefined) throw new Error('this Node has no WebAssembly')

/** What it inflates at most at a time. */
export const WINDOW_BYTES: number = assembly.window.length
const MOST = 8 * 2 ** 20

/** Null where it refuses. `most`: give up where there is more. */
export function byAssembly(data: Uint8Array, most = MOST): Inflated | null {
  if (assembly === undefined || !assembly.begin(data)) return null
  const slices: Uint8Array[] = []
  for (let left = most; ; ) {
    const length = assembly.inflate()
    left -= length
    if (length < 0 || left < 0) return null
    slices.push(Uint8Array.from(assembly.window.subarray(0, length)))
    if (assembly.isEnded) return { bytes: Buffer.concat(slices), used: assembly.inputUsed }
    // What sums up CRCs leaves the window other than it was.
    assembly.consumeCrc(length, 0)
  }
}

function byZlib(data: Uint8Array): Inflated | null {
  try {
    const answer: unknown = zlib.inflateRawSync(data, { info: true, maxOutputLength: MOST })
    const { buffer, engine } = answer as { buffer: Uint8Array; engine: { bytesWritten: number } }
    return { bytes: buffer, used: engine.bytesWritten }
  } catch {
    return null
  }
}

/** What is wrong with the assembly's answer: it may only ever say less than zlib. */
export function wrongByAssembly(data: Uint8Array): string | null {
  const [ours, theirs] = [byAssembly(data), byZlib(data)]
  if (ours === null) return null
  if (theirs === null) return 'inflates what zlib refuses'
  return ours.used === theirs.used && Buffer.compare(ours.bytes, theirs.bytes) === 0 ? null : 'inflates to something else'
}
