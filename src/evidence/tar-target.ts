/** An export as one tar. It has its name only when it is whole. */
import { createReadStream, existsSync, renameSync } from 'node:fs'
import { VerifyTrailError } from '../errors.js'
import {
  ANSWER,
  type ExportedRoot,
  formatRoots,
  isOurs,
  KEY,
  LOCK,
  METADATA_FROM,
  OBJECTS_FOLDER,
  SHA256,
} from '../sources/export-records.js'
import { BodyError, type ReadAnswer, type ReadObject } from '../sources/source.js'
import { type EvidenceFile, type EvidenceTarget, keyHash, sumLine, writableMetadata } from './evidence-target.js'
import { MANIFEST, memberName, REPORT } from './export-format.js'
import { type Records, TarFile, type WrittenMember } from './tar-file.js'

const XATTR = 'SCHILY.xattr.user.'
/** Larger members are handed out in chunks, so that memory stays flat. */
const WHOLE_LIMIT = 8 * 1024 * 1024
const SUMS_AT_ONCE = 64 * 1024

export class TarTarget implements EvidenceTarget {
  readonly refused: ReadonlyMap<string, string> = new Map()
  before = 0
  objects = 0
  readonly #path: string
  readonly #tar: TarFile
  /** Where each member begins, by the hash of its key. */
  readonly #starts = new Map<string, number>()
  /** Members are written one after the other. */
  #last: Promise<unknown> = Promise.resolve()
  #isAtWork = false
  #failure: unknown

  private constructor(path: string, tar: TarFile) {
    this.#path = path
    this.#tar = tar
  }

  /** Goes on with what a former run left. Throws `ERR_EXPORT` where that is an export of something else, or there is one already. */
  static open(path: string, roots: readonly ExportedRoot[]): TarTarget {
    if (existsSync(path)) throw new VerifyTrailError('ERR_EXPORT', `'${path}' is there already: name another file`)
    const tar = TarFile.open(partial(path), formatRoots(roots))
    if (tar === undefined)
      throw new VerifyTrailError(
        'ERR_EXPORT',
        `'${partial(path)}' is no export of these sources: remove it, or name another file`,
      )
    const target = new TarTarget(path, tar)
    for (const member of tar.goOn()) {
      // What could not be read is asked for again.
      if (member.records[ANSWER] !== undefined) continue
      target.#starts.set(keyHash(keyOf(member)), member.start)
      target.before++
    }
    return target
  }

  has(key: string): boolean {
    return this.#starts.has(keyHash(key))
  }

  copied(key: string): ReadAnswer | undefined {
    const start = this.#starts.get(keyHash(key))
    const member = start === undefined ? undefined : this.#tar.read(start)
    return member === undefined ? undefined : this.#answer(member)
  }

  copy(key: string, answer: ReadAnswer): Promise<ReadAnswer> {
    const copied = this.#last.then(() => this.copied(key) ?? this.#write(key, answer))
    this.#last = copied.catch(() => undefined)
    return copied
  }

  copyNow(key: string, answer: ReadAnswer): ReadAnswer | undefined {
    if (this.#isAtWork) return undefined
    if (answer.kind !== 'object') return this.#writeAnswer(key, answer)
    const { body } = answer
    return body instanceof Uint8Array ? this.#writeWhole(key, answer, body) : undefined
  }

  copyLater(key: string, answer: ReadAnswer): void {
    this.copy(key, answer).catch((error: unknown) => {
      this.#failure ??= error
    })
  }

  #writeWhole(key: string, answer: ReadObject, body: Uint8Array): ReadAnswer {
    const name = memberName(key)
    this.#starts.set(keyHash(key), this.#tar.add(name, recordsOf(key, answer), body, answer.stored?.()?.sha256))
    this.objects++
    return answer
  }

