/** A source that copies what is read from it: each object is read once, for the verification and for the export. */
import { isOfCloudTrail } from '../core/digest-metadata.js'
import type { StoredBytes } from '../core/measurement.js'
import type { ArchiveIdentity } from '../core/results.js'
import { versionsKey } from '../sources/export-records.js'
import type { MetadataFile } from '../sources/metadata-file.js'
import {
  BodyError,
  type FolderListing,
  type ListedObject,
  type ListOptions,
  type ReadAnswer,
  type ReadOptions,
  type Source,
  type SourceAddress,
  type UnlistedPart,
  type UnreadableObject,
  type VersionAnswer,
  type VersionHistory,
  type VersionListing,
} from '../sources/source.js'
import type { EvidenceTarget } from './evidence-target.js'
import { handingAddress, MOST_HANDED } from './handing-source.js'

const UNLOCKED = { retainUntil: null, legalHold: false }

export class CopyingSource implements Source {
  readonly name: string
  readonly kind: 'store' | 'export'
  declare readonly bucket?: string
  declare readonly path?: readonly string[]
  declare readonly prefix?: string
  declare readonly otherBucket?: (bucket: string) => Source | undefined
  declare readonly versions?: VersionHistory
  declare readonly archive?: () => Promise<ArchiveIdentity>
  declare readonly readNow?: (key: string, options?: ReadOptions) => ReadAnswer
  declare readonly readThere?: NonNullable<Source['readThere']>
  declare readonly pages?: (prefix: string, options?: ListOptions) => AsyncIterable<readonly (ListedObject | UnlistedPart)[]>
  readonly #inner: Source
  readonly #folder: string
  readonly #target: EvidenceTarget
  readonly #metadata: MetadataFile | undefined
  readonly #others = new Map<string, Source | undefined>()
  /** What another thread read, and is not what was copied: it was not handed over, or a copy was there before. */
  readonly #notHanded = new Set<string>()

  /** `folder`: what its keys begin with in the export. `metadata`: of objects that come without. */
  constructor(inner: Source, folder: string, target: EvidenceTarget, metadata?: MetadataFile) {
    this.#metadata = metadata
    this.#inner = inner
    this.#folder = folder
    this.#target = target
    this.name = inner.name
    this.kind = inner.kind
    const { bucket, path, prefix, versions } = inner
    if (bucket !== undefined) this.bucket = bucket
    if (path !== undefined) this.path = path
    if (prefix !== undefined) this.prefix = prefix
    if (inner.otherBucket !== undefined) this.otherBucket = (other) => this.#other(other)
    if (versions !== undefined) this.versions = this.#copyingVersions(versions)
    if (inner.archive !== undefined) this.archive = inner.archive.bind(inner)
    const readNow = inner.readNow?.bind(inner)
    if (readNow !== undefined) this.readNow = (key, options) => this.#readNow(key, () => readNow(key, options))
    if (inner.address !== undefined || inner.readThere !== undefined)
      this.readThere = (key, options, there) => this.#readThere(key, options, there)
    if (inner.pages !== undefined) this.pages = (below, options) => inner.pages?.(below, options) ?? nothing()
  }

  get ignored(): number {
    return this.#inner.ignored ?? 0
  }

  folders(prefix: string, options?: ListOptions): Promise<FolderListing | UnreadableObject> {
    return this.#inner.folders(prefix, options)
  }

  list(prefix: string, options?: ListOptions): AsyncIterable<ListedObject | UnlistedPart> {
    return this.#inner.list(prefix, options)
  }

  async read(key: string, options?: ReadOptions): Promise<ReadAnswer> {
    return this.#target.copied(this.#folder + key) ?? this.#copy(key, await this.#inner.read(key, options))
  }

