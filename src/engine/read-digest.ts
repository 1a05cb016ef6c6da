/** Reads one object of a digest folder: bytes, metadata, key. What it is worth is judged in core. */
import {
  checkSignature,
  type DigestContent,
  type DigestFacts,
  type DigestRecord,
  type KeyFact,
  objectName,
} from '../core/check-digest.js'
import { DAY, HOUR } from '../core/coverage.js'
import { dataToSign } from '../core/data-to-sign.js'
import { type Digest, type LogFileClaim, parseDigest } from '../core/digest.js'
import { isOfCloudTrail } from '../core/digest-metadata.js'
import { type DigestKey, isLogFileFamily, type ObjectKey, parseObjectKey } from '../core/object-key.js'
import { parseTime } from '../core/time.js'
import { VerifyTrailError } from '../errors.js'
import type { PublicKeySource } from '../keys/key-source.js'
import type { MetadataFile } from '../sources/metadata-file.js'
import type { Source } from '../sources/source.js'
import { sha256Hex } from './gzip.js'
import { inflateBytes } from './measure.js'
import type { RunState } from './run-state.js'
import { type Carried, readWhole, type WholeAnswer } from './whole-body.js'

/** A digest of more than this is none: an hour's real one has some kilobytes. */
const MAX_DIGEST_BYTES = 64 * 1024 * 1024

/** Late digests may be signed with a newer key. */
export const KEY_MARGIN: number = 31 * DAY

export interface DigestReaderOptions {
  readonly publicKeys: PublicKeySource | undefined
  readonly metadata: MetadataFile | undefined
  readonly doubleCheck: boolean
  readonly now: number
  readonly signal: AbortSignal
  /** Runs a read when the store has room for one more. */
  readonly limit: <T>(read: () => Promise<T>) => Promise<T>
  readonly onBytes: (bytes: number) => void
  readonly state: RunState | undefined
  /** Filled with the digests beside which lies what should be their metadata and is none, and why. */
  readonly unusableMetadata: Map<string, string>
}

export interface DigestToRead {
  readonly source: Source
  /** Key within the source. */
  readonly sourceKey: string
  /** The original place. */
  readonly bucket: string
  readonly key: string
  readonly name: DigestKey
  readonly place: number
  readonly ordinal: number
  readonly size?: number | undefined
  /** In the listing, where it is told. */
  readonly identity?: string | undefined
  /** Already known to be unreadable, from the listing. */
  readonly unreadable?: Extract<DigestFacts, { kind: 'unreadable' }>
}

export interface DigestRead {
  readonly record: DigestRecord
  readonly logFiles: readonly LogFileClaim[]
}

interface ReadFacts extends Pick<DigestRecord, 'facts' | 'kept'> {
  readonly logFiles: readonly LogFileClaim[]
}

export class DigestReader {
  readonly #options: DigestReaderOptions

  constructor(options: DigestReaderOptions) {
    this.#options = options
  }

  async read(digest: DigestToRead): Promise<DigestRead> {
    const { facts, logFiles, kept } =
      digest.unreadable === undefined ? await this.#facts(digest) : { facts: digest.unreadable, logFiles: [] }
    const { bucket, key, name, place, ordinal } = digest
    const twice = this.#options.doubleCheck
    const metadataSignature = facts.kind === 'content' ? checkSignature(facts, facts.metadata?.['signature'], twice) : 'absent'
    const lists = whereListed(logFiles, digest)
    const base = { bucket, key, name, place, ordinal, ...lists, facts, metadataSignature, successorSignature: 'absent' as const }
    return { record: kept === undefined ? base : { ...base, kept }, logFiles }
  }

  async #facts(digest: DigestToRead): Promise<ReadFacts> {
    const nothing = (facts: DigestFacts): ReadFacts => ({ facts, logFiles: [] })
    const known = await this.#options.state?.digest(digest)
    if (known !== undefined) {
      const { bytes, carried, run } = known
      return { ...(await this.#parse(digest, bytes, carried)), kept: { run, bytes: bytes.length } }
    }
    const answer = await this.#read(digest)
    if (answer.kind === 'missing') return nothing(answer)
    if (answer.kind === 'unreadable') {
      const { reason, detail } = answer
      return nothing({ kind: 'unreadable', reason, ...(detail === undefined ? {} : { detail }) })
    }
    if (answer.bytes === undefined) return nothing({ kind: 'malformed', reason: 'larger than 64 MiB', sha256: null })
    this.#options.onBytes(answer.bytes.length)
    const run = this.#options.state?.keepDigest(digest, answer.bytes, answer.carried)
    const read = await this.#parse(digest, answer.bytes, answer.carried)
    return run === undefined ? read : { ...read, kept: { run, bytes: answer.bytes.length } }
  }

  #read({ source, sourceKey, size }: DigestToRead): Promise<WholeAnswer> {
    const { signal, limit } = this.#options
    return limit(async () =>
      readWhole(await source.read(sourceKey, { signal, ...(size === undefined ? {} : { size }) }), MAX_DIGEST_BYTES),
    )
  }

