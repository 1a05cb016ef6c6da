/**
 * Time-stamps of RFC 3161: an authority's word that a signature was there at a time. The request is a file to be sent by whoever
 * seals (`curl --data-binary`); the response is checked against the authority's certificates, without a network.
 */
import { createHash, randomBytes, X509Certificate } from 'node:crypto'
import type { SignedData } from 'pkijs'
import { VerifyTrailError } from '../errors.js'

/** By OID. */
const HASHES: ReadonlyMap<string, string> = new Map([
  ['2.16.840.1.101.3.4.2.1', 'sha256'],
  ['2.16.840.1.101.3.4.2.2', 'sha384'],
  ['2.16.840.1.101.3.4.2.3', 'sha512'],
])
const TIME_STAMPING = '1.3.6.1.5.5.7.3.8'
const EXTENDED_KEY_USAGE = '2.5.29.37'
const NONCE_BYTES = 16

export type TimeStampAnswer =
  /** `authority`: the subject of the certificate that signed, for people. */
  { readonly ok: true; readonly time: Date; readonly authority: string } | { readonly ok: false; readonly reason: string }

/** A request for a time-stamp over `signature`, as DER. Asks for SHA-256 and the authority's certificate. */
export async function timeStampRequest(signature: Uint8Array): Promise<Buffer> {
  const { asn1js, pkijs } = await load()
  const request = new pkijs.TimeStampReq({
    version: 1,
    messageImprint: await pkijs.MessageImprint.create('SHA-256', toArrayBuffer(signature)),
    nonce: new asn1js.Integer({ valueHex: toArrayBuffer(positive(randomBytes(NONCE_BYTES))) }),
    certReq: true,
  })
  return Buffer.from(request.toSchema().toBER())
}

/** A DER integer whose first bit is set would be negative. */
function positive(bytes: Buffer): Buffer {
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return bytes
}

/**
 * Checks a response: granted, over `signature`, signed by a certificate for time-stamping that a chain to one of `authorities`
 * proves to have been valid at that time. Never throws for what is in the response. Not checked: revocation.
 */
export async function checkTimeStamp(
  response: Uint8Array,
  signature: Uint8Array,
  authorities: readonly X509Certificate[],
): Promise<TimeStampAnswer> {
  const { pkijs } = await load()
  try {
    const stamp = await readTimeStamp(response, signature)
    if ('reason' in stamp) return no(stamp.reason)
    const { signed, genTime } = stamp
    const result = await signed.verify({
      signer: 0,
      data: toArrayBuffer(signature),
      trustedCerts: authorities.map(({ raw }) => pkijs.Certificate.fromBER(toArrayBuffer(raw))),
      checkChain: true,
      checkDate: genTime,
      extendedMode: true,
    })
    const certificate = result.signerCertificate
    if (result.signatureVerified !== true || result.signerCertificateVerified !== true || !certificate)
      return no('its signature does not verify')
    const signer = new X509Certificate(Buffer.from(certificate.toSchema().toBER()))
    if (!signer.keyUsage?.includes(TIME_STAMPING)) return no('its certificate is not for time-stamping')
    const usage = certificate.extensions?.find(({ extnID }) => extnID === EXTENDED_KEY_USAGE)
    if (usage?.critical !== true) return no('its certificate is not for time-stamping alone')
    return { ok: true, time: genTime, authority: signer.subject.replaceAll('\n', ', ') }
  } catch (error) {
    return no(error instanceof Error ? error.message : String(error))
  }
}

/** Why these bytes are no time-stamp over `signature`; undefined where they are one, by whomever. */
export async function whyNoTimeStamp(response: Uint8Array, signature: Uint8Array): Promise<string | undefined> {
  const stamp = await readTimeStamp(response, signature)
  return 'reason' in stamp ? stamp.reason : undefined
}

/** A response that was granted, and is over `signature`. Who signed it is not looked at. */
async function readTimeStamp(
  response: Uint8Array,
  signature: Uint8Array,
): Promise<{ readonly signed: SignedData; readonly genTime: Date } | { readonly reason: string }> {
  const { asn1js, pkijs } = await load()
  try {
    const { offset } = asn1js.fromBER(toArrayBuffer(response))
    if (offset !== response.length) return { reason: offset === -1 ? 'it is no DER' : 'bytes follow it' }
    const { status, timeStampToken } = pkijs.TimeStampResp.fromBER(toArrayBuffer(response))
    if (status.status > 1 || timeStampToken === undefined) return { reason: `the authority refused it (status ${status.status})` }
    const signed = new pkijs.SignedData({ schema: timeStampToken.content })
    const content = signed.encapContentInfo.eContent?.valueBlock.valueHexView
    if (content === undefined) return { reason: 'it has no content' }
    const { genTime, messageImprint } = pkijs.TSTInfo.fromBER(toArrayBuffer(content))
    const hash = HASHES.get(messageImprint.hashAlgorithm.algorithmId)
    if (hash === undefined) return { reason: 'its hash is none of SHA-256, SHA-384, SHA-512' }
    const imprint = Buffer.from(messageImprint.hashedMessage.valueBlock.valueHexView)
    if (!createHash(hash).update(signature).digest().equals(imprint)) return { reason: 'it is over something else' }
    return { signed, genTime }
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) }
  }
}

/** Certificates of time-stamping authorities, as PEM, one or more. Throws `ERR_SIGNING_KEY`. */
export function parseAuthorities(pem: Uint8Array): X509Certificate[] {
  const blocks = Buffer.from(pem)
    .toString('latin1')
    .match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)
  try {
    const certificates = (blocks ?? []).map((block) => new X509Certificate(block))
    if (certificates.length > 0) return certificates
  } catch {
    // Said below.
  }
  throw new VerifyTrailError('ERR_SIGNING_KEY', 'no certificates of a time-stamping authority: give them as PEM')
}

async function load() {
  const [asn1js, pkijs] = await Promise.all([import('asn1js'), import('pkijs')])
  return { asn1js, pkijs }
}

function toArrayBuffer(bytes: Uint8Array): ArrayBuffer {
  const copy = new ArrayBuffer(bytes.length)
  new Uint8Array(copy).set(bytes)
  return copy
}

function no(reason: string): TimeStampAnswer {
  return { ok: false, reason }
}
