/** A temporary file without a name, for bytes that come as a stream and are read anywhere. */
import { closeSync, mkdtempSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { VerifyTrailError } from '../errors.js'

export interface SpooledBytes {
  readonly file: number
  readonly size: number
  /** Why the stream broke off; null where it came whole. */
  readonly damage: string | null
}

/** Left free on the disk. */
const LEFT_FREE = 512 * 1024 * 1024
const CHECK_EACH = 64 * 1024 * 1024

export interface SpoolOptions {
  /** As errors name it. */
  readonly name: string
  readonly signal?: AbortSignal | undefined
  /** Called with all bytes so far; throws where there are too many. */
  readonly check?: (bytes: number) => void
}

/**
 * Writes a stream away. Nobody else can open the file, and it is gone with the process, however that ends. A stream that breaks off
 * is kept as far as it came. Rejects where the disk has no room.
 */
export async function spool(chunks: AsyncIterable<Uint8Array>, options: SpoolOptions): Promise<SpooledBytes> {
  const { name, signal, check } = options
  const file = openUnnamed()
  let size = 0
  let checked = -CHECK_EACH
  try {
    for await (const chunk of survive(chunks)) {
      if (chunk instanceof Broken) return { file, size, damage: chunk.reason }
      signal?.throwIfAborted()
      if (size - checked >= CHECK_EACH) {
        checked = size
        checkRoom(name)
        check?.(size)
      }
      for (let written = 0; written < chunk.length; ) written += writeSync(file, chunk, written)
      size += chunk.length
    }
    return { file, size, damage: null }
  } catch (error) {
    closeSync(file)
    throw isFull(error) ? noRoom(name, error) : error
  }
}

class Broken {
  readonly reason: string

  constructor(reason: string) {
    this.reason = reason
  }
}

/** The chunks, and instead of an error what it says. */
async function* survive(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array | Broken> {
  try {
    yield* chunks
  } catch (error) {
    yield new Broken(error instanceof Error ? error.message : String(error))
  }
}

function openUnnamed(): number {
  const folder = mkdtempSync(join(tmpdir(), 'verify-trail-'))
  try {
    return openSync(join(folder, 'spool'), 'wx+', 0o600)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function checkRoom(name: string): void {
  const { bavail, bsize } = statfsSync(tmpdir())
  if (bavail * bsize < LEFT_FREE) throw noRoom(name, undefined)
}

function isFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')
}

function noRoom(name: string, cause: unknown): VerifyTrailError {
  const message = `${JSON.stringify(name)} is unpacked once into a temporary file, and ${tmpdir()} has no room for it: set TMPDIR to a larger disk, or give an archive that is not compressed`
  return new VerifyTrailError('ERR_SOURCE', message, { cause })
}
