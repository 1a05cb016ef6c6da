/** Reads members of an archive by their keys, at their place in it. */

import { Readable } from 'node:stream'
import { crc32, createInflateRaw, inflateRawSync } from 'node:zlib'
import { isOfCloudTrail } from '../core/digest-metadata.js'
import { type ArchiveIndex, DEFLATED, type Member } from './archive-index.js'
import { ANSWER, type ExportedRoot, parseAnswer } from './export-records.js'
import { isSafeKey } from './object-names.js'
import { type OpenFile, type ReadAt, readAtOf } from './read-at.js'
import { BodyError, type NoSuchObject, type ReadAnswer, type ReadOptions, type UnreadableObject } from './source.js'
import { attributesOf } from './tar-header.js'
import { readPaxAt } from './tar-members.js'

/** An archive that is open. Threads of one process share its file. */
export interface SharedArchive {
  /** As the user named it. */
  readonly name: string
  readonly file: OpenFile
  readonly size: number
  readonly isZip: boolean
  /** Why not all of it was read through; null where it was. */
  readonly damage: string | null
  /** Where `verify-trail export` wrote it: the folders of its sources. */
  readonly roots: readonly ExportedRoot[] | null
}

/** Larger members are handed out in chunks, so that memory stays flat. */
const WHOLE_MEMBER_LIMIT = 8 * 1024 * 1024
const CHUNK_BYTES = 1024 * 1024

/** A member that is read: its bytes as stored begin at `start`. */
interface Stored {
  readonly member: Member
  readonly start: number
  readonly length: number
}

export class ArchiveReader {
  readonly #archive: SharedArchive
  readonly #index: ArchiveIndex
  readonly #readAt: ReadAt
  #buffer: Uint8Array = new Uint8Array()
  #packed: Uint8Array = new Uint8Array()

  constructor(archive: SharedArchive, index: ArchiveIndex) {
    this.#archive = archive
    this.#index = index
    this.#readAt = readAtOf(archive.file)
  }

  /** With the metadata that a tar carries. */
  read(key: string, options: ReadOptions): ReadAnswer {
    const answer = this.#read(key, options, (size) => Buffer.allocUnsafeSlow(size))
    if (answer.kind !== 'object' || this.#archive.isZip) return answer
    const metadata = this.#attributes(this.#index.member(this.#index.find(key)))
    return !isOfCloudTrail(metadata) ? answer : { ...answer, metadata, metadataFrom: 'tar' }
  }

  /** A whole body is good until the next call. */
  readNow(key: string, options: ReadOptions): ReadAnswer {
    return this.#read(key, options, (size) => {
      // Fresh memory for every member costs more than reading it.
      if (size > this.#buffer.length) this.#buffer = Buffer.allocUnsafeSlow(Math.min(WHOLE_MEMBER_LIMIT, size * 2))
      return this.#buffer.subarray(0, size)
    })
  }

  /** What a store answered when it was exported. */
  recorded(member: Member): NoSuchObject | UnreadableObject {
    const answer = parseAnswer(this.#records(member)?.get(ANSWER))
    return answer ?? damaged('what is recorded of it cannot be read')
  }

  /** A record of a member; undefined where it has none. */
  record(key: string, name: string): Uint8Array | undefined {
    const position = this.#index.find(key)
    return position === -1 ? undefined : this.#records(this.#index.member(position))?.get(name)
  }

  #attributes(member: Member): Readonly<Record<string, string>> | undefined {
    const records = this.#records(member)
    return records === undefined ? undefined : attributesOf(records)
  }

  #records({ at, extra: blocksBefore }: Member): ReadonlyMap<string, Uint8Array> | undefined {
    return blocksBefore === 0 ? undefined : readPaxAt(this.#readAt, at - blocksBefore * 512, at)
  }

