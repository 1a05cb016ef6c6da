/**
 * What a digest file says. Nothing here is proven: a digest's word counts once its signature verifies.
 * https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-digest-file-structure.html
 */
import { isJsonObject, parseJson } from './json.js'
import { isAccountId, parseObjectKey } from './object-key.js'
import { parseCloudTrailTime } from './time.js'

/** What a digest says of one log file. */
export interface LogFileClaim {
  readonly s3Bucket: string
  readonly s3Object: string
  /** Lower-case hex where `hashAlgorithm` is SHA-256, else as given. */
  readonly hashValue: string
  readonly hashAlgorithm: string
}

/** What a digest says of the one before it. */
export interface PreviousDigest {
  readonly s3Bucket: string
  readonly s3Object: string
  /** Lower-case hex where `hashAlgorithm` is SHA-256, else as given. */
  readonly hashValue: string
  readonly hashAlgorithm: string
  /** As written: it is part of the data to sign. */
  readonly signature: string
}

/** A digest file's fields. All texts are attacker-chosen until the signature verifies. */
export interface Digest {
  readonly awsAccountId: string
  readonly digestStartTime: number
  readonly digestEndTime: number
  /** As written: it is part of the data to sign. */
  readonly digestEndTimeText: string
  readonly digestS3Bucket: string
  readonly digestS3Object: string
  /** Lower-case. */
  readonly digestPublicKeyFingerprint: string
  readonly digestSignatureAlgorithm: string
  readonly previous: PreviousDigest | null
  readonly logFiles: readonly LogFileClaim[]
  /** A starting digest, the first of its chain: it names none before it, and bears the hour before logging started. */
  readonly starting: boolean
}

/** What `parseDigest` found: a body with all fields that CloudTrail gives a digest, or why it is none. `ok` says nothing of its signature: that is for `verifySignature` to say. */
export type DigestAnswer = { readonly ok: true; readonly digest: Digest } | { readonly ok: false; readonly reason: string }

const HEX_SHA256 = /^[0-9a-f]{64}$/i
const HEX_FINGERPRINT = /^[0-9a-f]{1,128}$/i
const LONE_SURROGATE = /\p{Surrogate}/u
const PREVIOUS_FIELDS = [
  'previousDigestS3Bucket',
  'previousDigestS3Object',
  'previousDigestHashValue',
  'previousDigestHashAlgorithm',
  'previousDigestSignature',
] as const

/**
 * Reads a digest file's inflated bytes. Never throws. Guarantees that all fields are there and of their type, that the times are
 * exact, and that `digestS3Object` is a digest's key whose account and time are the body's own. Fields that are not known are
 * tolerated. Does not tell whether the digest lies where it says, nor whether its claims are sensible.
 */
export function parseDigest(inflated: Uint8Array): DigestAnswer {
  const json = parseJson(inflated)
  if (!json.ok) return json
  if (!isJsonObject(json.value)) return { ok: false, reason: 'not a JSON object' }
  const body: Fields = { values: json.value, path: '', faults: [] }
  const digest = readDigest(body)
  checkOwnKey(digest, body.faults)
  const [reason] = body.faults
  return reason === undefined ? { ok: true, digest } : { ok: false, reason }
}

/** An object whose fields are being read, where it is, and what has been found wrong so far. */
interface Fields {
  readonly values: Readonly<Record<string, unknown>>
  readonly path: string
  readonly faults: string[]
}

function readDigest(body: Fields): Digest {
  const digestEndTimeText = readText(body, 'digestEndTime')
  const previous = readPrevious(body)
  checkEventTimes(body)
  return {
    awsAccountId: readText(body, 'awsAccountId'),
    digestStartTime: readTime(body, 'digestStartTime'),
    digestEndTime: readTime(body, 'digestEndTime'),
    digestEndTimeText,
    digestS3Bucket: readText(body, 'digestS3Bucket'),
    digestS3Object: readText(body, 'digestS3Object'),
    digestPublicKeyFingerprint: readFingerprint(body),
    digestSignatureAlgorithm: readText(body, 'digestSignatureAlgorithm'),
    previous,
    logFiles: readLogFiles(body),
    starting: previous === null,
  }
}

