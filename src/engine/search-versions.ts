/**
 * Looks in a versioned bucket for what an object was before it was deleted or changed. What is found is told and changes nothing:
 * an intact old version does not make the current one valid, and a digest's old version vouches for nothing.
 */
import pLimit from 'p-limit'
import { objectName, previousOf } from '../core/check-digest.js'
import type { ObjectVersions } from '../core/findings.js'
import type { JudgedChain } from '../core/judge-chain.js'
import { type LostContent, lostContent } from '../core/lost-content.js'
import type { Result, Summary } from '../core/results.js'
import type { ObjectLock, ObjectVersion, Source, VersionHistory } from '../sources/source.js'
import { ReadObjectToMeasure } from './measurer.js'
import type { Run } from './run.js'

/** Of one account and region: a bucket that was emptied must not be searched for days. */
const OBJECTS = 1000
const OBJECTS_AT_ONCE = 8
/** CloudTrail's own was there first: the oldest are read, and some of the newest. */
const OLDEST = 24
const NEWEST = 8
const BYTES_PER_OBJECT = 256 * 1024 * 1024

export class VersionSearch {
  readonly #run: Run
  readonly #limit = pLimit(OBJECTS_AT_ONCE)
  #left = OBJECTS

  constructor(run: Run) {
    this.#run = run
  }

  /**
   * The results, with the versions of what was lost. Called in the order of the results, so that equal runs search the same.
   * `signedHash`: what a valid digest says of an object's content.
   */
  attach(results: readonly Told[], signedHash: SignedHash): readonly Told[] | Promise<readonly Told[]> {
    const searches = new Map<string, Promise<ObjectVersions> | undefined>()
    const found = results.map((result) => {
      if (result.kind !== 'finding') return result
      const lost = lostContent(result, signedHash)
      if (lost === undefined) return result
      const name = `${lost.expected} ${lost.object}`
      const search = searches.has(name) ? searches.get(name) : this.#start(lost)
      searches.set(name, search)
      return search === undefined ? result : search.then((versions) => ({ ...result, versions }))
    })
    return found.some((result) => result instanceof Promise) ? Promise.all(found) : results
  }

  /** Undefined where no source keeps versions of it. */
  #start({ object, expected }: LostContent): Promise<ObjectVersions> | undefined {
    const slash = object.indexOf('/', SCHEME.length)
    const [bucket, key] = [object.slice(SCHEME.length, slash), object.slice(slash + 1)]
    const location = this.#run.places.locate(bucket, key).find(({ source }) => source.versions !== undefined)
    if (location?.source.versions === undefined) return undefined
    const at = nameOf(location.source, location.key) ?? object
    if (this.#left-- <= 0) return Promise.resolve({ object: at, ...NOTHING, complete: false })
    const kept = { source: location.source, key: location.key, history: location.source.versions }
    const search = this.#limit(() => this.#search(kept, expected))
    // It is met when its page's turn comes.
    search.catch(() => undefined)
    return search.then((found) => ({ object: at, ...found }))
  }

  async #search(kept: KeptVersions, expected: string): Promise<Omit<ObjectVersions, 'object'>> {
    const { signal } = this.#run
    signal.throwIfAborted()
    const listing = await kept.history.list(kept.key, { signal })
    if (listing.kind === 'unreadable') return { ...NOTHING, complete: false, reason: listing.reason }
    const { versions } = listing
    const wanted = worthReading(versions)
    let searched = 0
    let bytes = 0
    let { complete } = listing
    let reason: ObjectVersions['reason']
    for (const version of wanted) {
      bytes += version.size
      if (bytes > BYTES_PER_OBJECT) break
      const answer = await this.#read(kept, version, expected)
      if (answer.kind === 'unreadable') reason ??= answer.reason
      if (answer.kind !== 'read') continue
      searched++
      if (answer.intact === undefined) continue
      const { versionId, lastModified } = version
      const intact = { versionId, lastModified, ...answer.intact }
      return { searched, complete: true, intact, replacedBy: toReplacement(versions[versions.indexOf(version) - 1]) }
    }
    complete = complete && searched === versions.filter(isOld).length
    const replacedBy = versions.length > 1 || versions[0]?.kind === 'delete-marker' ? toReplacement(versions[0]) : null
    return { searched, complete, ...(reason === undefined ? {} : { reason }), intact: null, replacedBy }
  }

  async #read({ source, key, history }: KeptVersions, version: ObjectVersion, expected: string): Promise<Reading> {
    const { signal, options } = this.#run
    const answer = await history.read(key, version.versionId, { signal, size: version.size })
    if (answer.kind !== 'object') return answer
    const settings = { maxInflatedBytes: options.maxInflatedBytes, twice: options.doubleCheck }
    const fact = await new ReadObjectToMeasure(source, `${key}?versionId=${version.versionId}`, settings).measure(answer)
    if (fact.kind !== 'measured') return fact
    const { measurement } = fact
    const intact =
      measurement.kind === 'measured' &&
      measurement.gzip &&
      measurement.damage === null &&
      measurement.trailing === null &&
      measurement.sha256 === expected
    return { kind: 'read', intact: intact ? answer.lock : undefined }
  }
}

type Told = Exclude<Result, Summary>

/** What a valid digest says of the content of `s3://bucket/key`. */
type SignedHash = (object: string) => string | undefined

/** Of one object. */
interface KeptVersions {
  readonly source: Source
  readonly key: string
  readonly history: VersionHistory
}

type Reading =
  | { readonly kind: 'read'; readonly intact: ObjectLock | undefined }
  | { readonly kind: 'missing' }
  | { readonly kind: 'unreadable'; readonly reason: NonNullable<ObjectVersions['reason']> }

const SCHEME = 's3://'
const NOTHING = { searched: 0, intact: null, replacedBy: null } as const

/** Where its versions are: of a replica, not the original place. */
function nameOf({ bucket }: Source, key: string): string | undefined {
  return bucket === undefined ? undefined : `${SCHEME}${bucket}/${key}`
}

/** The current one is what the finding is about. */
function isOld(version: ObjectVersion): boolean {
  return version.kind === 'version' && !version.isLatest
}

function worthReading(versions: readonly ObjectVersion[]): readonly ObjectVersion[] {
  const old = versions.filter(isOld).reverse()
  return old.length <= OLDEST + NEWEST ? old : [...old.slice(0, OLDEST), ...old.slice(-NEWEST).reverse()]
}

function toReplacement(version: ObjectVersion | undefined): ObjectVersions['replacedBy'] {
  if (version === undefined) return null
  const { kind, versionId, lastModified } = version
  return { kind, versionId, lastModified }
}

/** What valid digests say of the content of those before them, by `s3://bucket/key`. */
export function signedHashes({ chain }: JudgedChain): SignedHash {
  const hashes = new Map<string, string>()
  for (const { record, vouches } of chain.digests) {
    const previous = vouches ? previousOf(record) : null
    if (previous?.hashAlgorithm !== 'SHA-256') continue
    hashes.set(objectName({ bucket: previous.s3Bucket, key: previous.s3Object }), previous.hashValue)
  }
  return (object) => hashes.get(object)
}

/** What digests say of the content of log files on this page. */
export function listedHashes(page: readonly Told[]): SignedHash {
  return (object) => {
    const found = page.find((result) => result.kind === 'log-file' && result.object === object)
    return found?.kind === 'log-file' ? (found.expected ?? undefined) : undefined
  }
}
