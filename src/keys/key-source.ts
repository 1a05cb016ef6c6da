/** Where public keys come from. A key is trusted because of where it was asked for, never because of where the trail lies. */
import type { PublicKey } from '../core/public-keys.js'

/** Which key a digest names, and where and when CloudTrail may have used it. */
export interface KeyQuery {
  /** Lower-case hex MD5 of the key's DER bytes, as digests name it. Attacker-chosen until the signature verifies. */
  readonly fingerprint: string
  /** The digest's source region. Attacker-chosen: check it before anything is sent to it. */
  readonly region: string
  /** Epoch milliseconds, both inclusive: when the digest may have been signed. */
  readonly from: number
  readonly to: number
  readonly signal?: AbortSignal
}

/** What a lookup found. A `key` is trusted: only ever answer with one that CloudTrail gave for this fingerprint. */
export type KeyAnswer =
  /** `origin`: for people, where the key was had from. `independent`: CloudTrail itself was asked. */
  | { readonly kind: 'key'; readonly key: PublicKey; readonly origin: string; readonly independent?: boolean }
  /** There is a key under that fingerprint, and it cannot be trusted: other bytes, or two values. */
  | { readonly kind: 'mismatch'; readonly reason: string }
  /** No such key; with a `reason` where it could not be asked for, or not be used. */
  | { readonly kind: 'unknown'; readonly reason?: string }

/** Implement it to have public keys from anywhere. A lookup answers; it rejects only where its signal was aborted. */
export interface PublicKeySource {
  /** The key with this fingerprint. Fingerprint and region are a digest's word until its signature verifies: check them before they reach a network. */
  lookup(query: KeyQuery): Promise<KeyAnswer> | KeyAnswer
}
