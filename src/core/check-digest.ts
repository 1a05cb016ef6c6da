/**
 * One digest file: its place, its key, its signature. What is judged here needs nothing but the object itself and the
 * signatures that later digests carry for it; links and time are judged in check-chain.ts.
 */

import { HOUR } from './coverage.js'
import type { Digest, PreviousDigest } from './digest.js'
import type { MetadataOrigin } from './digest-metadata.js'
import { Disagreement } from './disagreement.js'
import type { Observation } from './finding.js'
import type { UnreadableReason } from './findings.js'
import type { TrailingBytes } from './measurement.js'
import type { DigestKey } from './object-key.js'
import type { PublicKey } from './public-keys.js'
import { verifySignature, verifySignatureTwice } from './signature.js'
import { formatTime, parseTime } from './time.js'

/** The only algorithm CloudTrail signs digests with, as its metadata and JSON spell it. */
export const SIGNATURE_ALGORITHM = 'SHA256withRSA'

/** Late digests may be signed with a newer key, and a key may be used a little beyond its end. */
export const KEY_VALIDITY_TOLERANCE: number = 6 * HOUR

/** What is known of the key that a digest names. */
export type KeyFact =
  | { readonly kind: 'key'; readonly key: PublicKey; readonly origin: string; readonly independent?: boolean }
  | { readonly kind: 'mismatch'; readonly reason: string }
  | { readonly kind: 'unknown'; readonly reason?: string }

/** A usable key, and how many digests it proved. */
export interface KeyCount {
  readonly key: Extract<KeyFact, { readonly kind: 'key' }>
  readonly digests: number
}

/** What reading one object in a digest folder gave. */
export type DigestFacts =
  | { readonly kind: 'unreadable'; readonly reason: UnreadableReason; readonly detail?: string }
  | { readonly kind: 'missing' }
  | {
      readonly kind: 'malformed'
      readonly reason: string
      readonly sha256: string | null
      readonly trailing?: TrailingBytes | null
    }
  | DigestContent

/** A digest that could be parsed. `digest` is kept without its log files: they go on as claims. */
export interface DigestContent {
  readonly kind: 'content'
  readonly digest: Omit<Digest, 'logFiles'>
  readonly logFiles: number
  /** Lower-case hex SHA-256 of the inflated bytes. */
  readonly sha256: string
  readonly dataToSign: string
  readonly trailing: TrailingBytes | null
  readonly key: KeyFact
  /** User metadata; undefined where the source does not carry any. */
  readonly metadata: Readonly<Record<string, string>> | undefined
  readonly metadataFrom: MetadataOrigin | null
}

export type SignatureState = 'verifies' | 'fails' | 'absent'

/** One object in a digest folder, with all that later reading adds to it. */
export interface DigestRecord {
  /** The original place: for an export as mapped, not as found. */
  readonly bucket: string
  readonly key: string
  readonly name: DigestKey
  /** Which place of the run it was found in; -1 where it was fetched from elsewhere on the word of a link. */
  readonly place: number
  /** Position in the ledger of claims of its account and region. */
  readonly ordinal: number
  /** Families of log files that it lists. */
  readonly families: ReadonlySet<string>
  /** The days in whose folders its log files lie; `many` of more than CloudTrail puts into one digest: anybody may have written it. */
  readonly logDays: ReadonlySet<number> | 'many'
  /** It lists what is no log file of its own account, region, bucket and prefix. */
  readonly listsElsewhere: boolean
  /** With a state: the number of the run that read it, as exactly what is listed. */
  readonly kept?: { readonly run: number; readonly bytes: number }
  /** It stands for digests that earlier runs proved, of which it is the last. */
  readonly settled?: { readonly digests: number; readonly keys: readonly KeyCount[] }
  readonly facts: DigestFacts
  readonly metadataSignature: SignatureState
  /** Whether a signature that a later digest carries for it verifies: it proves itself, whatever that digest is worth. */
  successorSignature: 'verifies' | 'absent'
  /** Later digests that carry a signature for it that fails: that counts only where they are signed themselves. */
  contradictedBy?: DigestRecord[]
  /** What its own link to the previous digest was found to be, once that one was read. */
  link?: DigestLink
  /** The worst that was found about the log files that it lists. */
  logFilesVerdict?: 'invalid' | 'unverified'
}

export interface DigestLink {
  readonly previous: DigestRecord
  readonly hash: boolean
  readonly signature: SignatureState | 'unknown'
}

/** `s3://bucket/key`. */
export function objectName(place: { readonly bucket: string; readonly key: string }): string {
  return `s3://${place.bucket}/${place.key}`
}

/**
 * Verifies one signature over a digest's data to sign. Without a usable key nothing is said: `absent`. `twice`: by two
 * implementations; throws a `Disagreement` where they differ.
 */
export function checkSignature(content: DigestContent, signature: string | undefined, twice: boolean): SignatureState {
  if (signature === undefined || content.key.kind !== 'key') return 'absent'
  const { key } = content.key
  if (!twice) return verifySignature(content.dataToSign, signature, key) ? 'verifies' : 'fails'
  const { valid, disagreement } = verifySignatureTwice(content.dataToSign, signature, key)
  if (disagreement) throw new Disagreement(`node:crypto and node-forge disagree about a signature of ${namedIn(content)}`)
  return valid ? 'verifies' : 'fails'
}

function namedIn({ digest }: DigestContent): string {
  return objectName({ bucket: digest.digestS3Bucket, key: digest.digestS3Object })
}

/** The interval that a digest is about: from its body, else the hour before the end that its name gives. */
export function digestInterval(record: DigestRecord): { start: number; end: number } {
  if (record.facts.kind !== 'content' || isMoved(record)) return { start: record.name.endTime - HOUR, end: record.name.endTime }
  return { start: record.facts.digest.digestStartTime, end: record.facts.digest.digestEndTime }
}

