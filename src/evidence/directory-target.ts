/** An export as a directory: an object a file, its metadata in a file beside it. */
import { createHash, hash } from 'node:crypto'
import {
  appendFileSync,
  closeSync,
  copyFileSync,
  createReadStream,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { isOfCloudTrail } from '../core/digest-metadata.js'
import { VerifyTrailError } from '../errors.js'
import { OBJECTS_FOLDER } from '../sources/export-records.js'
import { isSafeKey, SIDECAR_SUFFIX, SYSTEM_FILES } from '../sources/object-names.js'
import { BodyError, type ReadAnswer, type ReadObject } from '../sources/source.js'
import { type EvidenceFile, type EvidenceTarget, keyHash, sumLine, writableMetadata } from './evidence-target.js'
import { MANIFEST, REPORT } from './export-format.js'

const WHOLE_LIMIT = 8 * 1024 * 1024
const MOST_NAME_BYTES = 200
const REFUSED_NAMED = 1000
const LINES_AT_ONCE = 64 * 1024
const DONE_SUMS = `${MANIFEST}.partial`

type WholeObject = ReadObject & { readonly body: Uint8Array }

export class DirectoryTarget implements EvidenceTarget {
  readonly refused: Map<string, string> = new Map()
  before = 0
  objects = 0
  readonly #path: string
  /** Of what this run copied: where the metadata came from. */
  readonly #metadataFrom = new Map<string, NonNullable<ReadObject['metadataFrom']>>()
  readonly #done = new Set<string>()
  #last: Promise<unknown> = Promise.resolve()
  /** The one that was written to last: it is there. */
  #folder = ''
  #lines = ''
  readonly #partial: string
  /** A body in chunks is being written. */
  #isAtWork = false
  #failure: unknown

  private constructor(path: string) {
    this.#path = path
    this.#partial = join(path, OBJECTS_FOLDER, 'partial')
  }

  /** Goes on with what a former run left: files that are listed with their hash, and have it. Rejects where there is something else. */
  static async open(path: string): Promise<DirectoryTarget> {
    if (existsSync(join(path, MANIFEST)))
      throw new VerifyTrailError('ERR_EXPORT', `'${path}' holds a whole export: name another directory`)
    const target = new DirectoryTarget(path)
    mkdirSync(join(path, OBJECTS_FOLDER), { recursive: true })
    const sums = join(path, DONE_SUMS)
    if (!existsSync(sums)) return target
    const kept: string[] = []
    const changed = new Set<string>()
    for await (const line of createInterface({ input: createReadStream(sums) })) {
      const { sha256, name } = parseSumLine(line)
      // A file of metadata is written, and listed, before its object.
      if (changed.has(name + SIDECAR_SUFFIX)) continue
      if ((await sha256Of(join(path, name))) !== sha256) {
        changed.add(name)
        continue
      }
      kept.push(`${line}\n`)
      if (name.endsWith(SIDECAR_SUFFIX)) continue
      target.#done.add(keyHash(name))
      target.before++
    }
    writeFileSync(sums, kept.join(''))
    return target
  }

  has(key: string): boolean {
    return this.#done.has(keyHash(key)) || this.refused.has(key)
  }

  copied(key: string): ReadAnswer | undefined {
    if (!this.#done.has(keyHash(key))) return undefined
    const path = join(this.#path, key)
    const body = statSync(path).size > WHOLE_LIMIT ? createReadStream(path) : readFileSync(path)
    const sidecar = path + SIDECAR_SUFFIX
    const metadata = existsSync(sidecar) ? JSON.parse(readFileSync(sidecar, 'utf8')).Metadata : undefined
    if (metadata === undefined) return { kind: 'object', body }
    const metadataFrom = this.#metadataFrom.get(keyHash(key))
    return { kind: 'object', body, metadata, ...(metadataFrom === undefined ? {} : { metadataFrom }) }
  }

  copy(key: string, answer: ReadAnswer): Promise<ReadAnswer> {
    const copied = this.#last.then(() => this.copied(key) ?? this.#write(key, answer))
    this.#last = copied.catch(() => undefined)
    return copied
  }

  copyNow(key: string, answer: ReadAnswer): ReadAnswer | undefined {
    if (this.#isAtWork) return undefined
    if (answer.kind === 'object' && !(answer.body instanceof Uint8Array)) return undefined
    const refused = this.#refused(key, answer)
    return refused ?? this.#writeWhole(key, answer as WholeObject)
  }

  copyLater(key: string, answer: ReadAnswer): void {
    this.copy(key, answer).catch((error: unknown) => {
      this.#failure ??= error
    })
  }

  async #write(key: string, answer: ReadAnswer): Promise<ReadAnswer> {
    const refused = this.#refused(key, answer)
    if (refused !== undefined || answer.kind !== 'object') return refused ?? answer
    const { body } = answer
    if (body instanceof Uint8Array) return this.#writeWhole(key, { ...answer, body })
    this.#isAtWork = true
    try {
      this.#took(key, await this.#writeChunks(key, answer, body))
      return this.copied(key) ?? answer
    } catch (error) {
      if (!(error instanceof BodyError)) throw error
      const unread = { kind: 'unreadable', reason: error.reason, detail: error.message } as const
      return this.#refuse(key, `it could not be read: ${error.reason}`, unread)
    } finally {
      this.#isAtWork = false
    }
  }

  /** The answer of what is no file here. */
  #refused(key: string, answer: ReadAnswer): ReadAnswer | undefined {
    // The store's versions are no part of a directory.
    if (answer.kind === 'missing' || key.startsWith(OBJECTS_FOLDER)) return answer
    if (answer.kind === 'unreadable') return this.#refuse(key, `it could not be read: ${answer.reason}`, answer)
    const refusal = refusalOf(key)
    return refusal === undefined ? undefined : this.#refuse(key, refusal, answer)
  }

  #refuse(key: string, why: string, answer: ReadAnswer): ReadAnswer {
    if (this.refused.size < REFUSED_NAMED) this.refused.set(key, why)
    return answer
  }

  #took(key: string, sha256: string): void {
    this.#list(sha256, key)
    this.#done.add(keyHash(key))
    this.objects++
  }

  #writeWhole(key: string, answer: WholeObject): ReadAnswer {
    const { body } = answer
    try {
      this.#makeRoom(key, answer)
      const file = openSync(this.#partial, 'w')
      try {
        writeAll(file, body)
      } finally {
        closeSync(file)
      }
      renameSync(this.#partial, join(this.#path, key))
      this.#took(key, answer.stored?.()?.sha256 ?? hash('sha256', body, 'hex'))
      return answer
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : ''
      if (!NAME_ERRORS.has(code)) throw error
      return this.#refuse(key, `a file cannot be named so here (${code})`, answer)
    }
  }

  async #writeChunks(key: string, answer: ReadObject, chunks: AsyncIterable<Uint8Array>): Promise<string> {
    this.#makeRoom(key, answer)
    const sum = createHash('sha256')
    const file = openSync(this.#partial, 'w')
    try {
      for await (const chunk of chunks) {
        sum.update(chunk)
        writeAll(file, chunk)
      }
    } finally {
      closeSync(file)
    }
    renameSync(this.#partial, join(this.#path, key))
    return sum.digest('hex')
  }

  /** The folder of a file, and what lies beside it. */
  #makeRoom(key: string, { metadata, metadataFrom }: ReadObject): void {
    const folder = dirname(join(this.#path, key))
    if (folder !== this.#folder) mkdirSync(folder, { recursive: true })
    this.#folder = folder
    const own = Object.fromEntries(writableMetadata(metadata))
    if (!isOfCloudTrail(own)) return
    if (metadataFrom !== undefined) this.#metadataFrom.set(keyHash(key), metadataFrom)
    this.#writeSidecar(key + SIDECAR_SUFFIX, `${JSON.stringify({ Metadata: own })}\n`)
  }

  #writeSidecar(name: string, text: string): void {
    writeFileSync(join(this.#path, name), text)
    this.#list(hash('sha256', text, 'hex'), name)
  }

  async finish(report: string, tell: (file: EvidenceFile) => void): Promise<void> {
    await this.#last
    if (this.#failure !== undefined) throw this.#failure
    this.#flush()
    copyFileSync(report, join(this.#path, REPORT))
    rmSync(this.#partial, { force: true })
    const sums = join(this.#path, DONE_SUMS)
    appendFileSync(sums, sumLine((await sha256Of(join(this.#path, REPORT))) ?? '', REPORT))
    renameSync(sums, join(this.#path, MANIFEST))
    await this.#tellAll(tell)
  }

  async #tellAll(tell: (file: EvidenceFile) => void): Promise<void> {
    const manifest = join(this.#path, MANIFEST)
    tell(this.#file(MANIFEST, (await sha256Of(manifest)) ?? ''))
    for await (const line of createInterface({ input: createReadStream(manifest) })) {
      const { sha256, name } = parseSumLine(line)
      tell(this.#file(name, sha256))
    }
  }

  #file(name: string, sha256: string): EvidenceFile {
    return { name, stored: { bytes: statSync(join(this.#path, name)).size, sha256 } }
  }

  close(): void {
    this.#flush()
  }

  /** What is copied and not listed yet is copied again by a run that goes on. */
  #list(sha256: string, name: string): void {
    this.#lines += sumLine(sha256, name)
    if (this.#lines.length >= LINES_AT_ONCE) this.#flush()
  }

  #flush(): void {
    if (this.#lines !== '') appendFileSync(join(this.#path, DONE_SUMS), this.#lines)
    this.#lines = ''
  }
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done)
}

/** A line that we wrote, of a name that needs no escapes; of another, a name that no file has. */
function parseSumLine(line: string): { readonly sha256: string; readonly name: string } {
  const [, sha256 = '', name = ''] = /^([0-9a-f]{64}) {2}(.+)$/.exec(line) ?? []
  return { sha256, name }
}

/** What a file may be called anywhere, and what an export's reader takes for an object. */
function refusalOf(key: string): string | undefined {
  const names = key.split('/')
  const last = names.at(-1) ?? ''
  if (!isSafeKey(key) || key.endsWith('/')) return 'its name would lead elsewhere'
  // biome-ignore lint/suspicious/noControlCharactersInRegex: names are attacker-chosen
  if (/[\u0000-\u001f\u007f\\:*?"<>|]/.test(key)) return 'its name has characters that files cannot have everywhere'
  if (names.some((name) => Buffer.byteLength(name) > MOST_NAME_BYTES)) return 'its name is too long for a file'
  if (last.endsWith(SIDECAR_SUFFIX) || SYSTEM_FILES.includes(last)) return 'its name is not that of an object in a directory'
  return undefined
}

const NAME_ERRORS: ReadonlySet<string> = new Set(['EEXIST', 'ENOTDIR', 'EISDIR', 'ENAMETOOLONG', 'EINVAL', 'ENOTEMPTY', 'EILSEQ'])

async function sha256Of(path: string): Promise<string | undefined> {
  const hash = createHash('sha256')
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk)
    return hash.digest('hex')
  } catch {
    return undefined
  }
}
