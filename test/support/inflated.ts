/** Deflate data inflated by our assembly and by zlib. */
import * as zlib from 'node:zlib'
import { InflateAssembly } from '../../src/engine/inflate-assembly.js'

export interface Inflated {
  readonly bytes: Uint8Array
  readonly used: number
}

const assembly = InflateAssembly.open()
if (assembly === undefined) throw new Error('this Node has no WebAssembly')

/** What it may inflate to at most. */
export const ROOM: number = assembly.window.length

export function byAssembly(data: Uint8Array, room = ROOM): Inflated | null {
  const length = assembly?.inflate(data, room) ?? -1
  return length < 0 ? null : { bytes: Buffer.from(assembly?.window.subarray(0, length) ?? []), used: assembly?.inputUsed ?? -1 }
}

function byZlib(data: Uint8Array): Inflated | null {
  try {
    const answer: unknown = zlib.inflateRawSync(data, { info: true, maxOutputLength: ROOM })
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
