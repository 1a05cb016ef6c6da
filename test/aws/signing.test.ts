import * as sdk from '@aws-sdk/client-s3'
import t from 'tap'
import { plainEnvironment } from '../../src/aws/plain-environment.js'
import { plainRequests } from '../../src/aws/plain-requests.js'
import { type BucketRequests, bucketRequests } from '../../src/aws/sdk-request.js'
import { amzDate, encodeKey, NO_PAYLOAD, Signer } from '../../src/aws/signature-v4.js'
import { isolate } from './misbehaving-store.js'

isolate(undefined)

// Amazon S3 API Reference, "Signature Calculations for the Authorization Header: Transferring Payload in a Single Chunk".
const EXAMPLE = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' }
const HOST = ['host', 'examplebucket.s3.amazonaws.com'] as const
const DATE = ['x-amz-date', '20130524T000000Z'] as const
const HASH = ['x-amz-content-sha256', NO_PAYLOAD] as const
const STORED = '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072'

const vectors = [
  {
    sentence: 'GET an object, with a range',
    request: { path: '/test.txt', headers: [HOST, ['range', 'bytes=0-9'], HASH, DATE] },
    signature: 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  },
  {
    sentence: 'PUT an object whose key is encoded',
    request: {
      method: 'PUT',
      path: `/${encodeKey('test$file.text')}`,
      headers: [
        ['date', 'Fri, 24 May 2013 00:00:00 GMT'],
        HOST,
        ['x-amz-content-sha256', STORED],
        DATE,
        ['x-amz-storage-class', 'REDUCED_REDUNDANCY'],
      ],
      payloadHash: STORED,
    },
    signature: '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
  },
  {
    sentence: 'GET a bucket lifecycle',
    request: { path: '/', query: 'lifecycle=', headers: [HOST, HASH, DATE] },
    signature: 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
  },
  {
    sentence: 'GET a list of objects',
    request: { path: '/', query: 'max-keys=2&prefix=J', headers: [HOST, HASH, DATE] },
    signature: '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
  },
] as const

t.test("signs the examples of AWS's documentation", async (t) => {
  const signer = new Signer('us-east-1', 's3')
  for (const { sentence, request, signature } of vectors) {
    const toSign = { method: 'GET', query: '', payloadHash: NO_PAYLOAD, ...request }
    const names = request.headers.map(([name]) => name).join(';')
    t.equal(
      signer.authorization(toSign, EXAMPLE, DATE[1]),
      `AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, SignedHeaders=${names}, Signature=${signature}`,
      sentence,
    )
  }
  const request = { method: 'GET', query: '', payloadHash: NO_PAYLOAD, ...vectors[0].request }
  const first = signer.authorization(request, EXAMPLE, DATE[1])
  t.not(signer.authorization(request, { ...EXAMPLE, secretAccessKey: 'another' }, DATE[1]), first, 'with the key of who asks')
  t.not(signer.authorization(request, EXAMPLE, '20130525T000000Z'), first, 'with the key of the day')
  t.equal(signer.authorization(request, EXAMPLE, DATE[1]), first)
})

t.test('dates and keys are written as AWS does', async (t) => {
  t.equal(amzDate(Date.UTC(2013, 4, 24, 0, 0, 0, 999)), DATE[1])
  const keys = [
    ['what needs no encoding stays', 'A-z.0_9~/x', 'A-z.0_9~/x'],
    ['/ is kept, wherever it stands', '/a//b/', '/a//b/'],
    ['. and .. are names like others', 'a/./../b', 'a/./../b'],
    ['what encodeURIComponent leaves is encoded', "!'()*", '%21%27%28%29%2A'],
    ['a space is no +', 'a b+c', 'a%20b%2Bc'],
    ['what looks encoded is encoded once more', 'a%20b%2Fc', 'a%2520b%252Fc'],
    ['what ends a path does not', 'a?b#c&d=e;f\\g', 'a%3Fb%23c%26d%3De%3Bf%5Cg'],
    ['UTF-8, byte by byte', 'ü€\u{1f600}', '%C3%BC%E2%82%AC%F0%9F%98%80'],
    ['control characters', '\u0000\n\u007f', '%00%0A%7F'],
  ] as const
  for (const [sentence, key, encoded] of keys) t.equal(encodeKey(key), encoded, sentence)
  t.throws(() => encodeKey('\ud800'))
})

