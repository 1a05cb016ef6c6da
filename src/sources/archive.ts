/** An exported bucket in an archive: a tar, compressed or not, or a zip. Read where it lies; nothing is extracted. */
import { dirname, resolve, sep } from 'node:path'
import type { ArchiveIdentity } from '../core/results.js'
import { VerifyTrailError } from '../errors.js'
import { type ArchiveOptions, type OpenBytes, openBytes, openParts } from './archive-bytes.js'
import { cannotRead } from './archive-form.js'
import type { Identified } from './archive-identity.js'
import { ArchiveIndex, type PackedIndex } from './archive-index.js'
import { ArchiveReader, type SharedArchive } from './archive-reader.js'
import { OBJECTS_FOLDER } from './export-records.js'
import { exportedMembers } from './exported-tar.js'
import { deliveredNames, withSidecar } from './object-metadata.js'
import { SIDECAR_SUFFIX, SYSTEM_FILES } from './object-names.js'
import { closeFile, type ReadAt, readAtOf } from './read-at.js'
import type {
  FolderListing,
  ListedObject,
  ListOptions,
  ReadAnswer,
  ReadOptions,
  Source,
  SourceAddress,
  UnlistedPart,
  VersionHistory,
} from './source.js'
import { baseOfParts, partsName } from './split-archive.js'
import { readTarMembers, type TarMembers } from './tar-members.js'

export type { ArchiveOptions } from './archive-bytes.js'

const PAGE = 1000

/**
 * Opens an archive: a tar, a zip, a tar compressed with gzip or zstd, or one of the tars on standard input (`-`, or a pipe's path).
 * Tars and zips are read where they lie. What is compressed as a whole, or comes through a pipe, is written once to a temporary file
 * that has no name, under TMPDIR. No member becomes a file. Members that are links or devices, whose names lead elsewhere, or that have
 * the name of another are unreadable; a damaged archive is read as far as it goes, and nothing that is not found in it is called missing.
 * Several paths are the parts of one archive, in order, as `split` makes them.
 * Rejects with `ERR_SOURCE` where there is no archive, or none that can be read.
 */
export async function archiveSource(path: string | readonly string[], options: ArchiveOptions = {}): Promise<Source> {
  const [only, ...more] = typeof path === 'string' ? [path] : path
  if (only === undefined) throw new VerifyTrailError('ERR_SOURCE', 'an archive has at least one part: give its path')
  const parts = [only, ...more]
  const bytes = more.length === 0 ? await openBytes(only, options) : await openParts(parts, options)
  try {
    return await openIndex(partsName(parts), bytes, options.signal)
  } catch (error) {
    closeFile(bytes.file)
    throw error
  }
}

/** For worker threads, which share the process's files: the archive that another thread has open, and closes. */
export async function sharedArchive(archive: SharedArchive, index: PackedIndex, members: number, count: number): Promise<Source> {
  return new ArchiveSource(archive, new ArchiveIndex(index, members, count), undefined)
}

async function openIndex(
  name: string,
  { file, size, form, damage, identified }: OpenBytes,
  signal?: AbortSignal,
): Promise<Source> {
  const read = readAtOf(file)
  const { builder, damage: found, roots } = await members(name, read, size, form, signal)
  const all = damage === null ? found : `it breaks off (${damage})`
  if (builder.count === 0) throw cannotRead(name, all === null ? 'the archive is empty' : `nothing in it can be read: ${all}`)
  const index = builder.finish()
  const link = index.linkWithMembers()
  const through =
    link === undefined
      ? null
      : `${JSON.stringify(link)} is a link, and other members have its name or lie below it: tools differ in where they put them`
  return new ArchiveSource({ name, file, size, isZip: form === 'zip', damage: all ?? through, roots }, index, identified)
}

async function members(
  name: string,
  read: ReadAt,
  size: number,
  form: 'tar' | 'zip',
  signal: AbortSignal | undefined,
): Promise<TarMembers> {
  if (form === 'tar') return readTarMembers(read, size)
  try {
    // What reads zips is loaded where there is one.
    const { readZipMembers } = await import('./zip-members.js')
    return { ...(await readZipMembers(read, size, signal)), roots: null }
  } catch (error) {
    signal?.throwIfAborted()
    throw cannotRead(name, `the zip cannot be read: ${error instanceof Error ? error.message : String(error)}`, error)
  }
}

class ArchiveSource implements Source {
  readonly name: string
  readonly kind = 'export'
  readonly path: readonly string[]
  readonly address: SourceAddress
  declare readonly original?: (root: string) => { readonly bucket: string; readonly prefix: string } | undefined
  declare readonly otherBucket?: (bucket: string) => Source | undefined
  declare readonly versions?: VersionHistory
  declare readonly asStored?: boolean
  declare readonly archive?: () => Promise<ArchiveIdentity>
  ignored = 0
  readonly #archive: SharedArchive
  readonly #index: ArchiveIndex
  readonly #reader: ArchiveReader
  readonly #identified: Identified | undefined
  #closed: boolean

