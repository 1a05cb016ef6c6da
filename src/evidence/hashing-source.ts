/** A source that sums up what is read from it, by this thread and by others: each object's bytes as stored. */
import { createHash } from 'node:crypto'
import type { StoredBytes } from '../core/measurement.js'
import type { ArchiveIdentity } from '../core/results.js'
import type {
  FolderListing,
  ListedObject,
  ListOptions,
  ReadAnswer,
  ReadObject,
  ReadOptions,
  Source,
  SourceAddress,
  UnlistedPart,
  UnreadableObject,
  VersionHistory,
} from '../sources/source.js'
import { addressesThrough, openThrough, type ReadHere } from '../sources/source-address.js'

/** Is told of each object that was read; null where that was not to its end. Of one that was read twice, twice. */
export interface Sums {
  object(key: string, stored: StoredBytes | null): void
  /** What is not in the place that the source is of: another bucket, an older version. */
  apart(name: string, stored: StoredBytes | null): void
}

export class HashingSource implements Source {
  readonly name: string
  readonly kind: 'store' | 'export'
  declare readonly bucket?: string
  declare readonly original?: (root: string) => { readonly bucket: string; readonly prefix: string } | undefined
  declare readonly standsFor?: string
  declare readonly asStored?: boolean
  declare readonly path?: readonly string[]
  declare readonly prefix?: string
  declare readonly archive?: () => Promise<ArchiveIdentity>
  declare readonly pages?: (prefix: string, options?: ListOptions) => AsyncIterable<readonly (ListedObject | UnlistedPart)[]>
  declare readNow?: (key: string, options?: ReadOptions) => ReadAnswer
  declare readonly sizeOf?: (key: string) => number | undefined
  declare readonly identify?: (key: string) => string | undefined
  declare otherBucket?: (bucket: string) => Source | undefined
  declare readonly versions?: VersionHistory
  declare readonly address?: SourceAddress
  declare readThere?: NonNullable<Source['readThere']>
  readonly #inner: Source
  readonly #sums: Sums

  constructor(inner: Source, sums: Sums) {
    this.#inner = inner
    this.#sums = sums
    this.name = inner.name
    this.kind = inner.kind
    const { bucket, standsFor, asStored, path, prefix } = inner
    for (const [name, value] of Object.entries({ bucket, standsFor, asStored, path, prefix }))
      if (value !== undefined) Object.assign(this, { [name]: value })
    for (const name of ['original', 'archive', 'pages', 'sizeOf', 'identify'] as const)
      if (inner[name] !== undefined) Object.assign(this, { [name]: inner[name].bind(inner) })
    this.#takeReads(inner)
    if (inner.versions !== undefined) this.versions = this.#versionsOf(inner.versions)
  }

  #takeReads(inner: Source): void {
    const { address } = inner
    if (address !== undefined) Object.assign(this, { address: hashingAddress(address) })
    if (inner.readNow !== undefined)
      this.readNow = (key, options) => this.#take(key, inner.readNow?.(key, options) ?? { kind: 'missing' })
    if (inner.otherBucket !== undefined) this.otherBucket = (bucket) => this.#other(inner.otherBucket?.(bucket))
    const readThere = inner.readThere?.bind(inner)
    if (readThere === undefined) return
    this.readThere = async (key, options, there) => {
      const answer = await readThere(key, options, (at) => there(hashingAddress(at)))
      return answer.kind === 'done' ? answer : this.#take(key, answer)
    }
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
    return this.#take(key, await this.#inner.read(key, options))
  }

  readElsewhere(key: string, stored: StoredBytes | null): void {
    this.#sums.object(key, stored)
  }

  async close(): Promise<void> {
    await this.#inner.close?.()
  }

  #take(key: string, answer: ReadAnswer): ReadAnswer {
    if (answer.kind === 'object' && answer.sidecar !== undefined)
      this.#sums.object(answer.sidecar.key, storedBytes(answer.sidecar.bytes))
    return summed(answer, (stored) => this.#sums.object(key, stored))
  }

  #other(other: Source | undefined): Source | undefined {
    if (other === undefined) return undefined
    const apart = (name: string, stored: StoredBytes | null): void => this.#sums.apart(name, stored)
    return new HashingSource(other, { apart, object: (key, stored) => apart(`${other.name}/${key}`, stored) })
  }

  #versionsOf(inner: VersionHistory): VersionHistory {
    return {
      list: (key, options) => inner.list(key, options),
      read: async (key, versionId, options) => {
        const answer = await inner.read(key, versionId, options)
        return summed(answer, (stored) => this.#sums.apart(`s3://${this.bucket ?? ''}/${key}?versionId=${versionId}`, stored))
      },
    }
  }
}

export function storedBytes(bytes: Uint8Array): StoredBytes {
  return { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }
}

/** The answer, summed up: at once where its body is whole, else when that was read. */
function summed<A extends ReadAnswer>(answer: A, tell: (stored: StoredBytes | null) => void): A {
  if (answer.kind !== 'object') return answer
  const { body }: ReadObject = answer
  if (body instanceof Uint8Array) {
    const stored = storedBytes(body)
    tell(stored)
    return { ...answer, stored: () => stored }
  }
  let stored: StoredBytes | null = null
  const passed = passOn(body, (all) => {
    stored = all
    tell(all)
  })
  return { ...answer, body: passed, stored: () => stored }
}

/** Chunks as they are. A body that breaks off was not read: of that, nothing is told. */
async function* passOn(
  chunks: AsyncIterable<Uint8Array>,
  tell: (stored: StoredBytes | null) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = createHash('sha256')
  let bytes = 0
  let isLeft = true
  try {
    for await (const chunk of chunks) {
      hash.update(chunk)
      bytes += chunk.length
      yield chunk
    }
    isLeft = false
    tell({ bytes, sha256: hash.digest('hex') })
  } catch (error) {
    isLeft = false
    throw error
  } finally {
    if (isLeft) tell(null)
  }
}

const hashingAddress = addressesThrough(import.meta.url, 'openHashing')

/** For worker threads: opens the source at another address. */
export function openHashing(address: SourceAddress): Promise<ReadHere> {
  return openThrough(address, (answer) => summed(answer, () => undefined))
}
