import { execFile } from 'node:child_process'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import forge from 'node-forge'
import pLimit from 'p-limit'
import t, { type Test } from 'tap'
import { MeasurerHere } from '../../src/engine/measurer.js'
import { WorkerPool } from '../../src/engine/worker-pool.js'
import { type S3SourceOptions, s3Source } from '../../src/sources/s3.js'
import type { ReadAnswer, Source } from '../../src/sources/source.js'
import {
  bare,
  bytesOf,
  codeOf,
  cut,
  EMPTY_LISTING,
  failure,
  isFast,
  isolate,
  LANES,
  misbehaving,
  QUICK,
  type Reply,
  raw,
  reset,
  SOMEBODY,
  thrownBy,
  whole,
} from '../aws/misbehaving-store.js'

type Lane = (typeof LANES)[number]
type Opened = Readonly<Record<Lane, Source>>

async function open(t: Test, endpointUrl: string, options: S3SourceOptions = {}): Promise<Opened> {
  const one = async (lane: Lane): Promise<Source> => {
    const source = await s3Source('s3://bucket', { endpointUrl, lane, ...QUICK, ...options })
    t.teardown(() => source.close?.())
    return source
  }
  return { fast: await one('fast'), sdk: await one('sdk') }
}

/** Without what tells whole bodies from chunks. */
async function told(answer: ReadAnswer): Promise<object> {
  return answer.kind === 'object' ? { ...answer, body: (await bytesOf(answer)).toString('latin1') } : answer
}

const scope = (request: IncomingMessage | undefined, part: number): string | undefined =>
  /Credential=([^,]+)/.exec(request?.headers.authorization ?? '')?.[1]?.split('/')[part]
const signedNames = (request: IncomingMessage | undefined): string[] | undefined =>
  /SignedHeaders=([^,]+)/.exec(request?.headers.authorization ?? '')?.[1]?.split(';')

const BODY = 'as it was stored'
const object = whole(BODY)
const head = (...lines: string[]): string => `${lines.join('\r\n')}\r\n\r\n`
const withBytes = (bytes: Buffer, headers: Record<string, string | number | string[]>): Reply => {
  return (response) => response.writeHead(200, { 'content-length': bytes.length, ...headers }).end(bytes)
}
const errorBody = (status: number, text: string): Reply => {
  return (response) => response.writeHead(status, { 'content-type': 'application/xml' }).end(text)
}
const gzipped = gzipSync(BODY)

