/**
 * CloudTrail's public keys, as ListPublicKeys gives them: the trust anchor of everything else.
 * https://docs.aws.amazon.com/awscloudtrail/latest/APIReference/API_PublicKey.html
 */
import { createHash, createPublicKey, type Hash, type KeyObject } from 'node:crypto'
import { type ForgeKey, forge } from './forge.js'
import { isJsonObject, parseJsonSequence } from './json.js'
import { parseTime } from './time.js'

/** A key that may be used: its bytes match its fingerprint, and it is a strictly encoded RSA key of at least 2048 bits. */
export interface PublicKey {
  readonly kind: 'key'
  /** Lower-case hex MD5 of `value`: a name, no protection. Trust comes from where the key was got. */
  readonly fingerprint: string
  /** DER, PKCS#1 or SPKI. */
  readonly value: Uint8Array
  /** Lower-case hex SHA-256 of `value`. */
  readonly sha256: string
  readonly validityStartTime: number | null
  readonly validityEndTime: number | null
  readonly keyObject: KeyObject
}

/** A key that may not be used. `mismatch`: its bytes are not those of its fingerprint, or two values were given for it. */
export interface PublicKeyProblem {
  readonly kind: 'mismatch' | 'unsupported'
  readonly fingerprint: string
  readonly reason: string
}

/** A key as ListPublicKeys answers it. Times are milliseconds since the epoch. */
export interface PublicKeyEntry {
  readonly Value: Uint8Array
  readonly Fingerprint: string
  readonly ValidityStartTime?: number | null
  readonly ValidityEndTime?: number | null
}

/** Keys and problems by fingerprint: each fingerprint is in one of the two, once. */
export interface PublicKeyList {
  readonly keys: readonly PublicKey[]
  readonly problems: readonly PublicKeyProblem[]
}

/**
 * What `parsePublicKeyList` found: each fingerprint is either among `keys` or among `problems`; not `ok` where the bytes are no list at all.
 * Whether the keys are CloudTrail's depends on where the list came from.
 */
export type PublicKeyListAnswer =
  | { readonly ok: true; readonly keys: readonly PublicKey[]; readonly problems: readonly PublicKeyProblem[] }
  | { readonly ok: false; readonly reason: string }

type JsonObject = Readonly<Record<string, unknown>>
type Md5 = (bytes: Uint8Array) => string

const NOT_A_KEY = 'not exactly an RSA public key in DER (PKCS#1 or SPKI)'
const MIN_MODULUS_BITS = 2048
const PUBLIC_EXPONENT = '10001'
const HEX_MD5 = /^[0-9a-f]{32}$/i
const EPOCH_SECONDS = /^\d{1,12}(?:\.\d{1,9})?$/
const LATEST_EPOCH_SECONDS = 253_402_300_799

const MD5: Md5 | null = findMd5(createHash)

/** The MD5 of this build's crypto; null where it has none, as under FIPS. */
export function findMd5(create: (algorithm: string) => Hash): Md5 | null {
  const md5: Md5 = (bytes) => create('md5').update(bytes).digest('hex')
  try {
    md5(new Uint8Array())
    return md5
  } catch {
    return null
  }
}

/**
 * Checks one key. Never throws. That the fingerprint is the MD5 of the bytes is checked only where there is an MD5: without one,
 * a key under a wrong fingerprint is not noticed here, and signatures fail with it. Says nothing about where the key came from.
 */
export function parsePublicKey(entry: PublicKeyEntry, md5: Md5 | null = MD5): PublicKey | PublicKeyProblem {
  const fingerprint = entry.Fingerprint.toLowerCase()
  const value = Uint8Array.from(entry.Value)
  const found = md5?.(value) ?? fingerprint
  if (found !== fingerprint) return { kind: 'mismatch', fingerprint, reason: `the MD5 of the key's bytes is ${found}` }
  const keyObject = decodeRsaPublicKey(value)
  if (typeof keyObject === 'string') return { kind: 'unsupported', fingerprint, reason: keyObject }
  return {
    kind: 'key',
    fingerprint,
    value,
    sha256: createHash('sha256').update(value).digest('hex'),
    validityStartTime: entry.ValidityStartTime ?? null,
    validityEndTime: entry.ValidityEndTime ?? null,
    keyObject,
  }
}