  async #parse(digest: DigestToRead, stored: Uint8Array, carried: Carried): Promise<ReadFacts> {
    const inflated = inflateBytes(stored, MAX_DIGEST_BYTES)
    const trailing = inflated.kind === 'inflated' ? inflated.trailing : null
    const malformed = (reason: string, sha256: string | null = null): ReadFacts => ({
      facts: { kind: 'malformed', reason, sha256, trailing },
      logFiles: [],
    })
    if (inflated.kind === 'too-large') return malformed('over 64 MiB inflated')
    if (inflated.kind === 'damaged') return malformed(`gzip: ${inflated.reason}`)
    if (inflated.kind === 'plain' && (digest.source.kind === 'store' || digest.source.asStored)) return malformed('not gzip')
    const bytes = inflated.kind === 'plain' ? stored : inflated.bytes
    if (bytes.length > MAX_DIGEST_BYTES) return malformed('over 64 MiB')
    const sha256 = sha256Hex(bytes)
    const parsed = parseDigest(bytes)
    if (!parsed.ok) return malformed(parsed.reason, sha256)
    const { logFiles, ...head } = parsed.digest
    const { metadata, metadataFrom } = this.#metadata(digest, parsed.digest, carried)
    const key = await this.#key(digest, parsed.digest, metadata)
    const data = dataToSign(parsed.digest, sha256)
    const content = {
      kind: 'content',
      digest: head,
      logFiles: logFiles.length,
      sha256,
      dataToSign: data,
      trailing,
      key,
      metadata,
      metadataFrom,
    } as const
    return { facts: content, logFiles }
  }

  /** The source's own metadata, else the metadata file's: first by where the object is said to be, then by what its body names. */
  #metadata(digest: DigestToRead, body: Digest, carried: Carried): Pick<DigestContent, 'metadata' | 'metadataFrom'> {
    const own = carried.metadata
    if (isOfCloudTrail(own)) return { metadata: own, metadataFrom: carried.metadataFrom ?? 'object' }
    if (carried.unusableMetadata !== undefined) this.#options.unusableMetadata.set(objectName(digest), carried.unusableMetadata)
    const found = this.#fromFile(digest, body)
    return found === undefined ? { metadata: own, metadataFrom: null } : { metadata: found, metadataFrom: 'file' }
  }

  #fromFile(digest: DigestToRead, body: Digest): Readonly<Record<string, string>> | undefined {
    const file = this.#options.metadata
    if (file === undefined) return undefined
    for (const [bucket, key] of [
      [digest.bucket, digest.key],
      [body.digestS3Bucket, digest.key],
      [digest.bucket, digest.sourceKey],
    ] as const) {
      const found = file.lookup(bucket, key)
      if (found.kind === 'contradiction') {
        const [one, other] = found.names
        throw new VerifyTrailError(
          'ERR_METADATA',
          `the metadata file has two entries for one object that contradict each other: ${one} and ${other}`,
        )
      }
      if (found.kind === 'found') return found.metadata
    }
    return undefined
  }

  /**
   * Keys are looked up in the digest's source region: that of the folder it lies in. A backfill digest is signed with the
   * key of the day it was generated; without a usable timestamp, with any key from its end until now.
   */
  async #key(digest: DigestToRead, body: Digest, metadata: Readonly<Record<string, string>> | undefined): Promise<KeyFact> {
    const { publicKeys, now, signal } = this.#options
    if (publicKeys === undefined) return { kind: 'unknown', reason: 'no public keys were given' }
    const fingerprint = body.digestPublicKeyFingerprint
    const ends = body.digestEndTime
    const generated = digest.name.backfill ? parseTime(metadata?.['backfill-generation-timestamp'] ?? '') : undefined
    const [from, to] =
      generated !== undefined
        ? [generated - HOUR, generated + HOUR]
        : digest.name.backfill
          ? [ends, Math.max(ends, now)]
          : [body.digestStartTime - HOUR, ends + KEY_MARGIN]
    const answer = await publicKeys.lookup({ fingerprint, region: digest.name.region, from, to, signal })
    if (answer.kind !== 'unknown' || !digest.name.backfill || generated === undefined) return answer
    return publicKeys.lookup({ fingerprint, region: digest.name.region, from: ends, to: Math.max(ends, now), signal })
  }
}

/** An hour's log files lie in the folders of a day or two; those of a backfill digest in some more. */
const MOST_LOG_DAYS = 31

/** Where the log files lie that it lists: most lie in the folder of the one before. */
function whereListed(
  logFiles: readonly LogFileClaim[],
  digest: Pick<DigestToRead, 'bucket' | 'name'>,
): Pick<DigestRecord, 'families' | 'logDays' | 'listsElsewhere'> {
  const families = new Set<string>()
  const logDays = new Set<number>()
  let listsElsewhere = false
  let folder = '\n'
  for (const { s3Bucket, s3Object } of logFiles) {
    const isOther = s3Bucket !== digest.bucket
    if (!isOther && s3Object.startsWith(folder) && !s3Object.includes('/', folder.length)) continue
    folder = isOther ? '\n' : s3Object.slice(0, s3Object.lastIndexOf('/') + 1)
    const at = s3Object.indexOf('/CloudTrail', s3Object.indexOf('AWSLogs/'))
    const family = at === -1 ? '' : s3Object.slice(at + 1, s3Object.indexOf('/', at + 1))
    if (isLogFileFamily(family)) families.add(family)
    const name = parseObjectKey(s3Object)
    const isDated = (name.kind === 'log-file' || name.kind === 'foreign') && name.day !== null
    if (isDated && logDays.size <= MOST_LOG_DAYS) logDays.add(name.day)
    listsElsewhere ||= isOther || !isOwn(name, digest.name)
  }
  return { families, logDays: logDays.size > MOST_LOG_DAYS ? 'many' : logDays, listsElsewhere }
}

function isOwn(name: ObjectKey, { prefix, organizationId, accountId, region }: DigestKey): boolean {
  return (
    name.kind === 'log-file' &&
    name.prefix === prefix &&
    name.organizationId === organizationId &&
    name.accountId === accountId &&
    name.region === region
  )
}
