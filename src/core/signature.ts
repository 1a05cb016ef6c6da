/**
 * RSASSA-PKCS1-v1_5 with SHA-256, as CloudTrail signs
 * (https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-custom-validation.html).
 */
import { constants, verify } from 'node:crypto'
import { forge } from './forge.js'
import type { PublicKey } from './public-keys.js'

const HEX = /^[0-9a-f]+$/i

/** RFC 8017, 9.2, note 1: the DER of a DigestInfo for SHA-256, up to the hash. */
const SHA256_DIGEST_INFO = '3031300d060960864801650304020105000420'

/**
 * Whether a signature over `data`, the data to sign as it is and not its hash, verifies with a key. Hex digits in either case.
 * Never throws: what is not hexadecimal or not exactly as long as the key's modulus does not verify.
 */
export function verifySignature(data: string, signatureHex: string, key: PublicKey): boolean {
  const signature = decodeSignature(signatureHex, key)
  return signature !== undefined && verifyWithNode(data, signature, key)
}

/**
 * As `verifySignature`, by two implementations that share no code: node:crypto (OpenSSL) and node-forge. It is `valid` only if
 * both say so. A `disagreement` is a defect in one of them, and never valid.
 */
export function verifySignatureTwice(
  data: string,
  signatureHex: string,
  key: PublicKey,
): { valid: boolean; disagreement: boolean } {
  const signature = decodeSignature(signatureHex, key)
  if (signature === undefined) return { valid: false, disagreement: false }
  const byNode = verifyWithNode(data, signature, key)
  const byForge = verifyWithForge(data, signature, key)
  return { valid: byNode && byForge, disagreement: byNode !== byForge }
}

function decodeSignature(signatureHex: string, key: PublicKey): Buffer | undefined {
  const bits = key.keyObject.asymmetricKeyDetails?.modulusLength ?? 0
  if (signatureHex.length !== 2 * Math.ceil(bits / 8) || !HEX.test(signatureHex)) return undefined
  return Buffer.from(signatureHex, 'hex')
}

function verifyWithNode(data: string, signature: Buffer, key: PublicKey): boolean {
  try {
    const options = { key: key.keyObject, padding: constants.RSA_PKCS1_PADDING }
    return verify('RSA-SHA256', Buffer.from(data, 'utf8'), options, signature)
  } catch {
    return false
  }
}

/**
 * forge's own scheme takes any of nine hashes and a DigestInfo with or without parameters. Given no scheme it strips the padding
 * and compares what is left, so that exactly one encoded message verifies. It throws on a bad padding.
 */
function verifyWithForge(data: string, signature: Buffer, key: PublicKey): boolean {
  try {
    const rsa = forge.pki.publicKeyFromAsn1(forge.asn1.fromDer(Buffer.from(key.value).toString('latin1'), true))
    const hash = forge.md.sha256.create().update(Buffer.from(data, 'utf8').toString('latin1')).digest().toHex()
    const digestInfo = forge.util.hexToBytes(SHA256_DIGEST_INFO + hash)
    return rsa.verify(digestInfo, signature.toString('latin1'), 'NONE')
  } catch {
    return false
  }
}