/**
 * Reads a file of saved `aws cloudtrail list-public-keys` answers: one answer, an array of answers or of keys, or several of
 * these one after the other, with the field names of the API or in camelCase. Never throws. A file of another shape is refused
 * as a whole, with a reason that names the entry; keys that are read but may not be used are among `problems`.
 */
export function parsePublicKeyList(bytes: Uint8Array): PublicKeyListAnswer {
  const sequence = parseJsonSequence(bytes)
  if (!sequence.ok) return sequence
  if (sequence.values.length === 0) return { ok: false, reason: 'holds no JSON' }
  const lists: PublicKeyList[] = []
  for (const [index, value] of sequence.values.entries()) {
    const reason = readAnswer(lists, value, sequence.values.length > 1 ? `JSON text ${index + 1}: ` : '')
    if (reason !== undefined) return { ok: false, reason }
  }
  return { ok: true, ...mergePublicKeys(lists) }
}

/**
 * Puts several lists together. Equal keys become one, with the validity that all of them grant; two values for one fingerprint
 * are a mismatch, and neither is used.
 */
export function mergePublicKeys(lists: readonly PublicKeyList[]): PublicKeyList {
  const byFingerprint = new Map<string, PublicKey | PublicKeyProblem>()
  for (const { keys, problems } of lists) {
    for (const given of [...keys, ...problems]) {
      const known = byFingerprint.get(given.fingerprint)
      byFingerprint.set(given.fingerprint, known === undefined ? given : mergePair(known, given))
    }
  }
  const keys: PublicKey[] = []
  const problems: PublicKeyProblem[] = []
  for (const merged of byFingerprint.values()) {
    if (merged.kind === 'key') keys.push(merged)
    else problems.push(merged)
  }
  return { keys, problems }
}

/** A string says why the key is refused. node:crypto alone would accept bytes after the key. */
function decodeRsaPublicKey(value: Uint8Array): KeyObject | string {
  try {
    const der = Buffer.from(value).toString('latin1')
    const rsa = forge.pki.publicKeyFromAsn1(forge.asn1.fromDer(der, true))
    const type = derType(rsa, der)
    if (type === undefined) return NOT_A_KEY
    if (rsa.e.toString(16) !== PUBLIC_EXPONENT) return 'its public exponent is not 65537'
    if (rsa.n.bitLength() < MIN_MODULUS_BITS) return `its modulus has fewer than ${MIN_MODULUS_BITS} bits`
    return createPublicKey({ key: Buffer.from(value), format: 'der', type })
  } catch {
    return NOT_A_KEY
  }
}

/** forge reads some BER that is not DER: only bytes that come out again as they went in are DER. */
function derType(rsa: ForgeKey, der: string): 'pkcs1' | 'spki' | undefined {
  if (forge.asn1.toDer(forge.pki.publicKeyToRSAPublicKey(rsa)).getBytes() === der) return 'pkcs1'
  if (forge.asn1.toDer(forge.pki.publicKeyToAsn1(rsa)).getBytes() === der) return 'spki'
  return undefined
}

function mergePair(known: PublicKey | PublicKeyProblem, given: PublicKey | PublicKeyProblem): PublicKey | PublicKeyProblem {
  if (known.kind === 'key' && given.kind === 'key' && known.sha256 === given.sha256) {
    return {
      ...known,
      validityStartTime: pick(Math.max, known.validityStartTime, given.validityStartTime),
      validityEndTime: pick(Math.min, known.validityEndTime, given.validityEndTime),
    }
  }
  if (known.kind === 'mismatch') return known
  if (given.kind === 'mismatch') return given
  if (known.kind === 'unsupported' && given.kind === 'unsupported') return known
  return { kind: 'mismatch', fingerprint: known.fingerprint, reason: 'two values were given for it' }
}

function pick(choose: (a: number, b: number) => number, a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b
  return choose(a, b)
}

