/** DSSE 1.0.2: a signed statement and its signatures (https://github.com/secure-systems-lab/dsse). */
import type { KeyObject } from 'node:crypto'
import { parseJson } from '../core/json.js'
import { keyId, signBytes, verifyBytes } from './signing-key.js'

export const IN_TOTO = 'application/vnd.in-toto+json'

export interface EnvelopeSignature {
  /** A hint, as DSSE has it: only the signature says who signed. */
  readonly keyid: string
  readonly sig: Uint8Array
  /** RFC 3161 responses over the bytes of `sig`: when it was there at the latest. An addition to DSSE, which others pass over. */
  readonly timestamps: readonly Uint8Array[]
}

export interface Envelope {
  readonly payloadType: string
  readonly payload: Uint8Array
  readonly signatures: readonly EnvelopeSignature[]
}

export type EnvelopeAnswer = { readonly ok: true; readonly envelope: Envelope } | { readonly ok: false; readonly reason: string }

/** Envelopes of ours have one. */
const MOST_SIGNATURES = 16

/** Signs an in-toto statement. */
export function signEnvelope(payload: Uint8Array, key: KeyObject): Envelope {
  const sig = signBytes(preAuthEncoding(IN_TOTO, payload), key)
  return { payloadType: IN_TOTO, payload, signatures: [{ keyid: keyId(key), sig, timestamps: [] }] }
}

/** The first signature that a key verifies; undefined where none does. */
export function signatureBy(envelope: Envelope, key: KeyObject): EnvelopeSignature | undefined {
  const signed = preAuthEncoding(envelope.payloadType, envelope.payload)
  return envelope.signatures.find(({ sig }) => verifyBytes(signed, sig, key))
}

function preAuthEncoding(type: string, payload: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.length} `), payload])
}

/** One JSON object and a newline. */
export function formatEnvelope({ payloadType, payload, signatures }: Envelope): string {
  const envelope = {
    payloadType,
    payload: base64(payload),
    signatures: signatures.map(({ keyid, sig, timestamps }) => ({
      keyid,
      sig: base64(sig),
      ...(timestamps.length > 0 && { timestamps: timestamps.map(base64) }),
    })),
  }
  return `${JSON.stringify(envelope)}\n`
}

/** Reads an envelope that anybody may have written. Never throws. */
export function parseEnvelope(bytes: Uint8Array): EnvelopeAnswer {
  const answer = parseJson(bytes)
  if (!answer.ok) return answer
  const { payloadType, payload, signatures } = fieldsOf(answer.value)
  const payloadBytes = fromBase64(payload)
  if (typeof payloadType !== 'string') return no('payloadType is no string')
  if (payloadBytes === undefined) return no('payload is no base64')
  if (!Array.isArray(signatures) || signatures.length === 0) return no('it has no signatures')
  if (signatures.length > MOST_SIGNATURES) return no(`it has more than ${MOST_SIGNATURES} signatures`)
  const parsed = signatures.map(parseSignature)
  const readable = parsed.filter((signature) => signature !== undefined)
  if (readable.length < parsed.length) return no('a signature is no base64')
  return { ok: true, envelope: { payloadType, payload: payloadBytes, signatures: readable } }
}

function parseSignature(value: unknown): EnvelopeSignature | undefined {
  const { keyid = '', sig, timestamps = [] } = fieldsOf(value)
  const bytes = fromBase64(sig)
  if (bytes === undefined || typeof keyid !== 'string' || !Array.isArray(timestamps)) return undefined
  const responses = timestamps.map(fromBase64).filter((response) => response !== undefined)
  return responses.length === timestamps.length ? { keyid, sig: bytes, timestamps: responses } : undefined
}

/** The named fields of an object; none of anything else. */
export function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}
}

function no(reason: string): EnvelopeAnswer {
  return { ok: false, reason }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}

/** Strict: what decodes to the same text again. */
function fromBase64(text: unknown): Buffer | undefined {
  if (typeof text !== 'string') return undefined
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}