t.test('objects are asked for where the SDK would ask, and as it would', async (t) => {
  const token = { ...EXAMPLE, sessionToken: 'token/+=' }
  const requests = (bucket: string, config: sdk.S3ClientConfig = {}, payer: { RequestPayer?: 'requester' } = {}) =>
    bucketRequests(
      sdk,
      {
        region: 'eu-west-3',
        responseChecksumValidation: 'WHEN_REQUIRED',
        requestChecksumCalculation: 'WHEN_REQUIRED',
        ...config,
      },
      { Bucket: bucket, ...payer },
      token,
    )
  const own = { endpoint: 'http://[::1]:9000/base/path', forcePathStyle: true }
  const rows = [
    ['a bucket has a host', 'bucket', {}, 'bucket.s3.eu-west-3.amazonaws.com', '/'],
    ['dots in a name do not go with TLS', 'a.bucket', {}, 's3.eu-west-3.amazonaws.com', '/a.bucket/'],
    ['nor do capitals go with DNS', 'Old_Bucket', {}, 's3.eu-west-3.amazonaws.com', '/Old_Bucket/'],
    ['China has a domain of its own', 'bucket', { region: 'cn-north-1' }, 'bucket.s3.cn-north-1.amazonaws.com.cn', '/'],
    [
      'FIPS and two stacks',
      'bucket',
      { useFipsEndpoint: true, useDualstackEndpoint: true },
      'bucket.s3-fips.dualstack.eu-west-3.amazonaws.com',
      '/',
    ],
    ['acceleration', 'bucket', { useAccelerateEndpoint: true }, 'bucket.s3-accelerate.amazonaws.com', '/'],
    ['an alias of an access point is a bucket', 'point-abc-s3alias', {}, 'point-abc-s3alias.s3.eu-west-3.amazonaws.com', '/'],
    ['an endpoint with a port and a path', 'bucket', own, '[::1]:9000', '/base/path/bucket/'],
  ] as const
  for (const [sentence, bucket, config, host, basePath] of rows) {
    t.match(await requests(bucket, config), { host, basePath, signedHeaders: [] }, sentence)
  }
  t.match(await requests('bucket', own), { target: { secure: false, host: '::1', port: 9000 } })
  t.match((await requests('bucket'))?.target, { secure: true })
  t.same((await requests('bucket', {}, { RequestPayer: 'requester' }))?.signedHeaders, [['x-amz-request-payer', 'requester']])
  t.match((await requests('bucket'))?.otherHeaders, ['user-agent', /^aws-sdk-js/])

  const onlyTheSdk = [
    ['S3 Express has sessions', 'bucket--usw2-az1--x-s3', {}],
    ['an access point of several regions has another signature', 'arn:aws:s3::123456789012:accesspoint/mfzwi23gnjvgw.mrap', {}],
    ['no valid endpoint', 'bucket', { region: 'no region' }],
    ['an unusual signer', 'bucket', { signer: { sign: async <T>(request: T): Promise<T> => request } }],
  ] as const
  for (const [sentence, bucket, config] of onlyTheSdk) t.equal(await requests(bucket, config), undefined, sentence)
})

t.test('without the SDK, buckets are asked for as with it', async (t) => {
  const date = '20260110T000000Z'
  const signed = ({ signer, signedHeaders }: BucketRequests) =>
    signer.authorization(
      { method: 'GET', path: '/k', query: '', headers: [HOST, ...signedHeaders], payloadHash: NO_PAYLOAD },
      EXAMPLE,
      date,
    )
  const told = (requests: BucketRequests) => {
    const { target, basePath, host, signedHeaders } = requests
    return { target, basePath, host, signedHeaders, signature: signed(requests) }
  }
  const regions = ['us-east-1', 'eu-west-3', 'ap-southeast-4', 'us-gov-west-1', 'cn-north-1', 'mx-central-1', 'il-central-1']
  const endpoints = ['http://127.0.0.1:9000', 'https://store.example', 'http://store.example:80', 'https://Store.example:9443/']
  const rows = [
    ...regions.map((region) => ({ bucket: 'a-bucket1', region, endpoint: undefined, payer: false })),
    ...endpoints.map((endpoint) => ({ bucket: 'a-bucket1', region: 'eu-west-3', endpoint, payer: true })),
    { bucket: 'A.b_ucket', region: 'garage', endpoint: undefined, payer: false },
    { bucket: 'a.bucket', region: 'garage', endpoint: 'http://127.0.0.1:9000', payer: false },
  ]
  let asked = 0
  for (const { bucket, region, endpoint, payer } of rows) {
    const plain = plainRequests(bucket, region, endpoint, payer)
    if (plain === undefined) continue
    asked++
    const config = {
      region,
      ...(endpoint && { endpoint }),
      forcePathStyle: endpoint !== undefined,
      responseChecksumValidation: 'WHEN_REQUIRED' as const,
      requestChecksumCalculation: 'WHEN_REQUIRED' as const,
    }
    const input = { Bucket: bucket, ...(payer && { RequestPayer: 'requester' as const }) }
    const bySdk = await bucketRequests(sdk, config, input, EXAMPLE)
    t.same(told(plain), bySdk && told(bySdk), `${bucket} ${region} ${endpoint}`)
  }
  t.equal(asked, rows.length - 1)
  const onlyTheSdk = [
    ['a.bucket', 'eu-west-3', undefined],
    ['Old_Bucket', 'eu-west-3', undefined],
    ['bucket--usw2-az1--x-s3', 'us-west-2', undefined],
    ['bucket--usw2-az1--x-s3', 'us-west-2', 'http://127.0.0.1:9000'],
    ['point-abc-s3alias', 'us-west-2', undefined],
    ['lambda--ol-s3', 'us-west-2', undefined],
    ['bucket', 'us-iso-east-1', undefined],
    ['bucket', 'aws-global', undefined],
    ['bucket', 'eu-west-3', 'http://[::1]:9000'],
    ['bucket', 'eu-west-3', 'http://127.0.0.1:9000/base'],
    ['bucket', 'eu-west-3', 'http://user:password@127.0.0.1:9000'],
  ] as const
  for (const [bucket, region, endpoint] of onlyTheSdk)
    t.equal(plainRequests(bucket, region, endpoint, false), undefined, `${bucket} ${region} ${endpoint}`)
})

