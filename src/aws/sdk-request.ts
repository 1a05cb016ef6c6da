/** What the SDK would send to a bucket: its endpoint rules, its configuration and its signature, asked for and not sent. */
import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3'
import type { Target } from './http-client.js'
import { type ListQuery, listingQuery } from './listing.js'
import type { BucketInput } from './sdk-lane.js'
import { encodeKey, type Identity, NO_PAYLOAD, Signer } from './signature-v4.js'

type Sdk = typeof import('@aws-sdk/client-s3')

/** How one bucket is asked in one region. */
export interface BucketRequests {
  readonly target: Target
  /** The path of a key, up to the key; that of a listing. */
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
const QUERY: ListQuery = { prefix: KEY, delimiter: '/', token: KEY, maxKeys: 7 }
/** Each request has its own of these, or needs none. */
const OWN = new Set(['authorization', 'host', 'x-amz-date', 'x-amz-content-sha256', 'x-amz-security-token', 'x-amz-user-agent'])
const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=[^/]+\/\d{8}\/([a-z0-9-]+)\/s3\/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=[0-9a-f]{64}$/

/**
 * Has the SDK sign a request for an object and one for a listing, and signs the same ourselves. Undefined where they differ
 * in anything, so where it is configured to do what only it can: another way to sign, S3 Express and its sessions, access
 * points of several regions, a password in the endpoint's URL.
 */
export async function bucketRequests(
  sdk: Sdk,
  config: S3ClientConfig,
  input: BucketInput,
  identity: Identity,
): Promise<BucketRequests | undefined> {
  const sent: HttpRequest[] = []
  const requestHandler = {
    handle(request: HttpRequest) {
      sent.push(request)
      return Promise.reject(new Error('not to be sent'))
    },
  }
  const client = new sdk.S3Client({ ...config, credentials: identity, requestHandler })
  await sendBoth(sdk, client, input)
  client.destroy()
  const [object, listing, ...more] = sent
  if (object === undefined || listing === undefined || more.length > 0) return undefined
  return agreed(object, listing, identity)
}

async function sendBoth(sdk: Sdk, client: S3Client, input: BucketInput): Promise<void> {
  const { prefix: Prefix, delimiter: Delimiter, token: ContinuationToken, maxKeys: MaxKeys } = QUERY
  const query = { Prefix, Delimiter, ContinuationToken, MaxKeys, EncodingType: 'url' as const }
  try {
    await client.send(new sdk.GetObjectCommand({ ...input, Key: KEY })).catch(() => undefined)
    await client.send(new sdk.ListObjectsV2Command({ ...input, ...query }))
  } catch {
    // Where there is no request to see, the SDK will say why when it is asked to send one.
  }
}

function agreed(object: HttpRequest, listing: HttpRequest, identity: Identity): BucketRequests | undefined {
  const { protocol, hostname, port, headers, path } = object
  const [authorization, region, names] = AUTHORIZATION.exec(headers['authorization'] ?? '') ?? []
  if (region === undefined || names === undefined || object.username !== undefined) return undefined
  const isPlain = Object.keys(object.query).every((name) => name === 'x-id')
  const basePath = path.slice(0, -ENCODED_KEY.length)
  if (!isPlain || path !== basePath + ENCODED_KEY || !basePath.endsWith('/')) return undefined
  const isAlike = listing.hostname === hostname && listing.port === port && listing.protocol === protocol
  if (!isAlike || listing.path !== basePath) return undefined
  const signer = new Signer(region, 's3')
  const sign = (request: HttpRequest, query: string): string => signAgain(request, query, names.split(';'), signer, identity)
  const query = Object.entries(object.query).map(([name, value]) => `${name}=${value}`)
  if (sign(object, query.join('&')) !== authorization) return undefined
  if (sign(listing, listingQuery(QUERY)) !== listing.headers['authorization']) return undefined
  const lasting = Object.entries(headers).filter(([name]) => !OWN.has(name) && !name.startsWith('amz-sdk-'))
  return {
    target: { secure: protocol === 'https:', host: hostname.replace(/^\[(.*)\]$/, '$1'), port },
    basePath,
    host: headers['host'] ?? hostname,
    signedHeaders: lasting.filter(([name]) => name.startsWith('x-amz-')),
    otherHeaders: lasting.filter(([name]) => !name.startsWith('x-amz-')).flat(),
    signer,
  }
}

function signAgain(
  { method, path, headers }: HttpRequest,
  query: string,
  names: readonly string[],
  signer: Signer,
  identity: Identity,
): string {
  const signed = names.map((name) => [name, headers[name] ?? ''] as const)
  const date = headers['x-amz-date'] ?? ''
  return signer.authorization({ method, path, query, headers: signed, payloadHash: NO_PAYLOAD }, identity, date)
}