/** Where an entry of a file is. `text`: empty, or `JSON text 2: `; `path`: empty, or `PublicKeyList[2]`. */
interface Where {
  readonly text: string
  readonly path: string
}

/** The readers add what they read to `lists`, and return a reason where they cannot. */
function readAnswer(lists: PublicKeyList[], answer: unknown, text: string): string | undefined {
  if (!Array.isArray(answer)) return readElement(lists, answer, { text, path: '' })
  for (const [index, element] of answer.entries()) {
    const reason = readElement(lists, element, { text, path: `[${index}]` })
    if (reason !== undefined) return reason
  }
  return undefined
}

/** An answer with a list, or a single key. */
function readElement(lists: PublicKeyList[], element: unknown, where: Where): string | undefined {
  if (!isJsonObject(element)) return `${where.text}${where.path || 'it'} is not an object`
  const listName = fieldName(element, 'PublicKeyList')
  if (listName === undefined) {
    if (fieldName(element, 'Value') !== undefined) return readKey(lists, element, where)
    return `${where.text}${where.path || 'it'} has neither PublicKeyList nor Value`
  }
  const keys = element[listName]
  const path = join(where.path, listName)
  if (!Array.isArray(keys)) return `${where.text}${path} is not an array`
  for (const [index, key] of keys.entries()) {
    const keyPath = `${path}[${index}]`
    const reason = isJsonObject(key)
      ? readKey(lists, key, { text: where.text, path: keyPath })
      : `${where.text}${keyPath} is not an object`
    if (reason !== undefined) return reason
  }
  return undefined
}

function readKey(lists: PublicKeyList[], key: JsonObject, where: Where): string | undefined {
  const nameOf = (name: string) => where.text + join(where.path, fieldName(key, name) ?? name)
  const value = readBase64(readField(key, 'Value'))
  const fingerprint = readField(key, 'Fingerprint')
  const start = readValidity(readField(key, 'ValidityStartTime'))
  const end = readValidity(readField(key, 'ValidityEndTime'))
  if (value === undefined) return `${nameOf('Value')} is not base64`
  if (typeof fingerprint !== 'string' || !HEX_MD5.test(fingerprint))
    return `${nameOf('Fingerprint')} is not 32 hexadecimal digits`
  if (start === undefined) return `${nameOf('ValidityStartTime')} is not a time`
  if (end === undefined) return `${nameOf('ValidityEndTime')} is not a time`
  const parsed = parsePublicKey({ Value: value, Fingerprint: fingerprint, ValidityStartTime: start, ValidityEndTime: end })
  lists.push(parsed.kind === 'key' ? { keys: [parsed], problems: [] } : { keys: [], problems: [parsed] })
  return undefined
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`
}

/** The API's spelling, or camelCase as SDKs print it; the name that is there. */
function fieldName(object: JsonObject, name: string): string | undefined {
  const camelCase = name.charAt(0).toLowerCase() + name.slice(1)
  return [name, camelCase].find((spelling) => Object.hasOwn(object, spelling))
}

function readField(object: JsonObject, name: string): unknown {
  const spelling = fieldName(object, name)
  return spelling === undefined ? undefined : object[spelling]
}

/** Buffer skips what is not base64; only what comes out again as it went in is. */
function readBase64(value: unknown): Uint8Array | undefined {
  if (typeof value !== 'string' || value === '') return undefined
  const bytes = Buffer.from(value, 'base64')
  return bytes.toString('base64') === value ? bytes : undefined
}

/** ISO 8601, or seconds since the epoch as a number or a text: aws-cli has written all three. Null where none is given. */
function readValidity(value: unknown): number | null | undefined {
  if (value === undefined || value === null) return null
  if (typeof value === 'string' && !EPOCH_SECONDS.test(value)) return parseTime(value)
  const seconds = typeof value === 'string' ? Number(value) : value
  if (typeof seconds !== 'number' || !(seconds >= 0 && seconds <= LATEST_EPOCH_SECONDS)) return undefined
  return Math.round(seconds * 1000)
}