t.test('both lanes give the same answer', async (t) => {
  isolate(SOMEBODY)
  const store = await misbehaving(t)
  const sources = await open(t, store.url)
  const comes = { kind: 'object', body: BODY }
  const network = { kind: 'unreadable', reason: 'network' }
  const rows: readonly (readonly [string, readonly Reply[], object, number?])[] = [
    ['InternalError, then the object', [failure(500, 'InternalError'), object], comes],
    ['a 429, then the object', [bare(429), object], comes],
    ['a 503 whose page breaks off, then the object', [raw(`${head('HTTP/1.1 503 x', 'content-length: 99')}<Err`), object], comes],
    ['a head that is no HTTP, then the object', [raw('SSH-2.0-x\r\n\r\n'), object], comes],
    ['a head without end, then the object', [raw(head('HTTP/1.1 200 OK', `x: ${'x'.repeat(20_000)}`)), object], comes],
    ['a chunked body', [(response) => response.writeHead(200).write(BODY, () => response.end())], comes],
    [
      'a chunked body that is cut short, then the object',
      [raw(`${head('HTTP/1.1 200 OK', 'transfer-encoding: chunked')}5\r\nas it`), object],
      comes,
    ],
    ['a body up to the end of the connection', [raw(`${head('HTTP/1.0 200 OK')}${BODY}`)], comes],
    ['a body up to the end of the connection, cut short', [raw(`${head('HTTP/1.0 200 OK')}as`), object], comes],
    [
      'a part that nobody asked for, then the object',
      [withBytes(Buffer.from(BODY), { 'content-range': 'bytes 0-15/99' }), object],
      comes,
    ],
    ['a store that keeps no connection', [whole(BODY, { connection: 'close' })], comes],
    ['a store that closed the connection meanwhile', [reset, object], comes],
    [
      'user metadata, with repeated and odd names and values',
      [
        withBytes(Buffer.from(BODY), {
          'X-Amz-Meta-Signature': 'ABCDEF',
          'x-amz-meta-twice': ['a', 'b'],
          'x-amz-meta-empty': '',
          'x-amz-meta-latin': '\u00fc',
          'x-amz-meta-encoded': '=?UTF-8?B?w7w=?=',
          'x-amz-meta-': 'nameless',
          'x-amz-missing-meta': '1',
          'x-amz-other': 'x',
        }),
      ],
      {
        ...comes,
        metadata: {
          signature: 'ABCDEF',
          twice: 'a, b',
          empty: '',
          latin: '\u00fc',
          encoded: '=?UTF-8?B?w7w=?=',
        },
      },
    ],
    ['a redirect to another place is not followed', [raw(head('HTTP/1.1 302 x', 'location: http://evil.example/'))], network, 1],
    ['a redirect that names no region', [failure(301, 'PermanentRedirect')], { ...network, detail: /PermanentRedirect/ }, 1],
    ['no content', [raw(head('HTTP/1.1 204 x', 'connection: close'))], network, 3],
    ['NoSuchKey cut short is not missing', [errorBody(404, '<Error><Code>NoSuchKey</Code>')], network, 1],
    ['a 400 without words', [bare(400)], { ...network, detail: 'Unknown (HTTP 400)' }, 1],
    ['a 404 without words', [bare(404)], { ...network, detail: 'NotFound (HTTP 404)' }, 1],
    ['a 500 without words, to the end', [bare(500)], { ...network, detail: 'Unknown (HTTP 500)' }, 3],
    ['a code with a message', [failure(403, 'AccessDenied', 'no &lt;way&gt;')], { detail: 'AccessDenied: no <way>' }, 1],
  ]
  for (const [sentence, replies, expected, requests] of rows) {
    await t.test(sentence, async (t) => {
      const answers: object[] = []
      for (const lane of LANES) {
        store.say(...replies)
        const answer = await told(await sources[lane].read('key', { size: BODY.length }))
        t.match(answer, expected, lane)
        t.equal(store.requests.length, requests ?? replies.length, `${lane}: requests`)
        t.ok(store.requests.every((request) => isFast(request) === (lane === 'fast')))
        // In words of the SDK's that the row does not name they may differ.
        answers.push('detail' in expected ? answer : { ...answer, detail: undefined })
      }
      t.same(answers[0], answers[1])
    })
  }

  await t.test('a gzip body is as stored, whatever is said of it', async (t) => {
    for (const lane of LANES) {
      store.say(withBytes(gzipped, { 'content-encoding': 'gzip', 'content-type': 'application/json' }))
      t.ok(gzipped.equals(await bytesOf(await sources[lane].read('key', { size: gzipped.length }))), lane)
    }
  })

  await t.test('bytes after a body are no answer to the next request', async (t) => {
    const answer = (body: string): string => `${head('HTTP/1.1 200 OK', `content-length: ${body.length}`)}${body}`
    for (const lane of LANES) {
      store.say(raw(answer(BODY) + answer('something wrong!'), { ends: false }), object)
      for (let i = 0; i < 3; i++) t.match(await told(await sources[lane].read('key', { size: BODY.length })), comes, lane)
    }
  })

  await t.test('waits as long as the store asks', async (t) => {
    for (const lane of LANES) {
      const times: number[] = []
      const at = (reply: Reply): Reply => {
        return (response, request) => {
          times.push(performance.now())
          reply(response, request)
        }
      }
      store.say(at(failure(503, 'SlowDown', '', { 'retry-after': '1' })), at(object))
      t.match(await told(await sources[lane].read('key')), comes)
      t.ok((times[1] ?? 0) - (times[0] ?? 0) > 950, lane)
    }
  })

  await t.test('keys are sent as they are', async (t) => {
    const keys = ['a/./../b//c', '/x', 'a b+c%20d', "é\u{1f600}!'()*", 'a?b#c', '..', 'tab\t\u0001']
    for (const key of keys) {
      const paths: (string | undefined)[] = []
      for (const lane of LANES) {
        store.say(object)
        await sources[lane].read(key)
        paths.push(store.requests[0]?.url?.split('?')[0])
      }
      t.equal(paths[0], paths[1], JSON.stringify(key))
      t.equal(decodeURIComponent(paths[0] ?? ''), `/bucket/${key}`)
    }
  })

  await t.test('what S3 has to know of us is the same', async (t) => {
    const headers: object[] = []
    for (const lane of LANES) {
      store.say(object)
      await sources[lane].read('key')
      const { host, 'user-agent': agent, 'x-amz-content-sha256': hash } = store.requests[0]?.headers ?? {}
      headers.push({ host, agent: agent?.split(' ')[0], hash })
    }
    t.same(headers[0], headers[1])
  })

  await t.test('another bucket is read by the same lane', async (t) => {
    for (const lane of LANES) {
      store.say(object)
      t.match(await told((await sources[lane].otherBucket?.('other.bucket')?.read('key')) ?? { kind: 'missing' }), comes)
      t.match(store.requests[0]?.url, /^\/other\.bucket\/key/)
      t.equal(isFast(store.requests[0]), lane === 'fast')
    }
  })
})