  async #write(key: string, answer: ReadAnswer): Promise<ReadAnswer> {
    if (answer.kind !== 'object') return this.#writeAnswer(key, answer)
    const { body } = answer
    if (body instanceof Uint8Array) return this.#writeWhole(key, answer, body)
    this.#isAtWork = true
    try {
      this.#starts.set(keyHash(key), await this.#tar.addChunks(memberName(key), recordsOf(key, answer), body))
      this.objects++
      return this.copied(key) ?? answer
    } catch (error) {
      if (!(error instanceof BodyError)) throw error
      return this.#writeAnswer(key, { kind: 'unreadable', reason: error.reason, detail: error.message })
    } finally {
      this.#isAtWork = false
    }
  }

  /** That there is no object, or that it could not be looked at. No file when the tar is extracted: under a name of its own. */
  #writeAnswer(key: string, answer: Exclude<ReadAnswer, ReadObject>): ReadAnswer {
    const name = `${OBJECTS_FOLDER}answers/${Buffer.from(keyHash(key), 'latin1').toString('hex')}`
    const records = { [KEY]: key, [ANSWER]: JSON.stringify(answer) }
    this.#starts.set(keyHash(key), this.#tar.add(name, records, Buffer.alloc(0)))
    return answer
  }

  #answer(member: WrittenMember): ReadAnswer {
    const { records } = member
    const told = records[ANSWER]
    if (told !== undefined) return JSON.parse(told)
    const body = member.size > WHOLE_LIMIT ? asyncChunks(this.#tar.chunks(member)) : this.#tar.bytes(member)
    const lock = records[LOCK]
    return { kind: 'object', body, ...metadataOf(records), ...(lock === undefined ? {} : { lock: JSON.parse(lock) }) }
  }

  async finish(report: string, tell: (file: EvidenceFile) => void): Promise<void> {
    await this.#last
    if (this.#failure !== undefined) throw this.#failure
    await this.#tar.addChunks(REPORT, {}, createReadStream(report))
    const manifest = this.#tar.read(await this.#tar.addChunks(MANIFEST, {}, this.#sums(tell)))
    if (manifest !== undefined) tell(fileOf(manifest))
    this.#tar.finish()
    renameSync(partial(this.#path), this.#path)
  }

  *#sums(tell: (file: EvidenceFile) => void): Generator<Uint8Array> {
    let lines = ''
    for (const member of this.#tar.members()) {
      const { name, records } = member
      tell(fileOf(member))
      if (records[ANSWER] !== undefined || name === MANIFEST) continue
      lines += sumLine(records[SHA256] ?? '', name)
      if (lines.length < SUMS_AT_ONCE) continue
      yield Buffer.from(lines)
      lines = ''
    }
    yield Buffer.from(lines)
  }

  close(): void {
    this.#tar.close()
  }
}

function fileOf({ name, records, size }: WrittenMember): EvidenceFile {
  return { name, stored: { bytes: size, sha256: records[SHA256] ?? '' } }
}

function partial(path: string): string {
  return `${path}.partial`
}

function keyOf({ name, records }: WrittenMember): string {
  return records[KEY] ?? name
}

function recordsOf(key: string, answer: ReadObject & { readonly lock?: unknown }): Records {
  const metadata = writableMetadata(answer.metadata).map(([name, value]) => [XATTR + name, value])
  return {
    ...(memberName(key) === key ? {} : { [KEY]: key }),
    ...Object.fromEntries(metadata),
    ...(answer.metadataFrom === undefined ? {} : { [METADATA_FROM]: answer.metadataFrom }),
    ...(answer.lock === undefined ? {} : { [LOCK]: JSON.stringify(answer.lock) }),
  }
}

function metadataOf(records: Records): Pick<ReadObject, 'metadata' | 'metadataFrom'> {
  const metadata = Object.entries(records).flatMap(([name, value]) =>
    name.startsWith(XATTR) && !isOurs(name) ? [[name.slice(XATTR.length), value] as const] : [],
  )
  if (metadata.length === 0) return {}
  const from = records[METADATA_FROM]
  const isKnown = from === 'tar' || from === 'xattr' || from === 'sidecar' || from === 'file'
  return { metadata: Object.fromEntries(metadata), ...(isKnown ? { metadataFrom: from } : {}) }
}

async function* asyncChunks(chunks: Iterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* chunks
}
