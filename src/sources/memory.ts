/** Objects held in memory: for tests, for objects that come from elsewhere, and as the shortest example of a `Source`. */
import { compareKeys } from '../core/compare-keys.js'
import type {
  FolderListing,
  ListedObject,
  ListOptions,
  ObjectLock,
  ObjectVersion,
  ReadAnswer,
  ReadOptions,
  Source,
  VersionHistory,
} from './source.js'

/** An object's bytes, alone or with its user metadata. Bytes alone: metadata is not carried. */
export type MemoryObject = Uint8Array | { readonly bytes: Uint8Array; readonly metadata?: Readonly<Record<string, string>> }

/** A version of an object, or, without bytes, a delete marker. */
export interface MemoryVersion {
  readonly versionId: string
  /** ISO 8601 UTC. */
  readonly lastModified: string
  readonly bytes?: Uint8Array
  readonly metadata?: Readonly<Record<string, string>>
  readonly lock?: ObjectLock
}

/** What a source in memory holds, and what it says of itself. */
export interface MemorySourceOptions {
  /** What reports call it. */
  readonly name: string
  /** The bucket whose keys these are, where that is certain. */
  readonly bucket?: string
  /** @default 'export' */
  readonly kind?: 'store' | 'export'
  /** Names that may be the bucket's, outermost first, as of the directories that lead to an export. */
  readonly path?: readonly string[]
  /** Where to begin looking for `AWSLogs/`: empty, or ends in `/`. */
  readonly prefix?: string
  /** Other buckets of the same store. */
  readonly otherBucket?: (bucket: string) => Source | undefined
  /** Full key to object. The keys are taken as of the call; the bytes are not copied. */
  readonly objects: ReadonlyMap<string, MemoryObject>
  /** Full key to its versions, the current one first. Undefined: versions cannot be asked for. */
  readonly versions?: ReadonlyMap<string, readonly MemoryVersion[]>
}

/** A source of the given objects. It answers at once and never fails; its listing is in byte order whatever the map's order. */
export function memorySource(options: MemorySourceOptions): Source {
  return new MemorySource(options)
}

class MemorySource implements Source {
  readonly name: string
  readonly kind: 'store' | 'export'
  declare readonly bucket?: string
  declare readonly path?: readonly string[]
  declare readonly prefix?: string
  declare readonly otherBucket?: (bucket: string) => Source | undefined
  declare readonly versions?: VersionHistory
  readonly #objects: ReadonlyMap<string, MemoryObject>
  readonly #keys: readonly string[]

  constructor({ name, kind = 'export', objects, versions, ...certain }: MemorySourceOptions) {
    this.name = name
    this.kind = kind
    this.#objects = new Map(objects)
    this.#keys = [...objects.keys()].sort(compareKeys)
    Object.assign(this, certain, versions === undefined ? {} : { versions: versionHistory(versions) })
  }

  async folders(prefix: string, options: ListOptions = {}): Promise<FolderListing> {
    options.signal?.throwIfAborted()
    const folders: string[] = []
    const objects: ListedObject[] = []
    let at = this.#firstFrom(prefix)
    for (let key = this.#keys[at]; key?.startsWith(prefix); key = this.#keys[at]) {
      const slash = key.indexOf('/', prefix.length)
      // A key `folder/` is that folder's own marker: below the prefix there is the folder, as S3 answers with a delimiter.
      if (slash === -1) {
        if (options.passOver?.(key) !== true) objects.push(this.#listed(key))
      } else folders.push(key.slice(0, slash + 1))
      // '0' follows '/' in byte order: the first key past everything in the folder.
      at = slash === -1 ? at + 1 : this.#firstFrom(`${key.slice(0, slash)}0`)
    }
    return { folders, objects }
  }

  async *list(prefix: string, options: ListOptions = {}): AsyncGenerator<ListedObject> {
    let at = this.#firstFrom(prefix)
    for (let key = this.#keys[at]; key?.startsWith(prefix); key = this.#keys[++at]) {
      options.signal?.throwIfAborted()
      yield this.#listed(key)
    }
  }

  async read(key: string, options: ReadOptions = {}): Promise<ReadAnswer> {
    options.signal?.throwIfAborted()
    const object = this.#objects.get(key)
    if (object === undefined) return { kind: 'missing' }
    if (object instanceof Uint8Array) return { kind: 'object', body: object }
    const { bytes, metadata } = object
    return { kind: 'object', body: bytes, ...(metadata !== undefined && { metadata }) }
  }

  #listed(key: string): ListedObject {
    const object = this.#objects.get(key)
    const bytes = object instanceof Uint8Array ? object : object?.bytes
    return { kind: 'object', key, size: bytes?.length ?? 0 }
  }

  /** Index of the first key not before `key`. */
  #firstFrom(key: string): number {
    let low = 0
    let high = this.#keys.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compareKeys(this.#keys[middle] ?? '', key) < 0) low = middle + 1
      else high = middle
    }
    return low
  }
}

const UNLOCKED: ObjectLock = { retainUntil: null, legalHold: false }

function versionHistory(all: ReadonlyMap<string, readonly MemoryVersion[]>): VersionHistory {
  return {
    list: async (key) => {
      const versions = (all.get(key) ?? []).map(({ versionId, lastModified, bytes }, index): ObjectVersion => {
        const kind = bytes === undefined ? 'delete-marker' : 'version'
        return { kind, versionId, lastModified, size: bytes?.length ?? 0, isLatest: index === 0 }
      })
      return { kind: 'versions', versions, complete: true }
    },
    read: async (key, wanted) => {
      const { bytes, metadata = {}, lock = UNLOCKED } = all.get(key)?.find(({ versionId }) => versionId === wanted) ?? {}
      return bytes === undefined ? { kind: 'missing' } : { kind: 'object', body: bytes, metadata, lock }
    },
  }
}
