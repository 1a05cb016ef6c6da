/**
 * Where a chain ends and a store keeps versions: whether the digest that would have followed an hour later was there. It is told, and
 * vouches for nothing. Digests after a restart have other times: of these, and of what came after the next one, nothing is found.
 */
import { checkDigest, type DigestRecord, digestInterval, objectName } from '../core/check-digest.js'
import { HOUR } from '../core/coverage.js'
import type { ObjectVersions } from '../core/findings.js'
import type { JudgedChain } from '../core/judge-chain.js'
import { type DigestKey, parseObjectKey } from '../core/object-key.js'
import { formatTime } from '../core/time.js'
import type { ObjectLock, ObjectVersion, Source, VersionHistory } from '../sources/source.js'
import type { Run } from './run.js'

/** The oldest was there first; whoever may write may add any number. */
const MOST_VERSIONS = 8

/** The chain, with what versions there are of its next digest where its hours end. */
export async function searchNextDigest(run: Run, chain: JudgedChain): Promise<JudgedChain> {
  const newest = chain.chain.digests.findLast(({ vouches }) => vouches)?.record
  const end = newest === undefined ? undefined : digestInterval(newest).end
  const gap = chain.gaps.find(({ start, reason }) => start === end && (reason === 'after-last' || reason === 'logging-stopped'))
  if (newest === undefined || gap === undefined) return chain
  const versions = await versionsOf(run, newest, newest.name.endTime + HOUR)
  if (versions === undefined) return chain
  return { ...chain, gaps: chain.gaps.map((one) => (one === gap ? { ...one, versions } : one)) }
}

/** Undefined where no versions can be had, or there are none. */
async function versionsOf(run: Run, newest: DigestRecord, endTime: number): Promise<ObjectVersions | undefined> {
  const { bucket } = newest
  const key = keyAt(newest, endTime)
  const name = parseObjectKey(key)
  const at = run.places.locate(bucket, key).find(({ source }) => source.versions !== undefined)
  const history = at?.source.versions
  if (at === undefined || history === undefined || name.kind !== 'digest') return undefined
  const listing = await history.list(at.key, { signal: run.signal })
  if (listing.kind === 'unreadable' || listing.versions.length === 0) return undefined
  const old = listing.versions.filter(({ kind, isLatest }) => kind === 'version' && !isLatest).reverse()
  const place = { bucket, key, name, place: at.place, sourceKey: at.key }
  const object = objectName({ bucket: at.source.bucket ?? bucket, key: at.key })
  let searched = 0
  for (const version of old.slice(0, MOST_VERSIONS)) {
    const lock = await intactLock(run, place, at.source, history, version)
    searched++
    if (lock === undefined) continue
    const { versionId, lastModified } = version
    const replacedBy = replacement(listing.versions[listing.versions.indexOf(version) - 1])
    return { object, searched, complete: true, intact: { versionId, lastModified, ...lock }, replacedBy }
  }
  const complete = listing.complete && searched === old.length
  return { object, searched, complete, intact: null, replacedBy: replacement(listing.versions[0]) }
}

/** What keeps the version from being deleted, where it is a digest that CloudTrail signed. */
async function intactLock(
  run: Run,
  digest: {
    readonly bucket: string
    readonly key: string
    readonly name: DigestKey
    readonly place: number
    readonly sourceKey: string
  },
  source: Source,
  history: VersionHistory,
  { versionId, size }: ObjectVersion,
): Promise<ObjectLock | undefined> {
  let lock: ObjectLock | undefined
  const read: Source['read'] = async (key, options) => {
    const answer = await history.read(key, versionId, { ...options, size })
    if (answer.kind === 'object') lock = answer.lock
    return answer
  }
  const old: Source = {
    name: source.name,
    kind: source.kind,
    folders: (prefix) => source.folders(prefix),
    list: (prefix) => source.list(prefix),
    read,
  }
  const { record } = await run.reader.read({ ...digest, source: old, ordinal: -1 })
  const { proven, observations } = checkDigest(record)
  return proven && observations.length === 0 ? lock : undefined
}

/** The key of the digest of this chain that ends then. */
function keyAt({ key, name }: DigestRecord, endTime: number): string {
  const { accountId, region, trail, homeRegion } = name
  const [day = '', time = ''] = formatTime(endTime).split('T')
  const folder = key.slice(0, key.lastIndexOf(`/${region}/`) + region.length + 2)
  const stamp = `${day}T${time}`.replaceAll(/[-:]/g, '')
  return `${folder}${day.replaceAll('-', '/')}/${accountId}_CloudTrail-Digest_${region}_${trail}_${homeRegion}_${stamp}.json.gz`
}

function replacement(version: ObjectVersion | undefined): ObjectVersions['replacedBy'] {
  if (version === undefined) return null
  const { kind, versionId, lastModified } = version
  return { kind, versionId, lastModified }
}
