/** An exported bucket on disk. File calls are synchronous: for many small files that is several times faster. */
import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  realpathSync,
  type Stats,
  statSync,
} from 'node:fs'
import { sep } from 'node:path'
import { sortKeys } from '../core/compare-keys.js'
import type { UnreadableReason } from '../core/findings.js'
import { VerifyTrailError } from '../errors.js'
import { fileAttributes } from './file-attributes.js'
import { deliveredNames, withSidecar } from './object-metadata.js'
import { isSafeKey, SIDECAR_SUFFIX, SYSTEM_FILES } from './object-names.js'
import {
  BodyError,
  type FolderListing,
  type ListedObject,
  type ListOptions,
  type NoSuchObject,
  type ReadAnswer,
  type ReadOptions,
  type Source,
  type SourceAddress,
  type UnlistedPart,
  type UnreadableObject,
} from './source.js'

/** Larger files are handed out in chunks, so that memory stays flat. */
const WHOLE_FILE_LIMIT = 8 * 1024 * 1024
const CHUNK_BYTES = 1024 * 1024
const PAGE = 1000
/** In the folder and in the name of every digest. */
const DIGESTS = 'CloudTrail-Digest'
/** How many folders known to be real, or to hold ignored files, are remembered. */
const FOLDERS_REMEMBERED = 4096
/** Not following the last name, and not waiting for a writer should a FIFO have taken a file's place. */
const OPEN_FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0)
/** macOS and Windows answer to names in another case or another normal form; Linux file systems by default do not. */
const FOLDS_NAMES = process.platform !== 'linux'

/**
 * Opens an exported bucket. Nothing outside the directory is ever read: links, devices and names that would leave it are
 * reported as unreadable (links on the way to `path` itself are followed). Names match byte for byte, except on a Linux
 * file system made to fold case. Metadata are those of a file's extended attributes (with the package `@napi-rs/xattr`), else of
 * the file `KEY.metadata.json` beside it. Rejects with `ERR_SOURCE` where `path` is not a readable
 * directory, or is empty.
 */
export async function directorySource(path: string): Promise<Source> {
  return new DirectorySource(path, openRoot(path))
}

class DirectorySource implements Source {
  readonly name: string
  readonly kind = 'export'
  readonly path: readonly string[]
  readonly address: SourceAddress
  ignored = 0
  #buffer: Uint8Array = new Uint8Array()
  readonly #root: string
  /** Folders of which each name was seen to be a real directory, to spare a stat of each for every file. */
  readonly #realFolders = new Set<string>()
  #lastFolder = ''
  readonly #ignoredIn = new Map<string, number>()
  readonly #namesOf = new Map<string, ReadonlySet<string>>()

  constructor(name: string, root: string) {
    this.name = name
    this.path = root.split(sep).filter((part) => part !== '')
    this.#root = root.endsWith(sep) ? root : root + sep
    this.address = { module: import.meta.url, name: 'directorySource', args: [root] }
  }

