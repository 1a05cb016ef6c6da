/** What the SDK would send to a bucket whose address needs none of its endpoint rules. */
import { VERSION } from '../version.js'
import type { BucketRequests } from './sdk-request.js'
import { Signer } from './signature-v4.js'

/** Partitions, and the end of their hosts. */
const PARTITIONS = [
  { region: /^(?:us|eu|ap|sa|ca|me|af|il|mx|us-gov)-[a-z]+-\d$/, suffix: 'amazonaws.com' },
  { region: /^cn-[a-z]+-\d$/, suffix: 'amazonaws.com.cn' },
] as const
/** May stand in a host's name under TLS; what ends so is a name for something else. */
const HOST_BUCKET = /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/
const ALIAS = /(?:--[a-z-]+-s3|-s3alias)$/

const AGENT = ['user-agent', `verify-trail/${VERSION}`]

/** Undefined where only the SDK knows. */
export function plainRequests(
  bucket: string,
  region: string,
  endpoint: string | undefined,
  requestPayer: boolean,
): BucketRequests | undefined {
  if (ALIAS.test(bucket)) return undefined
  const address = endpoint === undefined ? awsAddress(bucket, region) : givenAddress(bucket, region, endpoint)
  if (address === undefined) return undefined
  const signedHeaders = requestPayer ? [['x-amz-request-payer', 'requester'] as const] : []
  return { ...address, signedHeaders, otherHeaders: AGENT, signer: new Signer(region, 's3') }
}

type Address = Pick<BucketRequests, 'target' | 'basePath' | 'host'>

function awsAddress(bucket: string, region: string): Address | undefined {
  const suffix = PARTITIONS.find((partition) => partition.region.test(region))?.suffix
  if (suffix === undefined || !HOST_BUCKET.test(bucket)) return undefined
  const host = `${bucket}.s3.${region}.${suffix}`
  return { target: { secure: true, host, port: undefined }, basePath: '/', host }
}

/** A store that is not AWS's, or not reached by AWS's name: buckets are in the path. */
function givenAddress(bucket: string, region: string, endpoint: string): Address | undefined {
  const url = new URL(endpoint)
  const isPlain = url.pathname === '/' && url.search === '' && url.hash === '' && url.username === '' && url.password === ''
  if (!isPlain || url.hostname.startsWith('[') || !/^[a-z0-9-]+$/.test(region) || !/^[A-Za-z0-9.-]+$/.test(bucket))
    return undefined
  const port = url.port === '' ? undefined : Number(url.port)
  return { target: { secure: url.protocol === 'https:', host: url.hostname, port }, basePath: `/${bucket}/`, host: url.host }
}
