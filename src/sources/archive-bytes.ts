/** An archive's bytes, open to be read anywhere: where they lie, or in a temporary file where they cannot be read anywhere else. */
import { closeSync, createReadStream, fstatSync, openSync, readSync, type Stats } from 'node:fs'
import { tmpdir } from 'node:os'
import { pipeline, Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import { VerifyTrailError } from '../errors.js'
import { archiveForm, cannotRead, HEAD_BYTES, inflater } from './archive-form.js'
import { changed, type Identified, IdentifiedFile, identified, stateOf } from './archive-identity.js'
import { HashedChunks } from './file-hash.js'
import { closeFile, type OpenFile, type OpenPart, readAtOf } from './read-at.js'
import { partsName } from './split-archive.js'
import { type SpooledBytes, spool } from './spool-file.js'
import { parseTarHeader } from './tar-header.js'

/** How an archive is opened. */
export interface ArchiveOptions {
  readonly signal?: AbortSignal
  /** Where `-` is read from. @default standard input */
  readonly input?: Readable
  /** Called before an archive is written to a temporary file, with what is to be said of that. */
  readonly onSpool?: (sentence: string) => void
}

/** A compressed archive that inflates to more, this many times its size, is a trap. */
const MOST_INFLATION = 200
const SMALL_ENOUGH = 1024 ** 3
const PIECE_BYTES = 256 * 1024
const SMALLER_PIECES = [512, 1]

export interface OpenBytes {
  readonly file: OpenFile
  readonly size: number
  readonly form: 'tar' | 'zip'
  readonly damage: string | null
  readonly identified: Identified
}

export async function openBytes(path: string, { signal, input, onSpool }: ArchiveOptions): Promise<OpenBytes> {
  const announce = (): void =>
    onSpool?.(`${path === '-' ? 'standard input' : path} is written to a temporary file in ${tmpdir()}, to be read anywhere`)
  if (path === '-') {
    announce()
    return fromStream(input ?? process.stdin, path, signal)
  }
  let file: number | undefined
  try {
    file = openSync(path, 'r')
  } catch (error) {
    throw cannotRead(path, `it cannot be opened (${error instanceof Error ? error.message : String(error)})`, error)
  }
  if (fstatSync(file).isFIFO()) {
    announce()
    return fromStream(createReadStream(path, { fd: file }), path, signal)
  }
  return openFile({ name: path, file, signal, announce })
}

/** Parts of one archive, as if they were one file. */
export async function openParts(paths: readonly string[], { signal, onSpool }: ArchiveOptions): Promise<OpenBytes> {
  const name = partsName(paths)
  const file: OpenPart[] = []
  const announce = (): void => onSpool?.(`${name} is written to a temporary file in ${tmpdir()}, to be read anywhere`)
  try {
    for (const path of paths) {
      const part = { file: openSync(path, 'r'), size: 0 }
      file.push(part)
      part.size = regularFile(part.file, path).size
    }
  } catch (error) {
    closeFile(file)
    if (error instanceof VerifyTrailError) throw error
    throw cannotRead(name, `it cannot be opened (${error instanceof Error ? error.message : String(error)})`, error)
  }
  return openFile({ name, file, signal, announce })
}

interface FileToOpen {
  readonly name: string
  readonly file: OpenFile
  readonly signal: AbortSignal | undefined
  readonly announce: () => void
}

/** Closes it where it is not kept. */
async function openFile({ name, file, signal, announce }: FileToOpen): Promise<OpenBytes> {
  let kept = false
  try {
    const size = sizeOf(file, name)
    const before = stateOf(file)
    const head = Buffer.alloc(HEAD_BYTES)
    const form = archiveForm(head.subarray(0, readAtOf(file)(head, 0)), name)
    if (form === 'zip' ? parseTarHeader(head) !== undefined : isZipToo(file, size, name))
      throw cannotRead(name, 'it is a tar and a zip, or named like one, at once: tools differ in what is in it')
    if (form !== 'tar' && form !== 'zip') announce()
    if (form !== 'tar' && form !== 'zip') return await inflateFile(file, size, form, name, signal)
    kept = true
    return { file, size, form, damage: null, identified: new IdentifiedFile(name, { file, size }, before) }
  } finally {
    if (!kept) closeFile(file)
  }
}

function sizeOf(file: OpenFile, name: string): number {
  return typeof file === 'number' ? regularFile(file, name).size : file.reduce((all, { size }) => all + size, 0)
}

function regularFile(file: number, path: string): Stats {
  const stats = fstatSync(file)
  if (!stats.isFile()) throw cannotRead(path, 'it is neither a file nor a pipe')
  return stats
}

/** Where it cannot be inflated to its end, it is hashed all the same. */
async function inflateFile(
  file: OpenFile,
  size: number,
  form: 'gzip' | 'zstd',
  path: string,
  signal: AbortSignal | undefined,
): Promise<OpenBytes> {
  const before = stateOf(file)
  const hashed = new HashedChunks()
  const inflating = { form, name: path, signal, packed: size }
  let spooled = await inflate(Readable.from(hashed.of(pieces(file))), inflating)
  // What was inflated of the piece with the damage is lost: again, with smaller ones from there on.
  for (const piece of SMALLER_PIECES) {
    if (spooled.damage === null) break
    closeSync(spooled.file)
    spooled = await inflate(Readable.from(pieces(file, { until: spooled.inflated, piece })), inflating)
  }
  if (spooled.damage === null && !areZeros(file, spooled.inflated, size))
    spooled = { ...spooled, damage: 'other bytes follow the zeros behind it' }
  const inflated = asTar(spooled, path)
  try {
    if (!hashed.isWhole)
      for await (const _ of hashed.of(pieces(file, { from: hashed.bytes }))) {
        await setImmediate()
        signal?.throwIfAborted()
      }
    if (stateOf(file) !== before) throw changed(path)
  } catch (error) {
    closeFile(inflated.file)
    throw error
  }
  return { ...inflated, identified: identifiedBy(hashed, path) }
}

function identifiedBy(hashed: HashedChunks, name: string): Identified {
  return identified({ name, bytes: hashed.bytes, sha256: hashed.sha256() })
}

/** Whether its name, or the record at its end, makes it a zip for others. */
function isZipToo(file: OpenFile, size: number, name: string): boolean {
  if (/\.zip$/i.test(name)) return true
  const end = Buffer.alloc(Math.min(size, ZIP_END_BYTES))
  const length = readAtOf(file)(end, size - end.length)
  for (let at = end.lastIndexOf(ZIP_END, length); at !== -1; at = at === 0 ? -1 : end.lastIndexOf(ZIP_END, at - 1)) {
    if (at + 22 <= length && at + 22 + end.readUInt16LE(at + 20) === length) return true
  }
  return false
}

const ZIP_END = Buffer.from('PK\x05\x06')
/** The record at its end, and the longest comment. */
const ZIP_END_BYTES = 22 + 0xffff

function areZeros(file: OpenFile, from: number, size: number): boolean {
  if (from >= size) return true
  for (const piece of pieces(file, { from })) if (piece.some((byte) => byte !== 0)) return false
  return true
}

interface Pieces {
  readonly from?: number
  /** From here on, each has `piece` bytes. */
  readonly until?: number
  readonly piece?: number
}

/** A stream over the file would close it. */
function* pieces(
  file: OpenFile,
  { from = 0, until = Number.POSITIVE_INFINITY, piece: small = PIECE_BYTES }: Pieces = {},
): Generator<Uint8Array> {
  const readAt = readAtOf(file)
  for (let at = from; ; ) {
    const piece = Buffer.allocUnsafeSlow(at < until ? Math.min(PIECE_BYTES, until - at) : small)
    const length = readAt(piece, at)
    if (length === 0) return
    at += length
    yield piece.subarray(0, length)
  }
}

/** A tar through a pipe, as it is or compressed. */
async function fromStream(stream: Readable, name: string, signal: AbortSignal | undefined): Promise<OpenBytes> {
  const hashed = new HashedChunks()
  const { head, rest } = await peek(stream, hashed)
  const form = archiveForm(head, name)
  if (form === 'zip') throw cannotRead(name, 'a zip has its directory at its end and cannot come through a pipe: save it first')
  const bytes =
    form === 'tar'
      ? { ...(await spool(rest, { name, signal })), form }
      : asTar(await inflate(rest, { form, name, signal, packed: undefined }), name)
  return { ...bytes, identified: identifiedBy(hashed, name) }
}

async function peek(stream: Readable, hashed: HashedChunks): Promise<{ head: Buffer; rest: Readable }> {
  const iterator: AsyncIterator<Buffer> = stream[Symbol.asyncIterator]()
  const first: Buffer[] = []
  let length = 0
  while (length < HEAD_BYTES) {
    const next = await iterator.next()
    if (next.done === true) break
    first.push(next.value)
    length += next.value.length
  }
  const begun = Buffer.concat(first)
  async function* rest(): AsyncGenerator<Buffer> {
    yield begun
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value
  }
  return { head: begun.subarray(0, HEAD_BYTES), rest: Readable.from(hashed.of(rest())) }
}

interface Inflating {
  readonly form: 'gzip' | 'zstd'
  readonly name: string
  readonly signal: AbortSignal | undefined
  /** Bytes of the whole, where that is known. */
  readonly packed: number | undefined
}

/** `inflated`: so many bytes of the stream, and all that came of them was kept. */
async function inflate(
  stream: Readable,
  { form, name, signal, packed }: Inflating,
): Promise<SpooledBytes & { readonly inflated: number }> {
  const out = inflater(form, name)
  let read = 0
  stream.on('data', (chunk: Buffer) => {
    read += chunk.length
  })
  // Errors reach whoever reads `out`; what is read must not be closed before all has ended.
  const ended = new Promise<void>((done) => {
    pipeline(stream, out, () => done())
  })
  const check = (bytes: number): void => {
    if (bytes < SMALL_ENOUGH || bytes < (packed ?? read) * MOST_INFLATION) return
    throw cannotRead(name, `it inflates to more than ${MOST_INFLATION} times its size: if it is meant to, give it inflated`)
  }
  const spooled = await spool(out, { name, signal, check }).finally(() => {
    out.destroy()
    return ended
  })
  return { ...spooled, inflated: out.bytesWritten }
}

function asTar({ file, size, damage }: SpooledBytes, name: string): Omit<OpenBytes, 'identified'> {
  const head = Buffer.alloc(HEAD_BYTES)
  const inner = head.subarray(0, readSync(file, head, 0, HEAD_BYTES, 0))
  try {
    if (archiveForm(inner, name) === 'tar') return { file, size, form: 'tar', damage }
  } catch {
    // Said below.
  }
  closeSync(file)
  throw cannotRead(name, damage === null ? 'it is compressed, and what is in it is no tar' : `it cannot be inflated (${damage})`)
}