/** The body names another place than where it was found. */
export function isMoved(record: DigestRecord): boolean {
  if (record.facts.kind !== 'content') return false
  const { digest } = record.facts
  return digest.digestS3Bucket !== record.bucket || digest.digestS3Object !== record.key
}

/** The previous digest that this one names, if it could be parsed and is where it says it is. */
export function previousOf(record: DigestRecord): PreviousDigest | null {
  return record.facts.kind === 'content' ? record.facts.digest.previous : null
}

/** A starting digest proves the files that it lists, never its hour (user guide, "Starting digest files"). */
export function isStarting(record: DigestRecord): boolean {
  return record.facts.kind === 'content' && record.facts.digest.starting
}

export interface DigestCheck {
  /** Signed by CloudTrail, in its place, with a key that was valid: its claims and its hour can be trusted. */
  readonly proven: boolean
  readonly signatureFrom: 'metadata' | 'successor' | null
  readonly observations: readonly Observation[]
}

/** Judges one digest alone. The first finding that fits, from the top of the contract's table; trailing data and metadata beside it. */
export function checkDigest(record: DigestRecord): DigestCheck {
  const { facts } = record
  if (facts.kind === 'missing') return unproven([])
  if (facts.kind === 'unreadable') {
    const { reason, detail } = facts
    return unproven([{ code: 'DIGEST_UNREADABLE', fields: { reason, ...(detail === undefined ? {} : { detail }) } }])
  }
  if (facts.kind === 'malformed')
    return unproven([{ code: 'DIGEST_MALFORMED', fields: { reason: facts.reason } }, ...trailingData(facts)])
  return checkContent(record, facts)
}

function unproven(observations: readonly Observation[]): DigestCheck {
  return { proven: false, signatureFrom: null, observations }
}

function checkContent(record: DigestRecord, content: DigestContent): DigestCheck {
  const beside = trailingData(content)
  if (isMoved(record)) {
    const named = `s3://${content.digest.digestS3Bucket}/${content.digest.digestS3Object}`
    return unproven([{ code: 'DIGEST_MOVED', fields: { named } }, ...beside])
  }
  const doubt = keyDoubt(content) ?? signatureDoubt(record, content) ?? validityDoubt(content)
  if (doubt !== undefined) return unproven([doubt, ...beside])
  const signatureFrom = record.successorSignature === 'verifies' ? 'successor' : 'metadata'
  return { proven: true, signatureFrom, observations: [...beside, ...metadataContradictions(record, content)] }
}

function trailingData({ trailing }: { readonly trailing?: TrailingBytes | null }): Observation[] {
  return trailing ? [{ code: 'DIGEST_TRAILING_DATA', fields: trailing }] : []
}

function keyDoubt(content: DigestContent): Observation | undefined {
  const fingerprint = content.digest.digestPublicKeyFingerprint
  const { key } = content
  if (key.kind === 'unknown') {
    return { code: 'DIGEST_KEY_UNKNOWN', fields: { fingerprint, ...(key.reason === undefined ? {} : { reason: key.reason }) } }
  }
  return key.kind === 'mismatch' ? { code: 'DIGEST_KEY_MISMATCH', fields: { fingerprint, reason: key.reason } } : undefined
}

function signatureDoubt(record: DigestRecord, content: DigestContent): Observation | undefined {
  const fingerprint = content.digest.digestPublicKeyFingerprint
  const { metadataSignature } = record
  if (isSigned(record)) return undefined
  const signatures: ('metadata' | 'successor')[] = []
  if (metadataSignature === 'fails') signatures.push('metadata')
  if (record.contradictedBy?.some(isSigned) === true) signatures.push('successor')
  return signatures.length === 0
    ? { code: 'DIGEST_SIGNATURE_MISSING', fields: { fingerprint } }
    : { code: 'DIGEST_SIGNATURE_INVALID', fields: { fingerprint, signatures } }
}

function isSigned({ metadataSignature, successorSignature }: DigestRecord): boolean {
  return metadataSignature === 'verifies' || successorSignature === 'verifies'
}

function validityDoubt(content: DigestContent): Observation | undefined {
  if (content.key.kind !== 'key') return undefined
  const { validityEndTime } = content.key.key
  if (validityEndTime === null || content.digest.digestEndTime - validityEndTime <= KEY_VALIDITY_TOLERANCE) return undefined
  const fingerprint = content.digest.digestPublicKeyFingerprint
  return { code: 'DIGEST_KEY_OUTSIDE_VALIDITY', fields: { fingerprint, validityEndTime: formatTime(validityEndTime) } }
}

/** Metadata that is absent is a normal loss; metadata that contradicts proven facts was altered. */
function metadataContradictions(record: DigestRecord, content: DigestContent): Observation[] {
  const { metadata } = content
  if (metadata === undefined) return []
  if (record.metadataSignature === 'fails') return [mismatch('signature', metadata['signature'])]
  const algorithm = metadata['signature-algorithm']
  if (algorithm !== undefined && algorithm !== SIGNATURE_ALGORITHM) return [mismatch('signature-algorithm', algorithm)]
  const generated = metadata['backfill-generation-timestamp']
  if (generated !== undefined && parseTime(generated) === undefined) return [mismatch('backfill-generation-timestamp', generated)]
  return []
}

function mismatch(
  reason: 'signature' | 'signature-algorithm' | 'backfill-generation-timestamp',
  found: string | undefined,
): Observation {
  return { code: 'DIGEST_METADATA_MISMATCH', fields: { reason, found: (found ?? '').slice(0, 1024) } }
}