t.test('a listing that only the SDK can read is read by the SDK', async (t) => {
  isolate(SOMEBODY)
  const store = await misbehaving(t)
  const { fast } = await open(t, store.url)
  const odd = `<ListBucketResult><IsTruncated>false</IsTruncated><!-- odd -->
    <Contents><Key>k</Key><Size>1</Size></Contents></ListBucketResult>`
  for (const lanes of [[true, false], [false]]) {
    store.say(whole(odd))
    t.match(await fast.folders('of/it/'), { objects: [{ key: 'k', size: 1 }] })
    t.same(store.requests.map(isFast), lanes)
  }
})

t.test('the fast lane reads no more of an error than S3 writes', async (t) => {
  isolate(SOMEBODY)
  const store = await misbehaving(t)
  const { fast } = await open(t, store.url)
  const rows = [
    ['entities of its own', '<!DOCTYPE Error [<!ENTITY c "NoSuchKey">]><Error><Code>&c;</Code></Error>'],
    ['a DOCTYPE', '<!DOCTYPE Error><Error><Code>NoSuchKey</Code></Error>'],
    ['two codes', '<Error><Code>NoSuchKey</Code><Code>AccessDenied</Code></Error>'],
    ['more than an error document has', `<Error><Code>NoSuchKey</Code><Message>${'x'.repeat(1_000_000)}</Message></Error>`],
    ['a page', '<html><Code>NoSuchKey</Code></html>'],
    ['a page with an error in it', '<html><Error><Code>NoSuchKey</Code></Error></html>'],
  ] as const
  for (const [sentence, text] of rows) {
    store.say(errorBody(404, text))
    t.same(await fast.read('key'), { kind: 'unreadable', reason: 'network', detail: 'NotFound (HTTP 404)' }, sentence)
    t.equal(store.requests.length, 1)
  }
  store.say(raw(head('HTTP/1.1 101 x', 'connection: upgrade', 'upgrade: x')))
  t.match(await fast.read('key'), { kind: 'unreadable', reason: 'network', detail: 'ECONNRESET' }, 'an upgrade')
  store.say(raw(head('HTTP/1.1 103 x', 'link: x') + head('HTTP/1.1 404 x', 'content-length: 0')))
  t.match(await fast.read('key'), { detail: 'NotFound (HTTP 404)' }, 'something to begin with')
})