  async folders(prefix: string, options: ListOptions = {}): Promise<FolderListing | UnreadableObject> {
    options.signal?.throwIfAborted()
    const content = this.#open(prefix)
    if ('kind' in content) return content.kind === 'missing' ? { folders: [], objects: [] } : content
    const folders: string[] = []
    const objects: (ListedObject | UnlistedPart)[] = []
    for (const name of content.names) {
      const part = this.#part(prefix, name, content)
      if (part === 'folder') folders.push(prefix + name)
      else if (part.kind === 'unreadable' || options.passOver?.(part.key) !== true) objects.push(part)
    }
    return { folders, objects }
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ListedObject | UnlistedPart> {
    for await (const page of this.pages(prefix, options)) {
      for (const part of page) {
        options.signal?.throwIfAborted()
        yield part
      }
    }
  }

  async *pages(prefix: string, options: ListOptions = {}): AsyncGenerator<readonly (ListedObject | UnlistedPart)[]> {
    // A stack and no recursion: an attacker chooses how deep it goes.
    const open: OpenFolder[] = []
    let entering: string | undefined = prefix
    let page: (ListedObject | UnlistedPart)[] = []
    while (entering !== undefined || open.length > 0) {
      options.signal?.throwIfAborted()
      if (entering !== undefined) {
        const content = this.#open(entering)
        if (!('kind' in content)) open.push({ prefix: entering, content, next: 0 })
        else if (content.kind === 'unreadable') page.push({ ...content, key: entering })
        entering = undefined
        continue
      }
      const folder = open.at(-1)
      const name = folder?.content.names[folder.next++]
      if (folder === undefined || name === undefined) {
        open.pop()
        continue
      }
      const part = this.#part(folder.prefix, name, folder.content)
      if (part === 'folder') entering = folder.prefix + name
      else page.push(part)
      if (page.length < PAGE) continue
      yield page
      page = []
    }
    yield page
  }

  async read(key: string, options: ReadOptions = {}): Promise<ReadAnswer> {
    const fresh = (size: number): Uint8Array => Buffer.allocUnsafeSlow(size)
    const answer = this.#read(key, options, fresh)
    // Nothing hangs on what a log file carries, and looking costs as much as reading.
    if (answer.kind !== 'object' || !key.includes(DIGESTS)) return answer
    const metadata = fileAttributes(this.#root + key)
    if (metadata !== undefined) return { ...answer, metadata, metadataFrom: 'xattr' }
    return withSidecar(answer, deliveredNames(key), (beside) => this.#read(beside, {}, fresh))
  }

  readNow(key: string, options: ReadOptions = {}): ReadAnswer {
    return this.#read(key, options, (size) => {
      // Fresh memory for every file costs more than reading it.
      if (size > this.#buffer.length) this.#buffer = Buffer.allocUnsafeSlow(Math.min(WHOLE_FILE_LIMIT, size * 2))
      return this.#buffer.subarray(0, size)
    })
  }

  /** Of a copy on a disk: the inode, and when it was last changed in any way. */
  identify(key: string): string | undefined {
    if (this.#checkPlace(key) !== undefined) return undefined
    try {
      const stats = lstatSync(this.#root + key)
      return stats.isFile() ? `${stats.dev} ${stats.ino} ${stats.size} ${stats.mtimeMs} ${stats.ctimeMs}` : undefined
    } catch {
      return undefined
    }
  }

  sizeOf(key: string): number | undefined {
    if (this.#checkPlace(key) !== undefined) return undefined
    const stats = lstatSync(this.#root + key, { throwIfNoEntry: false })
    return stats?.isFile() ? stats.size : undefined
  }

  #read(key: string, options: ReadOptions, allocate: (size: number) => Uint8Array): ReadAnswer {
    options.signal?.throwIfAborted()
    const problem = this.#checkPlace(key)
    if (problem !== undefined) return problem
    const path = this.#root + key
    let file: number | undefined
    try {
      file = openSync(path, OPEN_FLAGS)
      const stats = fstatSync(file)
      // A directory is no object; CloudTrail's keys never end in '/'.
      if (stats.isDirectory()) return { kind: 'missing' }
      if (!stats.isFile()) return { kind: 'unreadable', reason: 'link', detail: describeType(stats) }
      if (options.size !== undefined && options.size !== stats.size) return altered(options.size, stats.size)
      if (stats.size > WHOLE_FILE_LIMIT) return { kind: 'object', body: readChunks(path, stats.size, options.signal) }
      const body = allocate(stats.size)
      const length = fill(file, body)
      return length === stats.size ? { kind: 'object', body } : altered(stats.size, length)
    } catch (error) {
      return answerTo(error)
    } finally {
      if (file !== undefined) closeSync(file)
    }
  }

  /** What a folder holds, in order, with what it could not tell; or why it cannot be opened. */
  #open(prefix: string): FolderContent | NoSuchObject | UnreadableObject {
    const problem = this.#checkPlace(prefix)
    if (problem !== undefined) return problem
    try {
      const content = readFolder(this.#root + prefix)
      this.#countIgnored(prefix, content.ignored)
      return content
    } catch (error) {
      return answerTo(error)
    }
  }

  #part(prefix: string, name: string, content: FolderContent): ListedObject | UnlistedPart | 'folder' {
    const key = prefix + name
    // Nearly always there is none, and a look-up costs as much as all else here.
    const refused = content.refused.size === 0 ? undefined : content.refused.get(name)
    if (refused !== undefined) return { kind: 'unreadable', key, ...refused }
    if (name.endsWith('/')) return 'folder'
    return { kind: 'object', key }
  }

  /** Whether the way to a key (all of a prefix) is real directories below the root; what is at its end is not looked at. */
  #checkPlace(key: string): NoSuchObject | UnreadableObject | undefined {
    // Most files lie in the folder that the one before lay in.
    const inLast = this.#lastFolder !== '' && key.startsWith(this.#lastFolder) && key.lastIndexOf('/') < this.#lastFolder.length
    if (!isSafe(inLast ? key.slice(this.#lastFolder.length) : key)) return { kind: 'unreadable', reason: 'unsafe-name' }
    const folder = inLast ? this.#lastFolder : key.slice(0, key.lastIndexOf('/') + 1)
    if (!inLast && !this.#realFolders.has(folder)) {
      const problem = this.#checkFolders(folder)
      if (problem !== undefined) return problem
      forgetOldest(this.#realFolders).add(folder)
    }
    this.#lastFolder = folder
    const name = key.slice(folder.length)
    return name === '' || this.#isExactName(folder, name) ? undefined : { kind: 'missing' }
  }

  #checkFolders(folder: string): NoSuchObject | UnreadableObject | undefined {
    let known = folder
    while (known !== '' && !this.#realFolders.has(known)) known = known.slice(0, known.lastIndexOf('/', known.length - 2) + 1)
    for (let at = folder.indexOf('/', known.length); at !== -1; at = folder.indexOf('/', at + 1)) {
      try {
        const stats = lstatSync(this.#root + folder.slice(0, at))
        if (stats.isFile()) return { kind: 'missing' }
        if (!stats.isDirectory()) return { kind: 'unreadable', reason: 'link', detail: describeType(stats) }
      } catch (error) {
        return answerTo(error)
      }
      const parent = folder.lastIndexOf('/', at - 1) + 1
      if (!this.#isExactName(folder.slice(0, parent), folder.slice(parent, at))) return { kind: 'missing' }
    }
    return undefined
  }

  /** Where the file system may answer to another spelling, the directory's own listing decides. */
  #isExactName(folder: string, name: string): boolean {
    if (!FOLDS_NAMES) return true
    let names = this.#namesOf.get(folder)
    if (names === undefined) {
      try {
        names = new Set(readdirSync(this.#root + folder))
      } catch {
        // Not listable, perhaps readable: the read itself answers.
        return true
      }
      if (this.#namesOf.size >= 8) this.#namesOf.clear()
      this.#namesOf.set(folder, names)
    }
    return names.has(name)
  }

  /** A folder that is listed again is not counted again. */
  #countIgnored(prefix: string, count: number): void {
    const before = this.#ignoredIn.get(prefix) ?? 0
    if (count === before) return
    this.ignored += count - before
    forgetOldest(this.#ignoredIn).set(prefix, count)
  }
}

interface FolderContent {
  /** In the order of their keys, directories (and links to them) with a `/` at the end. */
  readonly names: readonly string[]
  /** Those of them that are not read, and why. */
  readonly refused: ReadonlyMap<string, Refusal>
  readonly ignored: number
}

interface Refusal {
  readonly reason: UnreadableReason
  readonly detail: string
}

type FileType = Pick<Stats, 'isFile' | 'isDirectory' | 'isSymbolicLink' | 'isFIFO' | 'isSocket'>

interface OpenFolder {
  readonly prefix: string
  readonly content: FolderContent
  next: number
}

function openRoot(path: string): string {
  const allowed = 'give a directory that holds an exported bucket, or s3://bucket[/prefix]'
  const refuse = (what: string, cause?: unknown): VerifyTrailError =>
    new VerifyTrailError('ERR_SOURCE', `${what}: ${JSON.stringify(path)} (${allowed})`, { cause })
  let root: string
  let empty: boolean
  try {
    root = realpathSync.native(path)
    if (!statSync(root).isDirectory()) throw refuse('not a directory')
    empty = readdirSync(root).length === 0
  } catch (error) {
    if (error instanceof VerifyTrailError) throw error
    const code = errorCode(error)
    if (code === 'ENOENT' || code === 'ENOTDIR') throw refuse('no such directory', error)
    if (code === 'EACCES' || code === 'EPERM') throw refuse('no permission to read the directory', error)
    throw refuse(`cannot open the directory (${code ?? String(error)})`, error)
  }
  if (empty) throw refuse('the directory is empty')
  return root
}

/** A key that is a path of this system, and leads nowhere else. */
function isSafe(key: string): boolean {
  // On Windows '\\' is a separator and ':' names a drive or a stream; elsewhere both are letters of a name.
  return isSafeKey(key) && (process.platform !== 'win32' || !/[\\:]/.test(key))
}

function readFolder(path: string): FolderContent {
  const folder = new FolderReader(path)
  let lossy = false
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    // U+FFFD also stands for bytes that are no UTF-8.
    if (entry.name.includes('\ufffd')) lossy = true
    else folder.add(entry.name, entry)
  }
  if (lossy) folder.addLossyNames()
  return folder.finish()
}

class FolderReader {
  readonly #path: string
  readonly #names: string[] = []
  readonly #refused = new Map<string, Refusal>()
  #ignored = 0

  constructor(path: string) {
    this.#path = path
  }

  add(name: string, type: FileType): void {
    if (type.isDirectory()) this.#names.push(`${name}/`)
    else if (!type.isFile()) this.#refuse(name, type, { reason: 'link', detail: describeType(type) })
    else if (SYSTEM_FILES.includes(name)) this.#ignored++
    else this.#names.push(name)
  }

  /** Looks again, at the bytes, at the names that U+FFFD occurs in. */
  addLossyNames(): void {
    for (const bytes of readdirSync(this.#path, { encoding: 'buffer' })) {
      const name = bytes.toString()
      if (!name.includes('\ufffd')) continue
      const type = lstatSync(Buffer.concat([Buffer.from(this.#path), Buffer.from('/'), bytes]))
      if (Buffer.from(name).equals(bytes)) this.add(name, type)
      else this.#refuse(name, type, { reason: 'unsafe-name', detail: `not UTF-8: ${bytes.toString('hex')}` })
    }
  }

  finish(): FolderContent {
    const names = this.#withoutSidecars()
    // A name that is UTF-8 may equal the look of one that is not: then neither can be told, and the refusal stands.
    const distinct = this.#refused.size === 0 ? names : [...new Set(names)]
    return { names: sortKeys(distinct), refused: this.#refused, ignored: this.#ignored }
  }

  #refuse(name: string, type: FileType, refusal: Refusal): void {
    const key = leadsToFolder(`${this.#path}/${name}`, type) ? `${name}/` : name
    // Different names that are no UTF-8 may look alike: one answer stands for all.
    if (!this.#refused.has(key)) this.#names.push(key)
    this.#refused.set(key, refusal)
  }

  #withoutSidecars(): string[] {
    const isSidecar = (name: string): boolean => name.endsWith(SIDECAR_SUFFIX) && !this.#refused.has(name)
    if (!this.#names.some(isSidecar)) return this.#names
    const objects = new Set(this.#names.flatMap(deliveredNames))
    const kept = this.#names.filter((name) => !isSidecar(name) || !objects.has(name.slice(0, -SIDECAR_SUFFIX.length)))
    this.#ignored += this.#names.length - kept.length
    return kept
  }
}

function leadsToFolder(path: string, type: FileType): boolean {
  if (!type.isSymbolicLink()) return type.isDirectory()
  try {
    return statSync(path).isDirectory()
  } catch {
    return false
  }
}

function describeType(type: FileType): string {
  if (type.isSymbolicLink()) return 'symbolic link'
  if (type.isFIFO()) return 'FIFO'
  return type.isSocket() ? 'socket' : 'device'
}

/** Opens the file when the first chunk is asked for: a body that nobody reads holds nothing open. */
async function* readChunks(path: string, size: number, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  const file = openForChunks(path)
  try {
    for (let left = size; left > 0; ) {
      signal?.throwIfAborted()
      const chunk = Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, left))
      const length = fillChunk(file, chunk)
      if (length < chunk.length) throw new BodyError('altered-in-transfer', `it ends before its ${size} bytes`)
      left -= length
      yield chunk
    }
  } finally {
    closeSync(file)
  }
}

function openForChunks(path: string): number {
  try {
    return openSync(path, OPEN_FLAGS)
  } catch (error) {
    throw bodyError(error)
  }
}

function fillChunk(file: number, chunk: Uint8Array): number {
  try {
    return fill(file, chunk)
  } catch (error) {
    throw bodyError(error)
  }
}

/** Reads until the buffer is full or the file ends. */
function fill(file: number, into: Uint8Array): number {
  let length = 0
  while (length < into.length) {
    const read = readSync(file, into, length, into.length - length, null)
    if (read === 0) break
    length += read
  }
  return length
}

function altered(expected: number, found: number): UnreadableObject {
  return { kind: 'unreadable', reason: 'altered-in-transfer', detail: `expected ${expected} bytes, found ${found}` }
}

/** What a failed file call says: that there is no such object, or that it could not be looked at. */
function answerTo(error: unknown): NoSuchObject | UnreadableObject {
  const code = errorCode(error)
  switch (code) {
    case undefined:
      throw error
    case 'ENOENT':
    case 'ENOTDIR':
    case 'EISDIR':
      return { kind: 'missing' }
    case 'EACCES':
    case 'EPERM':
      return { kind: 'unreadable', reason: 'access-denied' }
    case 'ELOOP':
    case 'EMLINK':
      return { kind: 'unreadable', reason: 'link' }
    case 'ENAMETOOLONG':
      // This file system cannot hold such a name: that says nothing about the bucket.
      return { kind: 'unreadable', reason: 'unsafe-name', detail: 'the name is too long' }
    default:
      return { kind: 'unreadable', reason: 'io', detail: code }
  }
}

function bodyError(error: unknown): unknown {
  const code = errorCode(error)
  if (code === undefined) return error
  const answer = answerTo(error)
  return new BodyError(answer.kind === 'missing' ? 'io' : answer.reason, code, { cause: error })
}

function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** Makes room for one more, by insertion order. */
function forgetOldest<C extends Set<string> | Map<string, unknown>>(remembered: C): C {
  if (remembered.size >= FOLDERS_REMEMBERED) {
    for (const oldest of remembered.keys()) {
      remembered.delete(oldest)
      break
    }
  }
  return remembered
}
