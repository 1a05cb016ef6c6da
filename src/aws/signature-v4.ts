/** Signature Version 4, as the Amazon S3 API Reference has it ("Authenticating Requests: Using the Authorization Header"). */
import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto'

export interface Identity {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string
}

export interface RequestToSign {
  readonly method: string
  /** As it is sent, encoded once: S3 alone neither normalises a path nor encodes it twice. */
  readonly path: string
  /** As it is sent, sorted. */
  readonly query: string
  /** Names in lower case, sorted; values without spaces at their ends. `x-amz-date` is one of them. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** `x-amz-content-sha256`. */
  readonly payloadHash: string
}

/** SHA-256 of nothing. */
export const NO_PAYLOAD = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

/** Signs for one service in one region. The key of the day is derived once. */
export class Signer {
  readonly region: string
  readonly #service: string
  #derived: { readonly identity: Identity; readonly date: string; readonly key: KeyObject } | undefined

  constructor(region: string, service: string) {
    this.region = region
    this.#service = service
  }

  /** The `Authorization` header. `date` is that of `x-amz-date`. */
  authorization({ method, path, query, headers, payloadHash }: RequestToSign, identity: Identity, date: string): string {
    let canonicalHeaders = ''
    let names = ''
    for (const [name, value] of headers) {
      canonicalHeaders += `${name}:${value}\n`
      names += names === '' ? name : `;${name}`
    }
    const canonicalRequest = `${method}\n${path}\n${query}\n${canonicalHeaders}\n${names}\n${payloadHash}`
    const day = date.slice(0, 8)
    const scope = `${day}/${this.region}/${this.#service}/aws4_request`
    const toSign = `AWS4-HMAC-SHA256\n${date}\n${scope}\n${hash('sha256', canonicalRequest, 'hex')}`
    const signature = createHmac('sha256', this.#key(identity, day)).update(toSign).digest('hex')
    return `AWS4-HMAC-SHA256 Credential=${identity.accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`
  }

  #key(identity: Identity, date: string): KeyObject {
    const known = this.#derived
    if (known !== undefined && known.identity === identity && known.date === date) return known.key
    const steps = [date, this.region, this.#service, 'aws4_request']
    const start: Buffer = Buffer.from(`AWS4${identity.secretAccessKey}`)
    const key = createSecretKey(steps.reduce((step, text) => createHmac('sha256', step).update(text).digest(), start))
    this.#derived = { identity, date, key }
    return key
  }
}

/** As `x-amz-date` has it. */
export function amzDate(time: number): string {
  return new Date(time).toISOString().replace(/[-:]|\.\d{3}/g, '')
}

const PLAIN = /^[A-Za-z0-9\-._~/]*$/

/** A key in a path: each part encoded once, `/` kept, `.` and `..` and empty parts left as they are. Throws for a lone surrogate. */
export function encodeKey(key: string): string {
  return PLAIN.test(key) ? key : encodeStrictly(key).replaceAll('%2F', '/')
}

/** All but what RFC 3986 leaves alone. Throws for a lone surrogate. */
export function encodeStrictly(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
}