for (const lane of LANES) {
  t.test(`by the ${lane} lane`, async (t) => {
    isolate(SOMEBODY)
    const store = await misbehaving(t)
    const opened = async (options: S3SourceOptions = {}): Promise<Source> => {
      store.say(whole(EMPTY_LISTING))
      const source = await s3Source('s3://bucket', { endpointUrl: store.url, lane, ...QUICK, ...options })
      t.teardown(() => source.close?.())
      return source
    }

    const malformed = '<Error><Code>AuthorizationHeaderMalformed</Code><Message>m</Message><Region>eu-west-3</Region></Error>'
    const regions: readonly (readonly [string, Reply])[] = [
      ['a 301', failure(301, 'PermanentRedirect', 'm', { 'x-amz-bucket-region': 'eu-west-3' })],
      ['a 307', failure(307, 'TemporaryRedirect', 'm', { 'x-amz-bucket-region': 'eu-west-3', location: 'http://x.example' })],
      ['a 400 with a header', failure(400, 'AuthorizationHeaderMalformed', 'm', { 'x-amz-bucket-region': 'eu-west-3' })],
      ['a 400 with a word', errorBody(400, malformed)],
    ]
    for (const [sentence, reply] of regions) {
      await t.test(`follows ${sentence} to the bucket's region, and stays there`, async (t) => {
        const source = await opened()
        store.say(reply, object)
        t.match(await told(await source.read('key')), { body: BODY })
        t.match(await told(await source.read('key')), { body: BODY })
        t.same(
          store.requests.map((request) => scope(request, 2)),
          ['us-east-1', 'eu-west-3', 'eu-west-3'],
        )
      })
    }

    await t.test('a clock that is wrong is set by the store, and the request sent once more', async (t) => {
      const source = await opened()
      const date = new Date(Date.now() + 7_200_000)
      const skewed = failure(403, 'RequestTimeTooSkewed', 'm', { date: date.toUTCString() })
      store.say(skewed, object)
      t.match(await told(await source.read('key')), { body: BODY })
      const sent = store.requests.map(({ headers }) => String(headers['x-amz-date']))
      t.equal(sent.length, 2)
      t.ok((sent[0] ?? '') < (sent[1] ?? ''))
      t.equal(sent[1]?.slice(0, 11), date.toISOString().replace(/[-:]/g, '').slice(0, 11))
      store.say(skewed)
      t.match(await source.read('key'), { kind: 'unreadable' })
      t.equal(store.requests.length, 2)
    })

    await t.test('credentials that expired are asked for anew, and the request sent once more', async (t) => {
      const folder = t.testdir({ count: '', config: '' })
      const script = join(folder, 'credentials.mjs')
      writeFileSync(
        script,
        `import { appendFileSync, readFileSync } from 'node:fs'
        appendFileSync(${JSON.stringify(join(folder, 'count'))}, 'x')
        const asked = readFileSync(${JSON.stringify(join(folder, 'count'))}, 'utf8').length
        console.log(JSON.stringify({ Version: 1, AccessKeyId: 'AKID' + asked, SecretAccessKey: 's', SessionToken: 'token' + asked,
          Expiration: new Date(Date.now() + 3600000).toISOString() }))`,
      )
      writeFileSync(join(folder, 'config'), `[profile lab]\ncredential_process = ${process.execPath} ${script}\n`)
      isolate(undefined)
      process.env['AWS_CONFIG_FILE'] = join(folder, 'config')
      t.teardown(() => isolate(SOMEBODY))
      const source = await opened({ profile: 'lab' })
      const expired = failure(400, 'ExpiredToken', 'The provided token has expired.')
      store.say(expired, object)
      t.match(await told(await source.read('key')), { body: BODY })
      t.same(
        store.requests.map((request) => [scope(request, 0), request.headers['x-amz-security-token']]),
        [
          ['AKID1', 'token1'],
          ['AKID2', 'token2'],
        ],
      )
      t.ok(signedNames(store.requests[1])?.includes('x-amz-security-token'))
      store.say(expired, whole(EMPTY_LISTING))
      t.same(await source.folders(''), { folders: [], objects: [] }, 'for listings too')
      store.say(expired)
      t.match(await source.read('key'), { kind: 'unreadable', reason: 'access-denied' })
      t.equal(store.requests.length, 2)
    })

    await t.test('a session token is sent and signed', async (t) => {
      isolate(SOMEBODY)
      process.env['AWS_SESSION_TOKEN'] = 'a/session+token=='
      const source = await opened()
      isolate(SOMEBODY)
      store.say(object)
      await source.read('key')
      t.equal(store.requests[0]?.headers['x-amz-security-token'], 'a/session+token==')
      t.ok(signedNames(store.requests[0])?.includes('x-amz-security-token'))
    })

    await t.test('whoever is to pay says so', async (t) => {
      const source = await opened({ requestPayer: true })
      store.say(object)
      await source.read('key')
      t.equal(store.requests[0]?.headers['x-amz-request-payer'], 'requester')
      t.ok(signedNames(store.requests[0])?.includes('x-amz-request-payer'))
    })

    await t.test('a proxy of the environment is not used: the SDK uses none', async (t) => {
      const names = ['HTTP_PROXY', 'http_proxy', 'HTTPS_PROXY', 'ALL_PROXY']
      for (const name of names) process.env[name] = 'http://127.0.0.1:9'
      const source = await opened()
      store.say(object)
      t.match(await told(await source.read('key')), { body: BODY })
      for (const name of names) delete process.env[name]
    })

    await t.test('a store that throttles is asked for less at a time, and answers are as ever', async (t) => {
      const source = await opened({ concurrency: 32, maxAttempts: 50 })
      let underWay = 0
      let throttled = 0
      const fourAtATime: Reply = (response, request) => {
        if (underWay >= 4) {
          throttled++
          return failure(503, 'SlowDown')(response, request)
        }
        underWay++
        setTimeout(() => {
          underWay--
          whole(String(request.url?.split('?')[0]))(response, request)
        }, 2)
        return undefined
      }
      store.say(fourAtATime)
      const keys = Array.from({ length: 600 }, (_, i) => `key-${i}`)
      const bodies = await pLimit(100).map(keys, async (key) => (await bytesOf(await source.read(key))).toString())
      t.same(
        bodies,
        keys.map((key) => `/bucket/${key}`),
      )
      t.ok(throttled > 0)
      t.ok(throttled < 600, `${throttled} of ${store.requests.length} were throttled`)
    })

    await t.test('TLS needs a certificate that is trusted', async (t) => {
      const { certificate, url, requests } = await tlsStore(t)
      const script = fileURLToPath(new URL('../aws/read-one.ts', import.meta.url))
      const read = (env: Record<string, string>): Promise<string> =>
        new Promise((resolve) => {
          const all = { ...process.env, ...env, NODE_OPTIONS: '' }
          execFile(process.execPath, ['--import', 'tsx', script, url, lane], { env: all }, (_error, stdout) => resolve(stdout))
        })
      t.match(await read({}), /cannot open.*(?:SELF_SIGNED|self-signed)/)
      t.equal(requests.length, 0)
      t.match(await read({ NODE_EXTRA_CA_CERTS: certificate }), JSON.stringify({ kind: 'object', body: BODY, metadata: {} }))
      t.equal(requests.length, 2)
      t.equal(isFast(requests[1]), lane === 'fast')
    })
  })
}

