/** Keys of whoever signs a report: Ed25519, ECDSA on the NIST curves, and RSA, as PEM. */
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import { VerifyTrailError } from '../errors.js'

const ALLOWED = 'an Ed25519, ECDSA (P-256, P-384, P-521) or RSA (2048 bits or more) key as PEM'
const LEAST_RSA_BITS = 2048

/** By curve, the hash of its strength (FIPS 186-5). */
const CURVE_HASHES: ReadonlyMap<string, string> = new Map([
  ['prime256v1', 'sha256'],
  ['secp384r1', 'sha384'],
  ['secp521r1', 'sha512'],
])

/**
 * Reads a private key. Throws `ERR_SIGNING_KEY`, without a word of the key, where it is none, of another kind, or encrypted and
 * the passphrase is missing or wrong.
 */
export function parseSigningKey(pem: Uint8Array, passphrase: string | undefined): KeyObject {
  try {
    return allowed(createPrivateKey({ key: Buffer.from(pem), format: 'pem', ...(passphrase !== undefined && { passphrase }) }))
  } catch (error) {
    if (error instanceof VerifyTrailError) throw error
    const encrypted = Buffer.from(pem).toString('latin1').includes('ENCRYPTED')
    if (!encrypted) throw new VerifyTrailError('ERR_SIGNING_KEY', `not a private key: give ${ALLOWED}`)
    const problem = passphrase === undefined ? 'its passphrase is missing' : 'its passphrase is wrong, or it is damaged'
    throw new VerifyTrailError('ERR_SIGNING_KEY', `the private key is encrypted, and ${problem}`)
  }
}

/** Reads a public key, or the one of a certificate. Throws `ERR_SIGNING_KEY`. */
export function parseSignerKey(pem: Uint8Array): KeyObject {
  try {
    return allowed(createPublicKey({ key: Buffer.from(pem), format: 'pem' }))
  } catch (error) {
    if (error instanceof VerifyTrailError) throw error
    throw new VerifyTrailError('ERR_SIGNING_KEY', `not a public key: give ${ALLOWED}, or a certificate with one`)
  }
}

function allowed(key: KeyObject): KeyObject {
  if (isAllowed(key)) return key
  const { asymmetricKeyType = 'unknown', asymmetricKeyDetails: details } = key
  const kind = [asymmetricKeyType, details?.namedCurve ?? details?.modulusLength].filter(Boolean).join(' ')
  throw new VerifyTrailError('ERR_SIGNING_KEY', `the key is of kind ${kind}: give ${ALLOWED}`)
}

function isAllowed({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): boolean {
  if (asymmetricKeyType === 'ed25519') return true
  if (asymmetricKeyType === 'rsa') return (asymmetricKeyDetails?.modulusLength ?? 0) >= LEAST_RSA_BITS
  return asymmetricKeyType === 'ec' && CURVE_HASHES.has(asymmetricKeyDetails?.namedCurve ?? '')
}

/** Hex SHA-256 of the key's SubjectPublicKeyInfo: what an envelope names a key by. */
export function keyId(key: KeyObject): string {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex')
}

/** What the key is, for people. */
export function keyKind({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string {
  if (asymmetricKeyType === 'ed25519') return 'Ed25519'
  if (asymmetricKeyType === 'rsa') return `RSA ${asymmetricKeyDetails?.modulusLength} bits`
  return `ECDSA ${asymmetricKeyDetails?.namedCurve}`
}

/** Ed25519; ECDSA in DER; RSASSA-PKCS1-v1_5 with SHA-256. */
export function signBytes(bytes: Uint8Array, key: KeyObject): Buffer {
  return sign(hashFor(key), bytes, key)
}

export function verifyBytes(bytes: Uint8Array, signature: Uint8Array, key: KeyObject): boolean {
  return verify(hashFor(key), bytes, key, signature)
}

function hashFor({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string | null {
  if (asymmetricKeyType === 'ed25519') return null
  return CURVE_HASHES.get(asymmetricKeyDetails?.namedCurve ?? '') ?? 'sha256'
}
