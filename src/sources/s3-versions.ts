/** The versions of single objects in a bucket on S3. */
import { Readable } from 'node:stream'
import type { GetObjectCommandOutput, ListObjectVersionsCommandOutput } from '@aws-sdk/client-s3'
import { collectBody } from '../aws/collect-body.js'
import { TransferError } from '../aws/failure.js'
import type { S3Bucket } from '../aws/s3-bucket.js'
import type { StallWatch } from '../aws/stall-watch.js'
import { formatTime } from '../core/time.js'
import { answerTo } from './s3-answers.js'
import type { ListOptions, ObjectVersion, ReadOptions, VersionAnswer, VersionHistory, VersionListing } from './source.js'

/** Whoever may write may make any number of versions. */
const MOST_PAGES = 10
const PAGE = 1000
/** A version is read whole or not at all. */
const MOST_BYTES = 64 * 1024 * 1024

/** Rights beyond those of a run: `s3:ListBucketVersions`, `s3:GetObjectVersion`; `s3:GetObjectRetention` to see locks. */
export class S3Versions implements VersionHistory {
  readonly #bucket: S3Bucket
  readonly #watch: StallWatch

  constructor(bucket: S3Bucket) {
    this.#bucket = bucket
    this.#watch = bucket.store.watch
  }

  async list(key: string, { signal }: ListOptions = {}): Promise<VersionListing> {
    const versions: ObjectVersion[] = []
    let marker: string | undefined
    try {
      for (let pages = 0; pages < MOST_PAGES; pages++) {
        const from = marker === undefined ? {} : { KeyMarker: key, VersionIdMarker: marker }
        const page = await this.#bucket.listVersions({ Prefix: key, MaxKeys: PAGE, ...from }, signal)
        const { own, others } = versionsOn(page, key)
        versions.push(...own)
        // The key itself comes before all keys that begin with it.
        const ends = others || page.IsTruncated !== true
        const next = page.NextVersionIdMarker
        if (ends || next === undefined || next === marker)
          return { kind: 'versions', versions: inOrder(versions), complete: ends }
        marker = next
      }
      return { kind: 'versions', versions: inOrder(versions), complete: false }
    } catch (error) {
      const answer = answerTo(error, signal)
      return answer.kind === 'unreadable' ? answer : { kind: 'unreadable', reason: 'network' }
    }
  }

  async read(key: string, versionId: string, { signal, size }: ReadOptions = {}): Promise<VersionAnswer> {
    if (size !== undefined && size > MOST_BYTES) return { kind: 'unreadable', reason: 'too-large' }
    try {
      return await this.#bucket.getVersion(key, versionId, (answer) => this.#take(answer), signal)
    } catch (error) {
      return answerTo(error, signal)
    }
  }

  async #take(answer: GetObjectCommandOutput): Promise<VersionAnswer> {
    const { Body: stream, ContentLength: length, Metadata: metadata } = answer
    if (!(stream instanceof Readable)) throw new TransferError('cut', 'the answer has no body')
    if (length === undefined || length > MOST_BYTES) {
      stream.once('error', () => undefined).destroy()
      return { kind: 'unreadable', reason: 'too-large' }
    }
    const body = await collectBody(stream, length, this.#watch)
    const retainUntil = answer.ObjectLockRetainUntilDate
    const lock = {
      retainUntil: retainUntil === undefined ? null : formatTime(retainUntil.getTime()),
      legalHold: answer.ObjectLockLegalHoldStatus === 'ON',
    }
    return { kind: 'object', body, metadata: { ...metadata }, lock }
  }
}

function versionsOn(page: ListObjectVersionsCommandOutput, key: string): { own: ObjectVersion[]; others: boolean } {
  const isOwn = ({ Key = '' }: { readonly Key?: string | undefined }): boolean => decodeKey(Key, page) === key
  const all = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])]
  const versions = (page.Versions ?? []).filter(isOwn).map((version) => toVersion('version', version, version.Size ?? 0))
  const markers = (page.DeleteMarkers ?? []).filter(isOwn).map((marker) => toVersion('delete-marker', marker, 0))
  return { own: [...markers, ...versions], others: versions.length + markers.length < all.length }
}

interface Listed {
  readonly VersionId?: string | undefined
  readonly LastModified?: Date | undefined
  readonly IsLatest?: boolean | undefined
}

function toVersion(kind: ObjectVersion['kind'], listed: Listed, size: number): ObjectVersion {
  const { VersionId: versionId = 'null', LastModified: time, IsLatest: isLatest = false } = listed
  return { kind, versionId, lastModified: formatTime(time?.getTime() ?? 0), size, isLatest }
}

/** The newest first. The SDK gives versions and delete markers apart; of one second, the marker is taken to be the newer. */
function inOrder(versions: ObjectVersion[]): ObjectVersion[] {
  return versions.sort(
    (a, b) => Number(b.isLatest) - Number(a.isLatest) || Date.parse(b.lastModified) - Date.parse(a.lastModified),
  )
}

function decodeKey(text: string, { EncodingType }: ListObjectVersionsCommandOutput): string | undefined {
  if (EncodingType !== 'url') return text
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return undefined
  }
}
