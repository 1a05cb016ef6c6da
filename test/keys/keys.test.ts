import { createHash, generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { VerifyTrailError } from '../../src/errors.js'
import { cloudTrailKeys } from '../../src/keys/cloudtrail.js'
import { readPublicKeyFile } from '../../src/keys/key-file.js'
import type { KeyQuery } from '../../src/keys/key-source.js'
import { askTrail } from '../../src/trails/ask-trail.js'

interface TestKey {
  readonly fingerprint: string
  readonly entry: {
    readonly Value: string
    readonly ValidityStartTime: number
    readonly ValidityEndTime: number
    readonly Fingerprint: string
  }
}

const START = Date.UTC(2026, 0, 1)
const DAY = 86_400_000

function makeKey(day: number, bits = 2048): TestKey {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: bits })
  const der = publicKey.export({ type: 'pkcs1', format: 'der' })
  const fingerprint = createHash('md5').update(der).digest('hex')
  const start = START / 1000 + day * 86_400
  return {
    fingerprint,
    entry: {
      Value: der.toString('base64'),
      ValidityStartTime: start,
      ValidityEndTime: start + 30 * 86_400,
      Fingerprint: fingerprint,
    },
  }
}

const [first, second, third] = [makeKey(0), makeKey(20), makeKey(40)]
const short = makeKey(0, 1024)

function query(key: { readonly fingerprint: string }, day = 1, region = 'us-east-1'): KeyQuery {
  return { fingerprint: key.fingerprint, region, from: START + day * DAY, to: START + day * DAY }
}

async function errorOf(promise: Promise<unknown>): Promise<{ code?: string; message?: string }> {
  try {
    await promise
    return {}
  } catch (error) {
    if (error instanceof VerifyTrailError) return { code: error.code, message: error.message }
    throw error
  }
}