t.test('where the SDK would send something else, it is the SDK that sends it', async (t) => {
  isolate(SOMEBODY)
  const store = await misbehaving(t)
  const session = whole(`<CreateSessionResult><Credentials><AccessKeyId>A</AccessKeyId><SecretAccessKey>s</SecretAccessKey>
    <SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></CreateSessionResult>`)
  const say = (reply: Reply) =>
    store.say((response, request) => (request.url?.includes('session') ? session : reply)(response, request))
  const options = { endpointUrl: store.url, ...QUICK }
  say(whole(EMPTY_LISTING))
  const source = await s3Source('s3://bucket--usw2-az1--x-s3', options)
  t.teardown(() => source.close?.())
  say(object)
  t.match(await told(await source.read('key')), { body: BODY })
  t.notOk(store.requests.some(isFast))
  say(whole(EMPTY_LISTING))
  const refused = await thrownBy(s3Source('s3://bucket--usw2-az1--x-s3', { ...options, lane: 'fast' }))
  t.equal(codeOf(refused), 'ERR_INVALID_OPTION')
  const plain = await s3Source('s3://bucket', options)
  t.teardown(() => plain.close?.())
  say(object)
  await plain.read('key')
  t.ok(store.requests.every(isFast), 'and by default everything else is sent here')
})

