/** `verify-trail keys`, and a run that asks CloudTrail for keys: against a small ListPublicKeys on loopback. */
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { caseMetadata, caseObjects, readCases } from './support/cases.js'
import { ROOT, verifyTrailCommand } from './support/command.js'
import { faultyStore } from './support/faulty-store.js'

const CASE = join(ROOT, 'fixtures/cases/plain')
const KEYS = JSON.parse(readFileSync(join(CASE, 'public-keys.json'), 'utf8'))

interface Question {
  readonly region: string
  readonly StartTime: number
  readonly EndTime: number
}

/** Answers ListPublicKeys with the keys of a fixture, times in epoch seconds; in `refusing` it refuses. Anything else is an S3 listing. */
async function fakeAws(t: { teardown(end: () => void): void }, refusing?: string) {
  const questions: Question[] = []
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      if (request.headers['x-amz-target'] === undefined)
        return response.end(listing(new URL(request.url ?? '', 'http://x').searchParams))
      const region = /Credential=[^/]+\/\d+\/([a-z0-9-]+)\//.exec(request.headers.authorization ?? '')?.[1] ?? ''
      questions.push({ region, ...JSON.parse(Buffer.concat(chunks).toString()) })
      if (region === refusing) {
        response.statusCode = 400
        return response.end(JSON.stringify({ __type: 'AccessDeniedException', message: 'no' }))
      }
      response.setHeader('content-type', 'application/x-amz-json-1.1')
      return response.end(JSON.stringify({ PublicKeyList: KEYS.PublicKeyList.map(withEpochTimes) }))
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const env = { AWS_ENDPOINT_URL: url, AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x', AWS_REGION: 'us-east-1' }
  return { env, questions }
}

function withEpochTimes(key: Record<string, unknown>): Record<string, unknown> {
  const seconds = (time: unknown) =>
    typeof time === 'string' && Number.isNaN(Number(time)) ? Date.parse(time) / 1000 : Number(time)
  return { ...key, ValidityStartTime: seconds(key['ValidityStartTime']), ValidityEndTime: seconds(key['ValidityEndTime']) }
}

const BUCKET = [
  'AWSLogs/111122223333/CloudTrail-Digest/eu-west-1/2026/03/14/a',
  'AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2025/12/31/a',
  'AWSLogs/111122223333/CloudTrail-Digest/xx-nowhere-1/2019/01/01/a',
  'AWSLogs/111122223333/CloudTrail/us-west-2/2026/03/14/a',
]

function listing(query: URLSearchParams): string {
  const prefix = query.get('prefix') ?? ''
  const delimiter = query.get('delimiter')
  const below = BUCKET.filter((key) => key.startsWith(prefix))
  const cut = (key: string) => (delimiter ? key.indexOf(delimiter, prefix.length) : -1)
  const folders = [...new Set(below.filter((key) => cut(key) >= 0).map((key) => key.slice(0, cut(key) + 1)))]
  const keys = below.filter((key) => cut(key) < 0)
  return (
    `<?xml version="1.0"?><ListBucketResult><Name>b</Name><Prefix>${prefix}</Prefix><IsTruncated>false</IsTruncated>` +
    keys.map((key) => `<Contents><Key>${key}</Key><Size>1</Size></Contents>`).join('') +
    `${folders.map((folder) => `<CommonPrefixes><Prefix>${folder}</Prefix></CommonPrefixes>`).join('')}</ListBucketResult>`
  )
}

t.test('the keys of regions and a range are saved, and verify a trail', async (t) => {
  const { env, questions } = await fakeAws(t)
  const output = join(t.testdir(), 'public-keys.json')
  const words = [
    'keys',
    '--region',
    'us-east-1,eu-west-1',
    '--start-time',
    '2026-03-01',
    '--end-time',
    '2026-03-20',
    '-o',
    output,
  ]
  const saved = await verifyTrailCommand(words, { env })
  t.strictSame([saved.code, saved.stdout], [0, ''])
  t.match(
    saved.stderr,
    /^verify-trail: saved \d+ public keys of us-east-1, eu-west-1 from 2026-03-01T00:00:00Z to 2026-03-20T00:00:00Z to /,
  )
  t.strictSame(
    questions.map(({ region }) => region),
    ['us-east-1', 'eu-west-1'],
  )
  for (const { StartTime, EndTime } of questions) {
    t.ok(StartTime * 1000 < Date.parse('2026-03-01'), 'asked with a margin before')
    t.ok(EndTime * 1000 >= Date.parse('2026-03-20'), 'and after')
  }
  const { code, stdout } = await verifyTrailCommand([
    join(CASE, 'example-trail-logs'),
    '--public-keys',
    output,
    '--metadata',
    join(CASE, 'metadata.json'),
    '-q',
  ]) // prettier-ignore
  t.equal(code, 0)
  t.match(stdout, /^valid from/)
})

t.test('for a bucket, the regions and the oldest day are those of its digest folders', async (t) => {
  const { env, questions } = await fakeAws(t)
  const output = join(t.testdir(), 'public-keys.json')
  const { code, stderr } = await verifyTrailCommand(['keys', 's3://some-bucket', '-o', output], { env })
  t.equal(code, 0)
  t.match(stderr, /the folder xx-nowhere-1 is no region of AWS: not asked/)
  t.match(stderr, /of eu-west-1, us-east-1 from /)
  t.strictSame(
    questions.map(({ region }) => region),
    ['eu-west-1', 'us-east-1'],
  )
  t.strictSame(
    JSON.parse(readFileSync(output, 'utf8')).map(({ Region }: { Region: string }) => Region),
    ['eu-west-1', 'us-east-1'],
  )
})

t.test('if one region refuses, no file is written', async (t) => {
  const { env } = await fakeAws(t, 'eu-west-1')
  const dir = t.testdir()
  const output = join(dir, 'public-keys.json')
  const { code, stderr } = await verifyTrailCommand(['keys', '--region', 'us-east-1,eu-west-1', '-o', output], { env })
  t.equal(code, 2)
  t.match(stderr, /eu-west-1/)
  t.notOk(existsSync(output))
  t.strictSame(readdirSync(dir), [])
})

t.test('the endpoint of a store is not where CloudTrail is asked', async (t) => {
  const { env, questions } = await fakeAws(t)
  const store = await fakeAws(t)
  const words = ['s3://some-bucket', '--endpoint-url', store.env.AWS_ENDPOINT_URL, '-q']
  const { AWS_ENDPOINT_URL, ...others } = env
  const { code, stderr } = await verifyTrailCommand(words, { env: { ...others, AWS_ENDPOINT_URL_CLOUDTRAIL: AWS_ENDPOINT_URL } })
  t.ok(code === 1 || code === 3, stderr)
  t.strictSame(store.questions, [])
  t.ok(questions.every(({ region }) => region === 'us-east-1' || region === 'eu-west-1'))
})

t.test('a trail that is named by its ARN', async (t) => {
  const one = readCases().find(({ name }) => name === 'plain')
  if (one === undefined) throw new Error('no such case')
  const bucket = one.sources[0] ?? ''
  const metadata = caseMetadata(one)
  const objects = new Map(
    [...caseObjects(join(CASE, bucket))].map(([key, bytes]) => {
      const found = metadata?.lookup(bucket, key)
      return [key, { bytes, metadata: found?.kind === 'found' ? found.metadata : {} }] as const
    }),
  )
  const publicKeys = { PublicKeyList: KEYS.PublicKeyList.map(withEpochTimes) }
  const delivered = Date.parse('2026-03-14T11:34:34Z') / 1000
  let cloudTrail: (question: string) => object | undefined = (question) =>
    question === 'DescribeTrails'
      ? {
          trailList: [
            { Name: 'management-events', S3BucketName: bucket, HomeRegion: 'us-east-1', LogFileValidationEnabled: true },
          ],
        }
      : { IsLogging: true, LatestDigestDeliveryTime: delivered }
  const store = await faultyStore({ bucket, objects, publicKeys, cloudTrail: (question) => cloudTrail(question) })
  t.teardown(() => store.close())
  const env = { AWS_ENDPOINT_URL: store.url, AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x', AWS_REGION: 'us-east-1' }
  const arn = ['--trail-arn', 'arn:aws:cloudtrail:us-east-1:111122223333:trail/management-events']
  const range = ['--start-time', one.options.startTime ?? '', '--end-time', one.options.endTime ?? '']

  const found = await verifyTrailCommand([...arn, ...range, '--json'], { env })
  t.equal(found.code, 0, found.stderr)
  t.match(
    JSON.parse(found.stdout),
    { run: { sources: [`s3://${bucket}`] }, trails: [{ settings: { bucket }, status: [{ isLogging: true }] }] },
    'its bucket is found, and the report has what CloudTrail said',
  )
  const text = await verifyTrailCommand([...arn, ...range], { env })
  t.match(text.stdout, /asked +arn:\S+: DescribeTrails answered, GetTrailStatus answered in 1 of 1 regions, logging is on in 1/)

  cloudTrail = () => undefined
  const refused = await verifyTrailCommand([...arn, ...range], { env })
  t.equal(refused.code, 2, 'without an answer there is no bucket')
  t.match(refused.stderr, /cannot find the trail .*DescribeTrails: AccessDenied/)
  const lowered = await verifyTrailCommand([`s3://${bucket}`, ...arn, ...range], { env })
  t.equal(lowered.code, 0, 'what is refused lowers what is claimed, not the run')
  t.match(lowered.stdout, /DescribeTrails was refused, GetTrailStatus was refused/)
  t.match(lowered.stdout, /GetTrailStatus was not answered/)
})