/** The key names the account and the end time too; where key and body differ, nobody knows which hour the digest is about. */
function checkOwnKey(digest: Digest, faults: string[]): void {
  if (faults.length > 0) return
  const key = parseObjectKey(digest.digestS3Object)
  if (!isAccountId(digest.awsAccountId)) faults.push('awsAccountId is not 12 digits')
  else if (digest.digestStartTime >= digest.digestEndTime) faults.push('digestStartTime is not before digestEndTime')
  else if (key.kind !== 'digest') faults.push('digestS3Object is not the key of a digest file')
  else if (key.accountId !== digest.awsAccountId) faults.push('awsAccountId is not the account of digestS3Object')
  else if (key.endTime !== digest.digestEndTime) faults.push('digestEndTime is not the time of digestS3Object')
}

function readPrevious(body: Fields): PreviousDigest | null {
  const nulls = PREVIOUS_FIELDS.filter((name) => body.values[name] === null)
  if (nulls.length === PREVIOUS_FIELDS.length) return null
  const [name] = nulls
  if (name !== undefined) body.faults.push(`${name} is null, but not all fields of the previous digest are`)
  return {
    s3Bucket: readText(body, 'previousDigestS3Bucket'),
    s3Object: readText(body, 'previousDigestS3Object'),
    ...readHash(body, 'previousDigestHashValue', 'previousDigestHashAlgorithm'),
    signature: readText(body, 'previousDigestSignature'),
  }
}

function readLogFiles(body: Fields): readonly LogFileClaim[] {
  const entries = readField(body, 'logFiles')
  if (entries === undefined) return []
  if (!Array.isArray(entries)) {
    body.faults.push('logFiles is not an array')
    return []
  }
  const claims: LogFileClaim[] = []
  for (const [index, entry] of entries.entries()) {
    if (!isJsonObject(entry)) body.faults.push(`logFiles[${index}] is not an object`)
    else claims.push(readClaim({ values: entry, path: `logFiles[${index}].`, faults: body.faults }))
    if (body.faults.length > 0) break
  }
  return claims
}

function readClaim(entry: Fields): LogFileClaim {
  checkEventTimes(entry)
  return {
    s3Bucket: readText(entry, 's3Bucket'),
    s3Object: readText(entry, 's3Object'),
    ...readHash(entry, 'hashValue', 'hashAlgorithm'),
  }
}

function readHash(fields: Fields, valueName: string, algorithmName: string): { hashValue: string; hashAlgorithm: string } {
  const hashValue = readText(fields, valueName)
  const hashAlgorithm = readText(fields, algorithmName)
  if (hashAlgorithm !== 'SHA-256') return { hashValue, hashAlgorithm }
  if (!HEX_SHA256.test(hashValue)) fields.faults.push(`${fields.path}${valueName} is not 64 hexadecimal digits`)
  return { hashValue: hashValue.toLowerCase(), hashAlgorithm }
}

function readFingerprint(body: Fields): string {
  const fingerprint = readText(body, 'digestPublicKeyFingerprint')
  if (!HEX_FINGERPRINT.test(fingerprint)) body.faults.push('digestPublicKeyFingerprint is not hexadecimal')
  return fingerprint.toLowerCase()
}

function readTime(fields: Fields, name: string): number {
  const time = parseCloudTrailTime(readText(fields, name))
  if (time === undefined) fields.faults.push(`${fields.path}${name} is not a time YYYY-MM-DDTHH:MM:SSZ`)
  return time ?? 0
}

/** Nothing is concluded from event times, so nothing but their type is checked. */
function checkEventTimes(fields: Fields): void {
  for (const name of ['newestEventTime', 'oldestEventTime']) {
    const value = Object.hasOwn(fields.values, name) ? fields.values[name] : null
    if (value !== null && typeof value !== 'string') fields.faults.push(`${fields.path}${name} is not a string`)
  }
}

/** Keys have at most 1,024 bytes; a signature in hexadecimal 1,024 characters at 4,096 bits. */
const MAX_TEXT = 2048

/** A text that is not empty and has a UTF-8: without one, two different texts would be one key and one data to sign. */
function readText(fields: Fields, name: string): string {
  const value = readField(fields, name)
  if (value === undefined) return ''
  if (typeof value !== 'string') fields.faults.push(`${fields.path}${name} is not a string`)
  else if (value === '') fields.faults.push(`${fields.path}${name} is empty`)
  else if (value.length > MAX_TEXT) fields.faults.push(`${fields.path}${name} is longer than any bucket, key or signature`)
  else if (LONE_SURROGATE.test(value)) fields.faults.push(`${fields.path}${name} is not well-formed Unicode`)
  else return value
  return ''
}

function readField(fields: Fields, name: string): unknown {
  if (Object.hasOwn(fields.values, name)) return fields.values[name]
  fields.faults.push(`${fields.path}${name} is missing`)
  return undefined
}