  #read(key: string, { size, signal }: ReadOptions, allocate: (size: number) => Uint8Array): ReadAnswer {
    const stored = this.#locate(key)
    if ('kind' in stored) return stored
    const { member } = stored
    if (size !== undefined && size !== member.size)
      return { kind: 'unreadable', reason: 'altered-in-transfer', detail: `expected ${size} bytes, found ${member.size}` }
    if (member.size > WHOLE_MEMBER_LIMIT || stored.length > WHOLE_MEMBER_LIMIT)
      return { kind: 'object', body: this.#chunks(stored, signal) }
    const body = member.form === DEFLATED ? this.#inflated(stored) : this.#bytes(stored, allocate(stored.length))
    if (body === undefined) return damaged(`its bytes are not the ${member.size} that were put in`)
    if (this.#archive.isZip && crc32(body) !== member.extra) return damaged('its checksum is not that of its bytes')
    return { kind: 'object', body }
  }

  #locate(key: string): Stored | Exclude<ReadAnswer, { readonly kind: 'object' }> {
    if (key === '' || (this.#archive.roots === null && !isSafeKey(key))) return { kind: 'unreadable', reason: 'unsafe-name' }
    const position = this.#index.find(key)
    if (position === -1) {
      const { damage, roots } = this.#archive
      if (damage === null && roots !== null) return NOT_EXPORTED
      return damage === null ? { kind: 'missing' } : damaged(`it is not in the part that could be read: ${damage}`)
    }
    const member = this.#index.member(position)
    if (member.isRecorded) return this.recorded(member)
    if (member.refusal !== undefined) return { kind: 'unreadable', ...member.refusal }
    return this.#archive.isZip ? this.#locateInZip(member) : { member, start: member.at, length: member.size }
  }

  #locateInZip(member: Member): Stored | UnreadableObject {
    const { at: start, packed, size, form } = member
    const isWhole = start + packed <= this.#archive.size && (form === DEFLATED || packed === size)
    return isWhole ? { member, start, length: packed } : damaged('its sizes contradict each other')
  }

  #bytes({ start, length }: Stored, into: Uint8Array): Uint8Array | undefined {
    return this.#readAt(into, start) === length ? into : undefined
  }

  #inflated(stored: Stored): Uint8Array | undefined {
    if (stored.length > this.#packed.length)
      this.#packed = Buffer.allocUnsafeSlow(Math.min(WHOLE_MEMBER_LIMIT, stored.length * 2))
    const packed = this.#bytes(stored, this.#packed.subarray(0, stored.length))
    if (packed === undefined) return undefined
    const { size } = stored.member
    try {
      const body = inflateRawSync(packed, { maxOutputLength: Math.max(1, size) })
      return body.length === size ? body : undefined
    } catch {
      return undefined
    }
  }

  async *#chunks(stored: Stored, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
    const { member } = stored
    let size = 0
    let crc = 0
    try {
      for await (const chunk of member.form === DEFLATED ? this.#inflating(stored) : this.#pieces(stored)) {
        signal?.throwIfAborted()
        size += chunk.length
        if (size > member.size) break
        if (this.#archive.isZip) crc = crc32(chunk, crc)
        yield chunk
      }
    } catch (error) {
      signal?.throwIfAborted()
      throw new BodyError('damaged-archive', error instanceof Error ? error.message : String(error), { cause: error })
    }
    if (size !== member.size) throw new BodyError('damaged-archive', `its bytes are not the ${member.size} that were put in`)
    if (this.#archive.isZip && crc !== member.extra)
      throw new BodyError('damaged-archive', 'its checksum is not that of its bytes')
  }

  #inflating(stored: Stored): AsyncIterable<Uint8Array> {
    const inflate = createInflateRaw({ chunkSize: CHUNK_BYTES })
    return Readable.from(this.#pieces(stored))
      .on('error', (error) => inflate.destroy(error))
      .pipe(inflate)
  }

  *#pieces({ start, length }: Stored): Generator<Uint8Array> {
    for (let at = 0; at < length; ) {
      const piece = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, length - at))
      if (this.#readAt(piece, start + at) < piece.length) throw new Error('the archive was cut while it was read')
      at += piece.length
      yield piece
    }
  }
}

/** What a store said is not there is recorded: of all else nothing was asked when the export was written. */
const NOT_EXPORTED: UnreadableObject = { kind: 'unreadable', reason: 'bucket-not-given', detail: 'not in the export' }

function damaged(detail: string): UnreadableObject {
  return { kind: 'unreadable', reason: 'damaged-archive', detail }
}
