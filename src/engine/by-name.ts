/**
 * Exports whose folders are not the bucket's any more (flat, a folder for each day, without `AWSLogs/`, of several buckets): every file
 * is put where its name says, below the prefix that digests name. That is a guess and no proof: digests are proven in the
 * place that they themselves name and are signed for, log files in the place where a proven digest lists them.
 */
import { compareKeys } from '../core/compare-keys.js'
import { type Digest, parseDigest } from '../core/digest.js'
import { isInflatedName, keyOfName, parseObjectKey } from '../core/object-key.js'
import { VerifyTrailError } from '../errors.js'
import type { ListedObject, ReadAnswer, ReadOptions, Source, UnlistedPart } from '../sources/source.js'
import { inflateBytes } from './measure.js'
import { readWhole, type WholeAnswer } from './whole-body.js'

const MAX_DIGEST_BYTES = 64 * 1024 * 1024
const PAGE = 1000
/** Digests are attacker-chosen until they are proven. */
const MOST_PLACES = 1_000_000
const AWS_LOGS = 'AWSLogs/'
const LIKE_LOG_FILES = /\.json\.gz$/i
/** That are named. */
const MOST_STRAYS = 10_000

/** Undefined where no file is named like one of CloudTrail's. Rejects what the source rejects. */
export async function byName(source: Source, signal: AbortSignal): Promise<NamedSource | undefined> {
  const names = new Names()
  for await (const entry of source.list('', { signal })) names.add(entry)
  await learnAll(source, names, signal)
  // A file that is named in several places: is its usual place among them?
  if (names.areSomeElsewhere) await learnAll(source, names, signal)
  return names.size === 0 ? undefined : new NamedSource(source, names)
}

async function learnAll(source: Source, names: Names, signal: AbortSignal): Promise<void> {
  for (const [key, file] of names.digests()) {
    const digest = await readDigest(source, file, signal)
    if (digest !== undefined) names.learn(key, digest)
  }
}

async function readDigest(source: Source, file: string, signal: AbortSignal): Promise<Digest | undefined> {
  return parse(await readWhole(await source.read(file, { signal }), MAX_DIGEST_BYTES))
}

function parse(answer: WholeAnswer): Digest | undefined {
  if (answer.kind !== 'object' || answer.bytes === undefined) return undefined
  const inflated = inflateBytes(answer.bytes, MAX_DIGEST_BYTES)
  if (inflated.kind !== 'inflated' && inflated.kind !== 'plain') return undefined
  const parsed = parseDigest(inflated.kind === 'plain' ? answer.bytes : inflated.bytes)
  return parsed.ok ? parsed.digest : undefined
}

/** What is listed of one file. */
type Entry = ListedObject | UnlistedPart

/** Where files are put: `BUCKET/PREFIX/AWSLogs/[o-id/]ACCOUNT/…`. */
class Names {
  /** Files of one folder, by the key that their names have below `AWSLogs/[o-id/]`. Names are attacker-chosen, keys are CloudTrail's. */
  readonly #folders = new Map<string, Entry[]>()
  /** What precedes `ACCOUNT/`, by account and region: as the first digest there says. */
  readonly #roots = new Map<string, string>()
  /** Files that digests name elsewhere: all their folders, by name. One that two digests name in two places is in both: each is judged. */
  readonly #elsewhere = new Map<string, Set<string>>()
  #places = 0
  readonly unreadable: UnlistedPart[] = []
  /** Files that are read as log files where they lie in a log folder; whether they did cannot be told any more. */
  readonly strays: string[] = []
  size = 0
  others = 0

  add(entry: Entry): void {
    const key = keyOfName(nameOf(entry.key))
    if (key === undefined) {
      if (entry.kind === 'unreadable' && (entry.key === '' || entry.key.endsWith('/'))) this.unreadable.push(entry)
      else if (LIKE_LOG_FILES.test(entry.key) && this.strays.length < MOST_STRAYS) this.strays.push(entry.key)
      else this.others++
      return
    }
    const folder = folderOf(key)
    const files = this.#folders.get(folder)
    if (files === undefined) this.#folders.set(folder, [entry])
    else files.push(entry)
    this.size++
  }

