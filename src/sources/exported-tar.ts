/** What a tar of `verify-trail export` is more than another tar: it says what its folders were, and what was asked of the store beside them. */
import { isJsonObject, parseJson } from '../core/json.js'
import type { ArchiveReader } from './archive-reader.js'
import { type ExportedRoot, LOCK, versionsKey } from './export-records.js'
import type {
  FolderListing,
  ListedObject,
  ObjectLock,
  ObjectVersion,
  Source,
  VersionAnswer,
  VersionHistory,
  VersionListing,
} from './source.js'

/** The members of a `Source` that only such a tar has. */
export function exportedMembers(
  roots: readonly ExportedRoot[],
  reader: ArchiveReader,
): Pick<Source, 'original' | 'otherBucket' | 'versions' | 'asStored' | 'standsFor'> {
  const ofStores = roots.length > 0 && roots.every(({ bucket }) => bucket !== null)
  if (!ofStores) return {}
  return {
    asStored: true,
    ...(roots[0] === undefined
      ? {}
      : { standsFor: `s3://${roots[0].bucket}${roots[0].prefix === '' ? '' : `/${roots[0].prefix.slice(0, -1)}`}` }),
    original: (root) => {
      const end = root.indexOf('/')
      return end === -1 ? undefined : { bucket: root.slice(0, end), prefix: root.slice(end + 1) }
    },
    otherBucket: (bucket) => new OtherBucket(bucket, reader),
    versions: versionsOf(reader, ''),
  }
}

/** A bucket that the export's sources led to: its objects are read by their keys. */
class OtherBucket implements Source {
  readonly name: string
  readonly kind = 'export'
  readonly asStored = true
  readonly versions: VersionHistory
  readonly #folder: string
  readonly #reader: ArchiveReader

  constructor(bucket: string, reader: ArchiveReader) {
    this.name = `s3://${bucket}`
    this.#folder = `${bucket}/`
    this.#reader = reader
    this.versions = versionsOf(reader, this.#folder)
  }

  async folders(): Promise<FolderListing> {
    return { folders: [], objects: [] }
  }

  async *list(): AsyncGenerator<ListedObject> {}

  async read(key: string, options = {}): ReturnType<Source['read']> {
    return this.#reader.read(this.#folder + key, options)
  }
}

const NOT_ASKED = { kind: 'unreadable', reason: 'bucket-not-given', detail: 'not in the export' } as const

/** The versions that were asked for when it was written. */
function versionsOf(reader: ArchiveReader, folder: string): VersionHistory {
  return {
    list: async (key) => {
      const answer = reader.read(versionsKey(folder + key), {})
      return answer.kind === 'object' && answer.body instanceof Uint8Array ? parseListing(answer.body) : NOT_ASKED
    },
    read: async (key, versionId): Promise<VersionAnswer> => {
      const at = versionsKey(folder + key, versionId)
      const answer = reader.read(at, {})
      return answer.kind === 'object' ? { ...answer, lock: parseLock(reader.record(at, LOCK)) } : answer
    },
  }
}

function parseListing(bytes: Uint8Array): VersionListing {
  const json = parseJson(bytes)
  if (!json.ok || !isJsonObject(json.value) || json.value['kind'] !== 'versions' || !Array.isArray(json.value['versions']))
    return NOT_ASKED
  const versions = json.value['versions'].flatMap(parseVersion)
  return { kind: 'versions', versions, complete: json.value['complete'] === true }
}

function parseVersion(value: unknown): ObjectVersion[] {
  if (!isJsonObject(value)) return []
  const { kind, versionId, lastModified, size, isLatest } = value
  if (kind !== 'version' && kind !== 'delete-marker') return []
  if (typeof versionId !== 'string' || typeof lastModified !== 'string' || typeof size !== 'number') return []
  return [{ kind, versionId, lastModified, size, isLatest: isLatest === true }]
}

function parseLock(record: Uint8Array | undefined): ObjectLock {
  const json = record === undefined ? undefined : parseJson(record)
  const { retainUntil, legalHold } = json?.ok === true && isJsonObject(json.value) ? json.value : {}
  return { retainUntil: typeof retainUntil === 'string' ? retainUntil : null, legalHold: legalHold === true }
}