  /** `identified`: of whoever opened the archive, and closes it. */
  constructor(archive: SharedArchive, index: ArchiveIndex, identified: Identified | undefined) {
    this.#closed = identified === undefined
    this.#identified = identified
    if (identified !== undefined) this.archive = () => identified.identity()
    this.name = archive.name
    this.path = pathOf(archive.name)
    this.#archive = archive
    this.#index = index
    this.#reader = new ArchiveReader(archive, index)
    const args = [archive, index.buffers, index.members, index.count]
    this.address = { module: import.meta.url, name: 'sharedArchive', args }
    if (archive.roots !== null) Object.assign(this, exportedMembers(archive.roots, this.#reader))
  }

  async folders(prefix: string, options: ListOptions = {}): Promise<FolderListing> {
    options.signal?.throwIfAborted()
    const folders: string[] = []
    const objects: (ListedObject | UnlistedPart)[] = prefix === '' ? this.#damagedPart() : []
    const { first, end } = this.#below(prefix)
    for (let at = first; at < end; ) {
      const key = this.#index.key(at)
      const slash = key.indexOf('/', prefix.length)
      if (slash === -1) {
        this.#list(at++, key, objects, options.passOver)
        continue
      }
      const folder = key.slice(0, slash + 1)
      if (this.#isListed(folder)) folders.push(folder)
      // '0' follows '/' in byte order: the first key past everything in the folder.
      at = this.#index.firstFrom(`${key.slice(0, slash)}0`)
    }
    return { folders, objects }
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ListedObject | UnlistedPart> {
    for await (const page of this.pages(prefix, options)) yield* page
  }

  async *pages(prefix: string, options: ListOptions = {}): AsyncGenerator<readonly (ListedObject | UnlistedPart)[]> {
    const { first, end } = this.#below(prefix)
    let page: (ListedObject | UnlistedPart)[] = prefix === '' ? this.#damagedPart() : []
    for (let at = first; at < end; at++) {
      this.#list(at, this.#index.key(at), page)
      if (page.length < PAGE) continue
      options.signal?.throwIfAborted()
      yield page
      page = []
    }
    yield page
  }

  async read(key: string, options: ReadOptions = {}): Promise<ReadAnswer> {
    options.signal?.throwIfAborted()
    const answer = this.#reader.read(key, options)
    if (answer.kind !== 'object' || answer.metadata !== undefined || this.#archive.roots !== null) return answer
    const names = deliveredNames(key).filter((name) => this.#index.find(name + SIDECAR_SUFFIX) !== -1)
    return withSidecar(answer, names, (beside) => this.#reader.read(beside, {}))
  }

  readNow(key: string, options: ReadOptions = {}): ReadAnswer {
    options.signal?.throwIfAborted()
    return this.#reader.readNow(key, options)
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    // Else a thread might read what is opened next under the same number.
    await this.#identified?.stop()
    closeFile(this.#archive.file)
  }

  /** Of an export of ours, what its sources had: what was asked of them beside is read by its keys. */
  #isListed(key: string): boolean {
    return this.#archive.roots === null || !key.startsWith(OBJECTS_FOLDER)
  }

  #below(prefix: string): { first: number; end: number } {
    if (prefix === '') return { first: 0, end: this.#index.count }
    return { first: this.#index.firstFrom(prefix), end: this.#index.firstFrom(`${prefix.slice(0, -1)}0`) }
  }

  #damagedPart(): UnlistedPart[] {
    const { damage } = this.#archive
    return damage === null ? [] : [{ kind: 'unreadable', key: '', reason: 'damaged-archive', detail: damage }]
  }

  #list(position: number, key: string, into: (ListedObject | UnlistedPart)[], passOver?: (key: string) => boolean): void {
    if (!this.#isListed(key)) return
    const member = this.#index.member(position)
    const { refusal } = member
    if (member.isRecorded) {
      if (this.#reader.recorded(member).kind === 'unreadable') into.push({ kind: 'object', key })
    } else if (refusal !== undefined) into.push({ kind: 'unreadable', key, ...refusal })
    else if (!this.#isIgnored(key)) {
      if (passOver?.(key) !== true) into.push({ kind: 'object', key })
    } else if (this.#index.countOnce(position)) this.ignored++
  }

  /** What macOS puts into a zip beside each file: its attributes. */
  #isOfMacOs(key: string, name: string): boolean {
    if (!this.#archive.isZip || !key.startsWith(MACOS) || !name.startsWith('._')) return false
    const of = key.slice(MACOS.length, -name.length) + name.slice(2)
    if (this.#index.find(of) === -1) return false
    const answer = this.#reader.readNow(key, {})
    return answer.kind === 'object' && answer.body instanceof Uint8Array && APPLE_DOUBLE.equals(answer.body.subarray(0, 4))
  }

  #isIgnored(key: string): boolean {
    if (this.#archive.roots !== null) return false
    const name = key.slice(key.lastIndexOf('/') + 1)
    if (SYSTEM_FILES.includes(name) || this.#isOfMacOs(key, name)) return true
    if (!name.endsWith(SIDECAR_SUFFIX)) return false
    const of = key.slice(0, -SIDECAR_SUFFIX.length)
    const inflated = of.replace(/\.gz$/, '')
    return this.#index.find(of) !== -1 || (deliveredNames(inflated).includes(of) && this.#index.find(inflated) !== -1)
  }
}

const MACOS = '__MACOSX/'
const APPLE_DOUBLE = Buffer.from([0, 5, 0x16, 7])

const EXTENSIONS = /(?:\.tar)?\.(?:tar|tgz|gz|zst|zip)$/i

/** An archive is named like the directory that it is of: `my-bucket.tar.gz` stands for a directory `my-bucket`. */
function pathOf(name: string): string[] {
  if (name === '-') return []
  const path = resolve(baseOfParts(name))
  const base = path.slice(dirname(path).length).replaceAll(sep, '').replace(EXTENSIONS, '')
  return [...dirname(path).split(sep), base].filter((part) => part !== '')
}