t.test('a file of public keys', async (t) => {
  const list = (...keys: TestKey[]) => ({ PublicKeyList: keys.map((key) => key.entry) })
  const { Value, ValidityStartTime, ValidityEndTime, Fingerprint } = second.entry
  const camelCase = {
    publicKeyList: [
      {
        value: Value,
        validityStartTime: new Date(ValidityStartTime * 1000).toISOString(),
        validityEndTime: String(ValidityEndTime),
        fingerprint: Fingerprint.toUpperCase(),
      },
    ],
  }
  const folder = t.testdir({
    'one.json': JSON.stringify(list(first, second)),
    'camel.json': JSON.stringify(camelCase),
    'several.json': `${JSON.stringify(list(first))}\n${JSON.stringify(list(second))}\n`,
    'array.json': JSON.stringify([list(first), camelCase]),
    'empty.json': JSON.stringify({ PublicKeyList: [] }),
    'short.json': JSON.stringify(list(short)),
    'other-bytes.json': JSON.stringify({ PublicKeyList: [{ ...first.entry, Fingerprint: second.fingerprint }] }),
    'bad-entry.json': JSON.stringify({ PublicKeyList: [first.entry, { ...second.entry, Value: 'not base64!' }] }),
    'bad-time.json': JSON.stringify({ PublicKeyList: [{ ...first.entry, ValidityEndTime: 'soon' }] }),
    'no-list.json': '{"Keys":[]}',
    'no-json.txt': 'public keys',
    nothing: '',
    several: {
      'a.json': JSON.stringify(list(first)),
      'b.json': JSON.stringify(list(second)),
      'readme.txt': 'not a key file',
      deeper: { 'c.json': 'not read' },
    },
    broken: { 'a.json': JSON.stringify(list(first)), 'b.json': '{' },
    none: { 'readme.txt': '' },
  })

  const found = [
    ['as aws-cli prints it', 'one.json', [first, second]],
    ['in camelCase, with other times and an upper-case fingerprint', 'camel.json', [second]],
    ['several answers one after the other', 'several.json', [first, second]],
    ['an array of answers', 'array.json', [first, second]],
  ] as const
  for (const [sentence, name, keys] of found) {
    await t.test(sentence, async (t) => {
      const path = join(folder, name)
      const source = await readPublicKeyFile(path)
      for (const key of keys) {
        const answer = await source.lookup(query(key))
        t.match(answer, { kind: 'key', origin: path, key: { fingerprint: key.fingerprint } })
        t.match(answer, { key: { validityEndTime: key.entry.ValidityEndTime * 1000 } })
      }
      t.same(await source.lookup(query(third)), { kind: 'unknown' })
    })
  }

  await t.test('a directory of files, each key with its own origin', async (t) => {
    const source = await readPublicKeyFile(join(folder, 'several'))
    t.match(await source.lookup(query(first)), { kind: 'key', origin: join(folder, 'several', 'a.json') })
    t.match(await source.lookup(query(second)), { kind: 'key', origin: join(folder, 'several', 'b.json') })
  })

  await t.test('an empty list knows no key', async (t) => {
    t.same(await (await readPublicKeyFile(join(folder, 'empty.json'))).lookup(query(first)), { kind: 'unknown' })
  })

  await t.test('a key under the fingerprint of another is a mismatch', async (t) => {
    const source = await readPublicKeyFile(join(folder, 'other-bytes.json'))
    t.match(await source.lookup(query(second)), { kind: 'mismatch', reason: /MD5/ })
    t.same(await source.lookup(query(first)), { kind: 'unknown' })
  })

  await t.test('a key that is too short is unknown, with the reason', async (t) => {
    t.match(await (await readPublicKeyFile(join(folder, 'short.json'))).lookup(query(short)), { kind: 'unknown', reason: /2048/ })
  })

  const refused = [
    ['a file that is not there', 'missing.json', /no such file/],
    ['an entry that is no key', 'bad-entry.json', /bad-entry\.json.*PublicKeyList\[1\]\.Value/],
    ['a time that is none', 'bad-time.json', /PublicKeyList\[0\]\.ValidityEndTime/],
    ['JSON of another shape', 'no-list.json', /no-list\.json/],
    ['no JSON', 'no-json.txt', /no-json\.txt/],
    ['an empty file', 'nothing', /nothing/],
    ['a directory with a broken file', 'broken', /b\.json/],
    ['a directory without such files', 'none', /none ends in \.json/],
  ] as const
  for (const [sentence, name, message] of refused) {
    await t.test(`refuses ${sentence}`, async (t) => {
      t.match(await errorOf(readPublicKeyFile(join(folder, name))), { code: 'ERR_PUBLIC_KEYS', message })
    })
  }
})

interface Call {
  readonly target: string
  readonly region: string
  readonly body: Record<string, unknown>
}

type Reply = { readonly status?: number; readonly body: unknown }