/** A store behind TLS, whose certificate nobody knows. */
async function tlsStore(t: Test): Promise<{ certificate: string; url: string; requests: IncomingMessage[] }> {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const key = privateKey.export({ type: 'pkcs1', format: 'pem' }).toString()
  const forgeKey = forge.pki.privateKeyFromPem(key)
  const certificate = forge.pki.createCertificate()
  certificate.publicKey = forge.pki.setRsaPublicKey(forgeKey.n, forgeKey.e)
  certificate.serialNumber = '01'
  certificate.validity.notBefore = new Date(Date.now() - 86_400_000)
  certificate.validity.notAfter = new Date(Date.now() + 86_400_000)
  const name = [{ name: 'commonName', value: 'localhost' }]
  certificate.setSubject(name)
  certificate.setIssuer(name)
  certificate.setExtensions([
    { name: 'basicConstraints', cA: true },
    { name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] },
  ])
  certificate.sign(forgeKey, forge.md.sha256.create())
  const pem = forge.pki.certificateToPem(certificate)
  const path = join(t.testdir({ 'certificate.pem': pem }), 'certificate.pem')

  const requests: IncomingMessage[] = []
  const server = createTlsServer({ key, cert: pem }, (request, response) => {
    requests.push(request)
    const reply = request.url?.includes('list-type') ? whole(EMPTY_LISTING) : object
    reply(response, request)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return { certificate: path, url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, requests }
}

t.test('without the SDK: what a store refuses is asked for once more with it', async (t) => {
  isolate(SOMEBODY)
  process.env['AWS_REGION'] = 'eu-west-3'
  process.env['AWS_CONFIG_FILE'] = process.env['AWS_SHARED_CREDENTIALS_FILE'] = join(t.testdir({}), 'none')
  t.teardown(() => isolate(SOMEBODY))
  const store = await misbehaving(t)
  const agents = () => store.requests.map(({ headers }) => headers['user-agent']?.split('/')[0])
  const options = { endpointUrl: store.url, ...QUICK }
  store.say(whole(EMPTY_LISTING))
  const source = await s3Source('s3://bucket', options)
  t.teardown(() => source.close?.())
  store.say(object)
  t.match(await told(await source.read('a key')), { body: BODY })
  t.same(agents(), ['verify-trail'])
  t.equal(scope(store.requests[0], 2), 'eu-west-3')

  for (const status of [400, 401, 403]) {
    store.say(failure(status, 'AccessDenied'), whole(EMPTY_LISTING))
    const second = await s3Source('s3://bucket', options)
    t.teardown(() => second.close?.())
    t.same(agents(), ['verify-trail', 'aws-sdk-js'], String(status))
  }
  store.say(failure(403, 'InvalidAccessKeyId'))
  t.equal(codeOf(await thrownBy(s3Source('s3://bucket', options))), 'ERR_CREDENTIALS')
  store.say(failure(404, 'NoSuchBucket'))
  t.equal(codeOf(await thrownBy(s3Source('s3://bucket', options))), 'ERR_SOURCE')
  t.same(agents(), ['verify-trail'])
})

t.test('what was listed at opening is not asked for again', async (t) => {
  isolate(SOMEBODY)
  const store = await misbehaving(t)
  const { fast } = await open(t, store.url)
  const before = store.requests.length
  t.same(await fast.folders(''), { folders: [], objects: [] })
  t.equal(store.requests.length, before, 'once')
  store.say(whole(EMPTY_LISTING))
  await fast.folders('')
  t.equal(store.requests.length, 1, 'and no longer')
})

t.test('what another thread reads is what would be read here, as often', async (t) => {
  isolate(SOMEBODY)
  const store = await misbehaving(t)
  const { fast: source, sdk } = await open(t, store.url)
  const { signal } = new AbortController()
  const options = {
    maxInflatedBytes: 2 ** 20,
    twice: false,
    signal,
    limit: <T>(read: () => Promise<T>) => read(),
    concurrency: 8,
  }
  const [here, there] = [new MeasurerHere(options), new WorkerPool(options, 1)]
  const sound = withBytes(gzipped, {})
  const hour = { date: new Date(Date.now() + 3_600_000).toUTCString() }
  const size = gzipped.length
  const rows: readonly (readonly [sentence: string, replies: readonly Reply[], kind: string, size?: number])[] = [
    ['an object', [sound], 'measured'],
    ['an object of no listing', [sound], 'measured'],
    ['what is no gzip', [whole(BODY)], 'measured', BODY.length],
    ['a busy store', [failure(503, 'SlowDown'), sound], 'measured'],
    ['a store that stays busy', [failure(503, 'SlowDown')], 'unreadable'],
    ['no such object', [failure(404, 'NoSuchKey')], 'missing'],
    ['no access', [failure(403, 'AccessDenied')], 'unreadable'],
    ['a connection that breaks', [reset, sound], 'measured'],
    ['a body that breaks off', [cut('half', size), sound], 'measured'],
    ['another size than was listed', [whole('x')], 'unreadable'],
    ['a clock that is wrong', [failure(403, 'RequestTimeTooSkewed', 'm', hour), sound], 'measured'],
    ['a clock that was wrong', [sound], 'measured'],
    ['another region', [failure(301, 'PermanentRedirect', 'm', { 'x-amz-bucket-region': 'eu-west-3' }), sound], 'measured'],
  ]
  for (const [sentence, replies, kind, listed = size] of rows) {
    const copy = { source, key: 'a key', size: sentence.includes('no listing') ? undefined : listed }
    // What is learnt from an answer is learnt by both.
    store.say(...replies)
    const fact = await there.measure(copy)
    const { length } = store.requests
    t.equal(fact.kind, kind, sentence)
    if (kind === 'measured') store.say(sound)
    else store.say(...replies)
    if (sentence === 'what is no gzip') store.say(whole(BODY))
    t.strictSame(await here.measure(copy), fact, `${sentence}: the same fact`)
    t.equal(length, kind === 'measured' ? replies.length : store.requests.length, `${sentence}: as many requests`)
  }
  await t.test('a large object that breaks off is read anew', async (t) => {
    const large = gzipSync(randomBytes(700_000))
    store.say(cut(large.toString('latin1').slice(0, 1000), large.length), withBytes(large, {}))
    t.match(await there.measure({ source, key: 'large', size: large.length }), {
      kind: 'measured',
      measurement: { bytesInflated: 700_000 },
    })
    t.equal(store.requests.length, 2)
  })
  await t.test('by the SDK it is read here', async (t) => {
    store.say(sound)
    t.match(await there.measure({ source: sdk, key: 'key', size }), { kind: 'measured', live: true })
    t.notOk(isFast(store.requests[0]))
  })
  await there.close()
})
