/** What the SDK would send for an object: its endpoint rules, its configuration and its signature, asked for and not sent. */
import type { GetObjectCommandInput, S3ClientConfig } from '@aws-sdk/client-s3'
import type { Target } from './http-client.js'
import { encodeKey, type Identity, NO_PAYLOAD, Signer } from './signature-v4.js'

type Sdk = typeof import('@aws-sdk/client-s3')

/** How objects of one bucket are asked for in one region. */
export interface ObjectRequests {
  readonly target: Target
  /** The path of a key, up to the key. */
  readonly basePath: string
  readonly host: string
  /** Headers of all requests that are signed, such as `x-amz-request-payer`. */
  readonly signedHeaders: readonly (readonly [name: string, value: string])[]
  /** Headers of all requests that are not. */
  readonly otherHeaders: readonly string[]
  readonly signer: Signer
}

interface HttpRequest {
  readonly protocol: string
  readonly hostname: string
  readonly port?: number | undefined
  readonly method: string
  readonly path: string
  readonly query: Readonly<Record<string, unknown>>
  readonly headers: Readonly<Record<string, string>>
  readonly username?: string | undefined
}

/** A key with all that tells one encoding of it from another. */
const KEY = "a/.././/b c+d%20'(é)"
const ENCODED_KEY = encodeKey(KEY)
/** Each request has its own of these, or needs none. */
const OWN = new Set(['authorization', 'host', 'x-amz-date', 'x-amz-content-sha256', 'x-amz-security-token', 'x-amz-user-agent'])
const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=[^/]+\/(\d{8})\/([a-z0-9-]+)\/s3\/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=[0-9a-f]{64}$/

/**
 * Has the SDK sign a request for an object and signs the same ourselves. Undefined where the two differ in anything, so
 * where it is configured to do what only it can: another way to sign, S3 Express and its sessions, access points of several
 * regions, a password in the endpoint's URL.
 */
export async function objectRequests(
  sdk: Sdk,
  config: S3ClientConfig,
  input: Omit<GetObjectCommandInput, 'Key'>,
  identity: Identity,
): Promise<ObjectRequests | undefined> {
  const request = await requestOf(sdk, { ...config, credentials: identity }, { ...input, Key: KEY })
  if (request === undefined) return undefined
  const { protocol, hostname, port, headers } = request
  const [authorization, , region, names] = AUTHORIZATION.exec(headers['authorization'] ?? '') ?? []
  const isPlain = Object.keys(request.query).every((name) => name === 'x-id') && request.username === undefined
  if (region === undefined || names === undefined || !isPlain || !request.path.endsWith(`/${ENCODED_KEY}`)) return undefined
  const signer = new Signer(region, 's3')
  if (signAgain(request, names.split(';'), signer, identity) !== authorization) return undefined
  const lasting = Object.entries(headers).filter(([name]) => !OWN.has(name) && !name.startsWith('amz-sdk-'))
  return {
    target: { secure: protocol === 'https:', host: hostname.replace(/^\[(.*)\]$/, '$1'), port },
    basePath: request.path.slice(0, -ENCODED_KEY.length),
    host: headers['host'] ?? hostname,
    signedHeaders: lasting.filter(([name]) => name.startsWith('x-amz-')),
    otherHeaders: lasting.filter(([name]) => !name.startsWith('x-amz-')).flat(),
    signer,
  }
}

async function requestOf(sdk: Sdk, config: S3ClientConfig, input: GetObjectCommandInput): Promise<HttpRequest | undefined> {
  let request: HttpRequest | undefined
  const requestHandler = {
    handle(sent: HttpRequest) {
      request = sent
      return Promise.reject(new Error('not to be sent'))
    },
  }
  const client = new sdk.S3Client({ ...config, cacheMiddleware: false, requestHandler })
  try {
    await client.send(new sdk.GetObjectCommand(input))
  } catch {
    // Where there is no request to see, the SDK will say why when it is asked to send one.
  } finally {
    client.destroy()
  }
  return request
}

function signAgain(
  { method, path, query, headers }: HttpRequest,
  names: readonly string[],
  signer: Signer,
  identity: Identity,
): string {
  const date = headers['x-amz-date'] ?? ''
  const toSign = {
    method,
    path,
    query: Object.entries(query)
      .map(([name, value]) => `${name}=${value}`)
      .join('&'),
    headers: names.map((name) => [name, headers[name] ?? ''] as const),
    payloadHash: NO_PAYLOAD,
  }
  return signer.authorization(toSign, identity, date)
}