t.test('the SDK is asked who asks unless the environment says all of it', (t) => {
  const none = { AWS_CONFIG_FILE: '/nowhere/config', AWS_SHARED_CREDENTIALS_FILE: '/nowhere/credentials' }
  const keys = { AWS_ACCESS_KEY_ID: 'A', AWS_SECRET_ACCESS_KEY: 's', AWS_REGION: 'eu-west-3', ...none }
  const identity = { accessKeyId: 'A', secretAccessKey: 's' }
  const found = { identity, region: 'eu-west-3', endpoint: undefined }
  const directory = t.testdir({
    plain: '[default]\nregion = us-east-1\noutput=json\n# a comment\n[profile x]\nrole_arn = r\nsso_session = y\ncli_pager=\n',
    endpoint: '[default]\nendpoint_url = http://store.example\n',
    nested: '[default]\ns3 =\n  use_dualstack_endpoint = true\n',
    fips: '[profile other]\nuse_fips_endpoint=true\n',
  })
  const file = (name: string) => ({ ...keys, AWS_CONFIG_FILE: `${directory}/${name}` })
  const rows = [
    ['keys and a region', keys, {}, found],
    ['a session', { ...keys, AWS_SESSION_TOKEN: 't' }, {}, { ...found, identity: { ...identity, sessionToken: 't' } }],
    ['the region that was given first', keys, { region: 'us-west-2' }, { ...found, region: 'us-west-2' }],
    [
      'the endpoint that was given first',
      { ...keys, AWS_ENDPOINT_URL_S3: 'http://b' },
      { endpointUrl: 'http://a' },
      { ...found, endpoint: 'http://a' },
    ],
    [
      'an endpoint for S3 before one for all',
      { ...keys, AWS_ENDPOINT_URL: 'http://a', AWS_ENDPOINT_URL_S3: 'http://b' },
      {},
      { ...found, endpoint: 'http://b' },
    ],
    ['settings that change nothing', file('plain'), {}, found],
    ['no region', { ...keys, AWS_REGION: '' }, {}, undefined],
    ['no secret', { ...keys, AWS_SECRET_ACCESS_KEY: undefined }, {}, undefined],
    ['a profile', { ...keys, AWS_PROFILE: 'p' }, {}, undefined],
    ['keys that expire', { ...keys, AWS_CREDENTIAL_EXPIRATION: '2099-01-01T00:00:00Z' }, {}, undefined],
    ['FIPS', { ...keys, AWS_USE_FIPS_ENDPOINT: 'true' }, {}, undefined],
    ['what nobody has heard of yet', { ...keys, AWS_SOMETHING_NEW: '1' }, {}, undefined],
    ['an endpoint in a file', file('endpoint'), {}, undefined],
    ['a nested setting in a file', file('nested'), {}, undefined],
    ["another profile's setting", file('fips'), {}, undefined],
    ['a file that cannot be read', file('.'), {}, undefined],
  ] as const
  for (const [sentence, variables, given, expected] of rows) t.same(plainEnvironment(given, variables), expected, sentence)
  t.end()
})