  /** Keys and files of all digests, by account and region. */
  *digests(): Generator<readonly [string, string]> {
    for (const [folder, files] of [...this.#folders].sort(([a], [b]) => compareKeys(a, b))) {
      if (!folder.includes('/CloudTrail-Digest/')) continue
      for (const { kind, key } of files) if (kind === 'object') yield [folder + nameOf(key), key]
    }
  }

  /** What a digest says of where it and its log files were delivered. A digest under another name than its own says nothing. */
  learn(key: string, digest: Digest): void {
    if (nameOf(digest.digestS3Object) !== nameOf(key)) return
    this.#place(key, digest.digestS3Bucket, digest.digestS3Object)
    for (const { s3Bucket, s3Object } of digest.logFiles) {
      const claimed = keyOfName(nameOf(s3Object))
      if (claimed !== undefined && scopeOf(claimed) === scopeOf(key)) this.#place(claimed, s3Bucket, s3Object)
    }
  }

  #place(key: string, bucket: string, object: string): void {
    const name = parseObjectKey(object)
    if ((name.kind !== 'digest' && name.kind !== 'log-file') || !isPlain(bucket) || name.prefix.includes(AWS_LOGS)) return
    const organization = name.organizationId === null ? '' : `${name.organizationId}/`
    const root = `${bucket}/${name.prefix}${AWS_LOGS}${organization}`
    const folder = `${bucket}/${folderOf(object)}`
    const scope = scopeOf(key)
    const usual = this.#roots.get(scope)
    if (usual === undefined) this.#roots.set(scope, root)
    const known = this.#elsewhere.get(nameOf(key))
    if (known?.has(folder) === true || (known === undefined && (usual ?? root) + folderOf(key) === folder)) return
    if (++this.#places > MOST_PLACES)
      throw new VerifyTrailError('ERR_SOURCE', `digests name more than ${MOST_PLACES} log files in unusual places`)
    if (known === undefined) this.#elsewhere.set(nameOf(key), new Set([folder]))
    else known.add(folder)
  }

  get areSomeElsewhere(): boolean {
    return this.#elsewhere.size > 0
  }

  /** Folders in byte order, each with its files in byte order of their names. */
  settle(): Map<string, Entry[]> {
    const only = new Set(this.#roots.values()).size === 1 ? [...this.#roots.values()][0] : undefined
    const settled = new Map<string, Entry[]>()
    for (const [folder, files] of this.#folders) {
      const root = this.#roots.get(scopeOf(folder)) ?? only ?? AWS_LOGS
      for (const file of files) {
        for (const to of this.#elsewhere.get(nameOf(file.key)) ?? [root + folder]) {
          const there = settled.get(to)
          if (there === undefined) settled.set(to, [file])
          else there.push(file)
        }
      }
    }
    for (const files of settled.values())
      files.sort((a, b) => compareKeys(nameOf(a.key), nameOf(b.key)) || compareKeys(a.key, b.key))
    this.#folders.clear()
    return new Map([...settled].sort(([a], [b]) => compareKeys(a, b)))
  }
}

/** An export under the keys that its files' names stand for. */
export class NamedSource implements Source {
  readonly name: string
  readonly kind = 'export'
  readonly #inner: Source
  readonly #files: ReadonlyMap<string, readonly Entry[]>
  readonly #folders: readonly string[]
  readonly #unreadable: readonly UnlistedPart[]
  readonly strays: readonly string[]
  readonly #about: { readonly size: number; readonly others: number }
  declare readonly readNow?: (key: string, options?: ReadOptions) => ReadAnswer

  constructor(inner: Source, names: Names) {
    this.name = inner.name
    this.#inner = inner
    this.#files = names.settle()
    this.#folders = [...this.#files.keys()]
    this.#unreadable = names.unreadable
    this.strays = names.strays.sort(compareKeys)
    this.#about = { size: names.size, others: names.others }
    if (inner.readNow !== undefined) this.readNow = (key, options) => this.#readNow(key, options)
  }

  /** For the report, in which it is called `label`: what this run does not prove. */
  sentence(label: string): string {
    const { size, others } = this.#about
    const rest = others === 0 ? '' : ` ${others} other files, whose names are none that CloudTrail gives, were not looked at.`
    return `In ${label}, the folders of ${size} files were not looked at: their places are those that their names and the digests say.${rest}`
  }

  get ignored(): number {
    return this.#inner.ignored ?? 0
  }

  async folders(prefix: string): Promise<{ readonly folders: readonly string[]; readonly objects: readonly Entry[] }> {
    const folders: string[] = []
    for (const folder of this.#below(prefix)) {
      const child = folder === prefix ? undefined : folder.slice(0, folder.indexOf('/', prefix.length) + 1)
      if (child !== undefined && folders.at(-1) !== child) folders.push(child)
    }
    return { folders, objects: [...(prefix === '' ? this.#unreadable : []), ...this.#entries(prefix)] }
  }

  async *list(prefix: string): AsyncGenerator<Entry> {
    for await (const page of this.pages(prefix)) yield* page
  }

  async *pages(prefix: string): AsyncGenerator<readonly Entry[]> {
    let page: Entry[] = prefix === '' ? [...this.#unreadable] : []
    for (const folder of this.#below(prefix)) {
      page.push(...this.#entries(folder))
      if (page.length < PAGE) continue
      yield page
      page = []
    }
    yield page
  }

  sizeOf(key: string): number | undefined {
    const [file] = this.#filesOf(key)
    return file === undefined ? undefined : this.#inner.sizeOf?.(file.key)
  }

  /** Of several files of one name all are read: they must be equal. */
  async read(key: string, options: ReadOptions = {}): Promise<ReadAnswer> {
    const files = this.#filesOf(key)
    const [file, ...more] = files
    if (file === undefined) return { kind: 'missing' }
    const refused = files.find((one) => one.kind === 'unreadable')
    if (refused !== undefined) return { kind: 'unreadable', reason: refused.reason }
    const answer = await this.#inner.read(file.key, options)
    for (const other of more) if (!isEqual(answer, await this.#inner.read(other.key, options))) return differing(files)
    return answer
  }

  #readNow(key: string, options: ReadOptions = {}): ReadAnswer {
    const files = this.#filesOf(key)
    const [file, ...more] = files
    const read = (one: Entry): ReadAnswer => this.#inner.readNow?.(one.key, options) ?? { kind: 'missing' }
    if (file === undefined) return { kind: 'missing' }
    const refused = files.find((one) => one.kind === 'unreadable')
    if (refused !== undefined) return { kind: 'unreadable', reason: refused.reason }
    if (more.length === 0) return read(file)
    const first = read(file)
    const answer =
      first.kind === 'object' && first.body instanceof Uint8Array ? { ...first, body: Buffer.from(first.body) } : first
    return more.every((other) => isEqual(answer, read(other))) ? answer : differing(files)
  }

  *#below(prefix: string): Generator<string> {
    let low = 0
    let high = this.#folders.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compareKeys(this.#folders[middle] ?? '', prefix) < 0) low = middle + 1
      else high = middle
    }
    for (let at = low; this.#folders[at]?.startsWith(prefix); at++) yield this.#folders[at] ?? ''
  }

  #entries(folder: string): Entry[] {
    const entries: Entry[] = []
    let last = ''
    for (const { key, ...entry } of this.#files.get(folder) ?? []) {
      const name = nameOf(key)
      if (name !== last) entries.push({ ...entry, key: folder + name } as Entry)
      last = name
    }
    return entries
  }

  #filesOf(key: string): readonly Entry[] {
    const files = this.#files.get(folderOf(key)) ?? []
    const name = nameOf(key)
    let low = 0
    let high = files.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compareKeys(nameOf(files[middle]?.key ?? ''), name) < 0) low = middle + 1
      else high = middle
    }
    let end = low
    while (files[end] !== undefined && nameOf(files[end]?.key ?? '') === name) end++
    return files.slice(low, end)
  }
}

function isEqual(one: ReadAnswer, other: ReadAnswer): boolean {
  if (one.kind !== 'object' || other.kind !== 'object') return false
  return one.body instanceof Uint8Array && other.body instanceof Uint8Array && Buffer.compare(one.body, other.body) === 0
}

function differing(files: readonly Entry[]): ReadAnswer {
  const detail = `files of this name differ: ${files.map(({ key }) => key).join(', ')}`.slice(0, 1024)
  return { kind: 'unreadable', reason: 'duplicate-name', detail }
}

/** A folder's name. */
function isPlain(bucket: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,254}$/.test(bucket)
}

/** The name that a file had: what was inflated may have lost `.gz`. */
function nameOf(key: string): string {
  const name = key.slice(key.lastIndexOf('/') + 1)
  return isInflatedName(name) ? `${name}.gz` : name
}

function folderOf(key: string): string {
  return key.slice(0, key.lastIndexOf('/') + 1)
}

/** Account and region of a key below `AWSLogs/`. */
function scopeOf(key: string): string {
  const [account = '', , region = ''] = key.split('/', 3)
  return `${account}/${region}`
}