/** CloudTrail at the wire: AWS JSON 1.1. */
async function cloudTrail(
  t: { teardown(callback: () => void): void },
  answer: (call: Call) => Reply,
): Promise<{ url: string; calls: Call[] }> {
  const calls: Call[] = []
  const server = createServer(async (request, response) => {
    const chunks: Uint8Array[] = []
    for await (const chunk of request) chunks.push(chunk)
    const scope = /\/([a-z0-9-]+)\/cloudtrail\/aws4_request/.exec(request.headers.authorization ?? '')
    const target = String(request.headers['x-amz-target']).split('.').at(-1) ?? ''
    const call = { target, region: scope?.[1] ?? '', body: JSON.parse(Buffer.concat(chunks).toString()) }
    calls.push(call)
    const { status = 200, body } = answer(call)
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, calls }
}

const refusal = (type: string): Reply => ({ status: 400, body: { __type: type, Message: 'User x may not do that' } })

for (const way of ['by a request of our own', 'by the SDK'])
  t.test(`CloudTrail, ${way}`, async (t) => {
    /** What our own request is refused, the SDK is to ask again: it says why. */
    const asking = way === 'by the SDK' ? 1 : 2
    for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name]
    Object.assign(process.env, {
      AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
      AWS_SECRET_ACCESS_KEY: 'example',
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_CONFIG_FILE: '/dev/null',
      AWS_SHARED_CREDENTIALS_FILE: '/dev/null',
      ...(way === 'by the SDK' && { AWS_SDK_UA_APP_ID: 'for-the-sdk-to-read' }),
    })
    const now = () => START + 100 * DAY
    const asked = ({ body }: Call) => [Number(body['StartTime']) * 1000, Number(body['EndTime']) * 1000]

    /** Two pages, whatever is asked; the second key on the second. */
    const twoPages = ({ target, body }: Call): Reply => {
      t.equal(target, 'ListPublicKeys')
      if (body['NextToken'] === undefined) return { body: { PublicKeyList: [first.entry], NextToken: 'more' } }
      return { body: { PublicKeyList: [second.entry] } }
    }

    await t.test('asks once, all pages, in the source region and with margin', async (t) => {
      const service = await cloudTrail(t, twoPages)
      const keys = cloudTrailKeys({ endpointUrl: service.url, now })
      const answers = await Promise.all([first, second, third].map((key) => keys.lookup(query(key, 1, 'eu-west-1'))))
      t.match(answers, [
        { kind: 'key', origin: 'CloudTrail ListPublicKeys in eu-west-1', key: { fingerprint: first.fingerprint } },
        { kind: 'key', key: { validityStartTime: second.entry.ValidityStartTime * 1000 } },
        { kind: 'unknown' },
      ])
      t.equal(service.calls.length, 2)
      t.same(
        service.calls.map((call) => call.region),
        ['eu-west-1', 'eu-west-1'],
      )
      const [call] = service.calls
      t.same(call && asked(call), [START + DAY - 3_600_000, START + 32 * DAY])
      await keys.lookup(query(third, 1, 'eu-west-1'))
      t.equal(service.calls.length, 2, 'what was answered is not asked again')
    })

    await t.test('asks over the whole run at first, never past now, and for what is beyond only then', async (t) => {
      const service = await cloudTrail(t, () => ({ body: { PublicKeyList: [] } }))
      const keys = cloudTrailKeys({ endpointUrl: service.url, from: START + 10 * DAY, to: START + 99 * DAY, now })
      for (const day of [50, 11, 90, 5, 4, 6]) await keys.lookup(query(first, day))
      t.same(service.calls.map(asked), [
        [START + 10 * DAY - 3_600_000, START + 100 * DAY],
        [START + 5 * DAY - 3_600_000, START + 10 * DAY - 3_600_000],
        [START + 4 * DAY - 3_600_000, START + 5 * DAY - 3_600_000],
      ])
      await keys.lookup({ ...query(first), from: -1e15, to: 1e15 })
      t.equal(service.calls.length, 5, 'an absurd time costs two calls')
      await keys.lookup({ ...query(first), from: -8e15, to: START })
      t.equal(service.calls.length, 5)
    })

    await t.test('a key in two forms is a mismatch', async (t) => {
      const service = await cloudTrail(t, () => ({
        body: { PublicKeyList: [first.entry, { ...second.entry, Fingerprint: first.fingerprint }] },
      }))
      t.match(await cloudTrailKeys({ endpointUrl: service.url }).lookup(query(first)), { kind: 'mismatch' })
    })

    await t.test('a refused region is asked once, and others go on', async (t) => {
      const service = await cloudTrail(t, (call) =>
        call.region === 'us-east-1' ? refusal('AccessDeniedException') : twoPages(call),
      )
      const keys = cloudTrailKeys({ endpointUrl: service.url, maxAttempts: 1, now })
      for (const day of [1, 200]) {
        t.match(await keys.lookup(query(first, day)), { kind: 'unknown', reason: /us-east-1.*AccessDenied/ })
      }
      t.equal(service.calls.length, asking)
      t.match(await keys.lookup(query(first, 1, 'eu-west-1')), { kind: 'key' })
    })

    await t.test('trouble that may pass is asked about again, a few times', async (t) => {
      let busy = 2 * asking
      const service = await cloudTrail(t, (call) => (busy-- > 0 ? { status: 503, body: {} } : twoPages(call)))
      const keys = cloudTrailKeys({ endpointUrl: service.url, maxAttempts: 1, now })
      t.match(await keys.lookup(query(first)), { kind: 'unknown', reason: /503/ })
      t.match(await keys.lookup(query(first)), { kind: 'unknown', reason: /503/ })
      t.match(await keys.lookup(query(first)), { kind: 'key' })
    })

    await t.test('what is no answer is asked for again by the SDK, and is none', async (t) => {
      for (const body of [
        'no list',
        { PublicKeyList: [{ Value: '?' }] },
        { PublicKeyList: [], NextToken: 7 },
        { PublicKeyList: 'x' },
      ]) {
        const service = await cloudTrail(t, () => ({ body }))
        const answer = await cloudTrailKeys({ endpointUrl: service.url, maxAttempts: 1, now }).lookup(query(first))
        t.equal(answer.kind, 'unknown', JSON.stringify(body))
      }
    })

    await t.test('pages that do not end are an error', async (t) => {
      const service = await cloudTrail(t, () => ({ body: { PublicKeyList: [first.entry], NextToken: 'same' } }))
      t.match(await cloudTrailKeys({ endpointUrl: service.url }).lookup(query(first)), {
        kind: 'unknown',
        reason: /does not end/,
      })
    })

    await t.test('sends nothing to what is no region', async (t) => {
      const service = await cloudTrail(t, twoPages)
      const keys = cloudTrailKeys({ endpointUrl: service.url })
      for (const region of [
        '',
        'us-east-1.evil.example',
        'us-east-1/..',
        'xx-east-1',
        'us-moon-east-1',
        'US-EAST-1',
        'aws-global',
        '__proto__',
      ]) {
        t.match(await keys.lookup(query(first, 1, region)), { kind: 'unknown', reason: /no region/ }, JSON.stringify(region))
        t.match(await errorOf(keys.list(region, START, START)), { code: 'ERR_PUBLIC_KEYS' })
      }
      t.equal(service.calls.length, 0)
      for (const region of ['us-gov-west-1', 'cn-north-1', 'me-central-1', 'us-isob-east-1', 'eusc-de-east-1', 'mx-central-1']) {
        t.match(await keys.lookup(query(first, 1, region)), { kind: 'key' }, region)
      }
    })

    await t.test('lists the keys of a range as they are', async (t) => {
      const service = await cloudTrail(t, (call) =>
        call.region === 'us-east-1' ? twoPages(call) : refusal('AccessDeniedException'),
      )
      process.env['AWS_ENDPOINT_URL_CLOUDTRAIL'] = service.url
      const keys = cloudTrailKeys({ now })
      const listed = await keys.list('us-east-1', START, START + DAY)
      t.match(
        listed,
        [first, second].map(({ fingerprint }) => ({ Fingerprint: fingerprint })),
      )
      t.same(listed[0] && Buffer.from(listed[0].Value).toString('base64'), first.entry.Value)
      t.match(await errorOf(keys.list('eu-west-1', START, START)), { code: 'ERR_PUBLIC_KEYS', message: /AccessDenied/ })
      delete process.env['AWS_ENDPOINT_URL_CLOUDTRAIL']
    })

    await t.test('missing credentials are an answer to a lookup, and an error of a listing', async (t) => {
      const service = await cloudTrail(t, twoPages)
      const { AWS_ACCESS_KEY_ID } = process.env
      delete process.env['AWS_ACCESS_KEY_ID']
      const keys = cloudTrailKeys({ endpointUrl: service.url })
      t.match(await keys.lookup(query(first)), { kind: 'unknown', reason: /credentials/i })
      t.match(await errorOf(keys.list('us-east-1', START, START)), { code: 'ERR_CREDENTIALS' })
      process.env['AWS_ACCESS_KEY_ID'] = AWS_ACCESS_KEY_ID
      t.equal(service.calls.length, 0)
    })

    await t.test('an abort ends a lookup', async (t) => {
      const service = await cloudTrail(t, twoPages)
      const reason = new Error('stop')
      const lookup = cloudTrailKeys({ endpointUrl: service.url }).lookup({ ...query(first), signal: AbortSignal.abort(reason) })
      await t.rejects(Promise.resolve(lookup), reason)
      t.equal(service.calls.length, 0)
    })
  })