  #copy(key: string, answer: ReadAnswer): Promise<ReadAnswer> {
    return this.#target.copy(this.#folder + key, this.#withMetadata(key, answer))
  }

  /** Bytes that are read at once are in memory that the next read uses again: a body that must wait is a copy of them. */
  #readNow(key: string, read: () => ReadAnswer): ReadAnswer {
    const full = this.#folder + key
    const known = this.#target.copied(full)
    if (known !== undefined) return known
    const answer = this.#withMetadata(key, read())
    const copied = this.#target.copyNow(full, answer)
    if (copied !== undefined) return copied
    if (answer.kind !== 'object') {
      this.#target.copyLater(full, answer)
      return answer
    }
    const body = answer.body instanceof Uint8Array ? Buffer.from(answer.body) : answer.body
    return { ...answer, body: bodyOf(() => this.#target.copy(full, { ...answer, body })) }
  }

  /** Read and measured by another thread, which hands over the bytes: what is verified and what is copied is one read. */
  async #readThere<T extends { readonly kind: string }>(
    key: string,
    options: ReadOptions,
    there: (address: SourceAddress) => Promise<T>,
  ): Promise<{ readonly kind: 'done'; readonly result: T } | ReadAnswer> {
    const copied = this.#target.copied(this.#folder + key)
    if (copied !== undefined) return copied
    const inner = this.#inner
    if ((options.size ?? 0) > MOST_HANDED[this.kind]) return this.read(key, options)
    const handing = (at: SourceAddress): Promise<T> => there(handingAddress(at))
    const answer =
      inner.readThere !== undefined
        ? await inner.readThere(key, options, handing)
        : inner.address !== undefined
          ? { kind: 'done' as const, result: await handing(inner.address) }
          : await inner.read(key, options)
    if (answer.kind !== 'done') return this.#copy(key, answer)
    const isCopied = answer.result.kind === 'measured' && !this.#notHanded.delete(key)
    return isCopied ? answer : this.read(key, options)
  }

  async readElsewhere(key: string, stored: StoredBytes | null): Promise<void> {
    const { object } = stored ?? {}
    if (object !== undefined && object.body.length === stored?.bytes) {
      const answer = this.#withMetadata(key, { kind: 'object', ...object, stored: () => stored })
      if ((await this.#target.copy(this.#folder + key, answer)) === answer) return
    }
    this.#notHanded.add(key)
  }

  /** What is saved in a file of its own goes into the export with the object. */
  #withMetadata(key: string, answer: ReadAnswer): ReadAnswer {
    if (answer.kind !== 'object' || this.#metadata === undefined || isOfCloudTrail(answer.metadata)) return answer
    const slash = key.indexOf('/')
    const places = [
      [this.bucket ?? this.path?.at(-1) ?? '', key],
      [key.slice(0, slash), key.slice(slash + 1)],
    ] as const
    for (const [bucket, place] of places) {
      const found = this.#metadata.lookup(bucket, place)
      if (found.kind === 'found') return { ...answer, metadata: found.metadata, metadataFrom: 'file' }
    }
    return answer
  }

  /** That there is such a folder: nothing lies at its own key. */
  async copyFolder(prefix: string): Promise<void> {
    await this.#target.copy(this.#folder + prefix, { kind: 'missing' })
  }

  /** Copies an object that nobody else reads, where it was not copied yet. */
  async copyOnly(key: string, size: number | undefined): Promise<void> {
    if (this.#target.has(this.#folder + key)) return
    await this.read(key, size === undefined ? {} : { size })
  }

  /** Lies beside the others. */
  #other(bucket: string): Source | undefined {
    if (!this.#others.has(bucket)) {
      const other = this.#inner.otherBucket?.(bucket)
      this.#others.set(
        bucket,
        other === undefined ? undefined : new CopyingSource(other, `${bucket}/`, this.#target, this.#metadata),
      )
    }
    return this.#others.get(bucket)
  }

  #copyingVersions(inner: VersionHistory): VersionHistory {
    return {
      list: async (key, options) => {
        const at = versionsKey(this.#folder + key)
        const known = this.#target.copied(at)
        if (known?.kind === 'object' && known.body instanceof Uint8Array) return JSON.parse(known.body.toString())
        const listing: VersionListing = await inner.list(key, options)
        await this.#target.copy(at, { kind: 'object', body: Buffer.from(JSON.stringify(listing)) })
        return listing
      },
      read: async (key, versionId, options) => {
        const at = versionsKey(this.#folder + key, versionId)
        const answer: ReadAnswer =
          this.#target.copied(at) ?? (await this.#target.copy(at, await inner.read(key, versionId, options)))
        return withLock(answer)
      },
    }
  }
}

function withLock(answer: ReadAnswer & { readonly lock?: typeof UNLOCKED }): VersionAnswer {
  return answer.kind === 'object' ? { ...answer, lock: answer.lock ?? UNLOCKED } : answer
}

/** The body of an answer that is still to come. */
async function* bodyOf(copy: () => Promise<ReadAnswer>): AsyncGenerator<Uint8Array> {
  const answer = await copy()
  if (answer.kind === 'object') yield* answer.body instanceof Uint8Array ? [answer.body] : answer.body
  else if (answer.kind === 'unreadable') throw new BodyError(answer.reason, answer.detail ?? 'it could not be read')
}

async function* nothing(): AsyncGenerator<never> {}