t.test('what CloudTrail says of a trail', async (t) => {
  process.env['AWS_ACCESS_KEY_ID'] ??= 'x'
  process.env['AWS_SECRET_ACCESS_KEY'] ??= 'x'
  const arn = 'arn:aws:cloudtrail:eu-west-1:123456789012:trail/all-events'
  const described = {
    Name: 'all-events',
    S3BucketName: 'trail-bucket',
    S3KeyPrefix: 'a/b',
    HomeRegion: 'eu-west-1',
    IsMultiRegionTrail: false,
    IsOrganizationTrail: true,
    LogFileValidationEnabled: true,
  }
  const delivered = START / 1000 + 5400
  const status = { IsLogging: true, LatestDigestDeliveryTime: delivered, StartLoggingTime: START / 1000 }
  let settings: Reply = { body: { trailList: [described] } }
  let statuses = (_region: string): Reply => ({ body: status })
  const service = await cloudTrail(t, ({ target, region }) => (target === 'DescribeTrails' ? settings : statuses(region)))
  const options = { endpointUrl: service.url, maxAttempts: 1 }
  const names = { arn, accountId: '123456789012', trail: 'all-events', homeRegion: 'eu-west-1' }
  const home = {
    region: 'eu-west-1',
    isLogging: true,
    latestDigestDeliveryTime: '2026-01-01T01:30:00Z',
    latestDigestDeliveryError: null,
    startLoggingTime: '2026-01-01T00:00:00Z',
    stopLoggingTime: null,
  }
  t.strictSame(
    await askTrail(arn, options),
    {
      ...names,
      settings: { bucket: 'trail-bucket', prefix: 'a/b', multiRegion: false, organization: true, validation: true },
      status: [home],
    },
    'where a trail of one region delivers, and that it logs',
  )
  t.match(service.calls, [
    { target: 'DescribeTrails', region: 'eu-west-1', body: { trailNameList: [arn] } },
    { target: 'GetTrailStatus', region: 'eu-west-1', body: { Name: arn } },
  ])

  settings = { body: { trailList: [{ ...described, IsMultiRegionTrail: true }] } }
  statuses = (region) => (region === 'sa-east-1' ? refusal('AccessDeniedException') : { body: { ...status, IsLogging: false } })
  const everywhere = await askTrail(arn, options)
  t.equal(everywhere.status.length, 17, 'a multi-region trail is asked about in every region that is on by default')
  t.match(
    everywhere.status.filter((answer) => 'refused' in answer),
    [{ region: 'sa-east-1', refused: /AccessDenied/ }],
    'what one region refuses lowers what is known of that region',
  )
  const some = await askTrail(arn, { ...options, regions: ['us-east-1', 'evil.example'] })
  t.strictSame(
    some.status.map(({ region }) => region),
    ['eu-west-1', 'us-east-1'],
    'only the regions that were named, beside the home region; what is no region is sent nothing',
  )

  settings = { body: { trailList: [] } }
  t.match(await askTrail(arn, options), { settings: { refused: /no such trail/ } })
  for (const code of ['TrailNotFoundException', 'UnrecognizedClientException', 'AccessDeniedException']) {
    settings = refusal(code)
    statuses = () => refusal(code)
    t.match(
      await askTrail(arn, options),
      { settings: { refused: new RegExp(code) }, status: [{ refused: new RegExp(code) }] },
      `${code} is an answer`,
    )
  }
  for (const wrong of ['all-events', 'arn:aws:s3:::bucket', arn.replace('eu-west-1', 'evil.example'), `${arn}/x`]) {
    t.match(await errorOf(askTrail(wrong, options)), { code: 'ERR_INVALID_OPTION' }, wrong)
  }
  const reason = new Error('stop')
  await t.rejects(askTrail(arn, { ...options, signal: AbortSignal.abort(reason) }), reason, 'an abort ends it')
})
