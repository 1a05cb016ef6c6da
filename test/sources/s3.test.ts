import { PutBucketPolicyCommand, S3Client } from '@aws-sdk/client-s3'
import t from 'tap'
import { compareKeys } from '../../src/core/compare-keys.js'
import { type S3SourceOptions, s3Source } from '../../src/sources/s3.js'
import { BodyError, type Source } from '../../src/sources/source.js'
import {
  bare,
  bytesOf,
  codeOf,
  collect,
  cut,
  EMPTY_LISTING,
  failure,
  isolate,
  LANES,
  misbehaving,
  QUICK,
  type Reply,
  reset,
  SOMEBODY,
  silent,
  thrownBy,
  trickle,
  whole,
  withoutBody,
} from '../aws/misbehaving-store.js'
import { type PutObject, putObjects } from '../support/put-objects.js'
import { startRadosgw } from '../support/radosgw.js'

t.test('on a real S3 server', async (t) => {
  const server = await startRadosgw()
  if (typeof server === 'string') {
    t.plan(0, server)
    return
  }
  t.teardown(server.stop)
  isolate(server)
  const admin = new S3Client({ endpoint: server.endpointUrl, forcePathStyle: true, region: 'us-east-1', credentials: server })
  t.teardown(() => admin.destroy())
  const sources: Source[] = []
  t.teardown(() => Promise.all(sources.map((source) => source.close?.())))
  const open = async (url: string, options: S3SourceOptions = {}): Promise<Source> => {
    const source = await s3Source(url, { endpointUrl: server.endpointUrl, ...QUICK, ...options })
    sources.push(source)
    return source
  }

  const odd = [
    'odd/a b',
    'odd/a+b',
    'odd/a%20b',
    'odd/a//b',
    'odd/../up',
    'odd/./here',
    'odd/tab\tline\nreturn\r',
    'odd/<&>"\'',
    'odd/\u0001control',
    'odd/ü',
    'odd/\u{1f600}',
    'odd/\uffee',
    'odd/?query#hash',
    'odd/=;:,@$!*()[]{}|\\^~`',
    ' odd/leading space',
    '/odd/leading slash',
    'odd/trailing space ',
    'odd/é', // not the same as the next but for normal forms
    'odd/e\u0301',
  ]
  const large = Buffer.alloc(3 * 1024 * 1024 + 17, 'large')
  const signature = 'ab'.repeat(256)
  await putObjects(
    admin,
    'trail-bucket',
    new Map<string, PutObject>([
      ...Array.from({ length: 2345 }, (_, i) => [`many/${String(i).padStart(5, '0')}`, { bytes: Buffer.from(`${i}`) }] as const),
      ...odd.map((key) => [key, { bytes: Buffer.from(key) }] as const),
      [
        'meta',
        { bytes: Buffer.from('m'), metadata: { signature, 'signature-algorithm': 'SHA256withRSA' }, contentEncoding: 'gzip' },
      ],
      ['large', { bytes: large }],
      ['empty', { bytes: Buffer.alloc(0) }],
      ['folder/', { bytes: Buffer.alloc(0) }],
      ['folder/inside/deep', { bytes: Buffer.from('d') }],
      ['refused/secret', { bytes: Buffer.from('s') }],
    ]),
  )
  for (const lane of LANES) {
    const source = await open('s3://trail-bucket', { lane })

    await t.test(`lists more than a page, in byte order, by the ${lane} lane`, async (t) => {
      const listed = await collect(source.list('many/'))
      t.equal(listed.length, 2345)
      t.match(listed[1999], { kind: 'object', key: 'many/01999', size: 4, identity: /^\d+ [0-9a-f]{32}$/ })
      const keys = (await collect(source.list(''))).map((item) => item.key)
      t.same(keys, [...keys].sort(compareKeys))
    })

    await t.test(`lists and reads odd keys as they are, by the ${lane} lane`, async (t) => {
      const keys = new Set((await collect(source.list(''))).map((item) => item.key))
      for (const key of odd) {
        t.ok(keys.has(key), `lists ${JSON.stringify(key)}`)
        t.equal((await bytesOf(await source.read(key))).toString(), key, `reads ${JSON.stringify(key)}`)
      }
    })

    await t.test(`tells folders from objects, by the ${lane} lane`, async (t) => {
      const top = await source.folders('')
      t.match(top, { folders: ['\u0020odd/', '/', 'folder/', 'many/', 'odd/', 'refused/'] })
      t.match(await source.folders('folder/'), {
        folders: ['folder/inside/'],
        objects: [{ kind: 'object', key: 'folder/', size: 0, identity: /^\d+ [0-9a-f]{32}$/ }],
      })
      t.same(await source.folders('none/'), { folders: [], objects: [] })
    })

    await t.test(`reads metadata, and bytes as stored, by the ${lane} lane`, async (t) => {
      const answer = await source.read('meta', { size: 1 })
      t.match(answer, { kind: 'object', metadata: { signature, 'signature-algorithm': 'SHA256withRSA' } })
      t.equal((await bytesOf(answer)).toString(), 'm')
      t.match(await source.read('empty', { size: 0 }), { kind: 'object', metadata: {} })
    })

    await t.test(`hands out a large object in chunks, by the ${lane} lane`, async (t) => {
      const answer = await source.read('large')
      t.notOk(answer.kind === 'object' && answer.body instanceof Uint8Array)
      t.ok(large.equals(await bytesOf(answer)))
    })

    await t.test(`says missing only for a key that is not there, by the ${lane} lane`, async (t) => {
      t.same(await source.read('nothing/here'), { kind: 'missing' })
      t.same(await source.read('Meta'), { kind: 'missing' })
      t.match(await source.read(''), { kind: 'unreadable', reason: 'unsafe-name' })
      t.match(await source.read('\ud800'), { kind: 'unreadable', reason: 'unsafe-name' })
      t.match(await source.read('meta', { size: 2 }), { kind: 'unreadable', reason: 'altered-in-transfer' })
    })

    await t.test(`corrects a clock that is an hour slow, by the ${lane} lane`, async (t) => {
      const late = await open('s3://trail-bucket', { lane })
      const now = Date.now.bind(Date)
      t.intercept(Date, 'now', { value: () => now() - 3_600_000 })
      t.equal((await bytesOf(await late.read('meta'))).toString(), 'm')
      t.equal((await bytesOf(await late.read('odd/ü'))).toString(), 'odd/ü')
    })

    await t.test(`says that access is denied, and goes on, by the ${lane} lane`, async (t) => {
      const deny = (action: string, resource: string) => ({ Effect: 'Deny', Principal: '*', Action: action, Resource: resource })
      const statements = [
        deny('s3:GetObject', 'arn:aws:s3:::trail-bucket/refused/*'),
        deny('s3:ListBucket', 'arn:aws:s3:::closed-bucket'),
      ]
      await putObjects(admin, 'closed-bucket', new Map([['known', { bytes: Buffer.from('k') }]]))
      for (const [index, bucket] of ['trail-bucket', 'closed-bucket'].entries()) {
        const policy = JSON.stringify({ Version: '2012-10-17', Statement: [statements[index]] })
        await admin.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: policy }))
      }
      t.match(await source.read('refused/secret'), { kind: 'unreadable', reason: 'access-denied' })
      const closed = await open('s3://closed-bucket/some/prefix', { lane })
      t.match(await closed.folders(''), { kind: 'unreadable', reason: 'access-denied' })
      t.match(await collect(closed.list('x/')), [{ kind: 'unreadable', key: 'x/', reason: 'access-denied' }])
      t.equal((await bytesOf(await closed.read('known'))).toString(), 'k')
    })

    await t.test(`knows its place, by the ${lane} lane`, async (t) => {
      const prefixed = await open('s3://trail-bucket/some/prefix')
      t.match(prefixed, { name: 's3://trail-bucket/some/prefix', kind: 'store', bucket: 'trail-bucket', prefix: 'some/prefix/' })
      t.match(source, { name: 's3://trail-bucket', prefix: '' })
    })

    await t.test(`another bucket answers for itself, by the ${lane} lane`, async (t) => {
      await putObjects(admin, 'other-bucket', new Map([['x', { bytes: Buffer.from('other') }]]))
      const other = source.otherBucket?.('other-bucket')
      t.equal(other?.bucket, 'other-bucket')
      t.equal(other && (await bytesOf(await other.read('x'))).toString(), 'other')
      const none = source.otherBucket?.('no-such-bucket-here')
      t.match(await none?.read('x'), { kind: 'unreadable', reason: 'no-such-bucket' })
      t.match(await none?.folders(''), { kind: 'unreadable', reason: 'no-such-bucket' })
      t.match(none && (await collect(none.list(''))), [{ kind: 'unreadable', reason: 'no-such-bucket' }])
      t.equal(source.otherBucket?.('a/../b'), undefined)
    })
  }

  await t.test('an endpoint of the environment is used, in path style and without a region', async (t) => {
    for (const name of ['AWS_ENDPOINT_URL', 'AWS_ENDPOINT_URL_S3']) {
      process.env[name] = server.endpointUrl
      const found = await s3Source('s3://trail-bucket', QUICK)
      delete process.env[name]
      t.same(await found.read('nothing'), { kind: 'missing' }, name)
      await found.close?.()
    }
  })

  await t.test('an endpoint of a profile is used', async (t) => {
    const folder = t.testdir({
      config: `[profile lab]\nendpoint_url = ${server.endpointUrl}\nregion = eu-west-1\naws_access_key_id = ${server.accessKeyId}\naws_secret_access_key = ${server.secretAccessKey}\n`,
    })
    isolate(undefined)
    process.env['AWS_CONFIG_FILE'] = `${folder}/config`
    const found = await s3Source('s3://trail-bucket', { ...QUICK, profile: 'lab' })
    isolate(server)
    t.equal((await bytesOf(await found.read('meta'))).toString(), 'm')
    t.equal(process.env['AWS_PROFILE'], undefined, 'the environment is as it was')
    await found.close?.()
  })

  const cannotOpen = [
    ['a bucket that does not exist', 's3://no-such-bucket-here', server, 'ERR_SOURCE'],
    ['a key that is not known', 's3://trail-bucket', SOMEBODY, 'ERR_CREDENTIALS'],
    ['a wrong secret', 's3://trail-bucket', { ...server, secretAccessKey: 'wrong' }, 'ERR_CREDENTIALS'],
    ['no credentials', 's3://trail-bucket', undefined, 'ERR_CREDENTIALS'],
  ] as const
  for (const [sentence, url, credentials, code] of cannotOpen) {
    await t.test(`does not open: ${sentence}`, async (t) => {
      isolate(credentials)
      t.equal(codeOf(await thrownBy(open(url))), code)
      isolate(server)
    })
  }
})

t.test('what is no bucket or no option is refused before anything is sent', async (t) => {
  for (const url of ['s3://', 's3:///x', 's3://a', 's3://..', 's3://arn:aws:s3:::x', 'http://x', '']) {
    t.equal(codeOf(await thrownBy(s3Source(url))), 'ERR_SOURCE', JSON.stringify(url))
  }
  const options: S3SourceOptions[] = [
    { concurrency: 0 },
    { maxAttempts: 1.5 },
    { retryDelay: -1 },
    { endpointUrl: 'localhost:9000' },
    { lane: 'slow' as 'sdk' },
  ]
  for (const option of options) {
    t.equal(codeOf(await thrownBy(s3Source('s3://bucket', option))), 'ERR_INVALID_OPTION', JSON.stringify(option))
  }
})

for (const lane of LANES) {
  t.test(`on a store that misbehaves, by the ${lane} lane`, async (t) => {
    isolate(SOMEBODY)
    const store = await misbehaving(t)
    const options = { endpointUrl: store.url, lane, ...QUICK }
    const source = await s3Source('s3://bucket', options)
    // Only for what times out: a busy machine may make it give up once more than the test has in mind.
    const hurried = await s3Source('s3://bucket', { ...options, maxAttempts: 6, idleTimeout: 200 })
    t.teardown(() => hurried.close?.())
    t.teardown(() => source.close?.())
    const slow = await s3Source('s3://bucket', { ...options, retryDelay: 60_000 })
    t.teardown(() => slow.close?.())
    const body = 'b'.repeat(5000)

    const comesThrough: readonly (readonly [string, readonly Reply[]])[] = [
      ['SlowDown, then the object', [failure(503, 'SlowDown'), failure(503, 'SlowDown'), whole(body)]],
      ['a 503 of somebody on the way, then the object', [bare(503, '<html>busy</html>'), bare(502, ''), whole(body)]],
      ['a reset connection, then the object', [reset, whole(body)]],
      ['a body that is cut short, then the object', [cut(body.slice(0, 10), 5000), cut('', 5000), whole(body)]],
      ['a clock that was wrong, then the object', [failure(403, 'RequestTimeTooSkewed'), whole(body)]],
      ['an object as stored, whatever its encoding is called', [whole(body, { 'content-encoding': 'gzip' })]],
    ]
    for (const [sentence, replies] of comesThrough) {
      await t.test(sentence, async (t) => {
        store.say(...replies)
        t.equal((await bytesOf(await source.read('key', { size: 5000 }))).toString(), body)
        t.equal(store.requests.length, replies.length)
      })
    }

    const answers: readonly (readonly [string, Reply, object, number])[] = [
      ['NoSuchKey is missing', failure(404, 'NoSuchKey'), { kind: 'missing' }, 1],
      ['NoSuchBucket is not missing', failure(404, 'NoSuchBucket'), { reason: 'no-such-bucket' }, 1],
      ['a 404 of another code is not missing', failure(404, 'NoSuchVersion'), { reason: 'network' }, 1],
      ['a 404 without a body is not missing', bare(404), { reason: 'network' }, 1],
      ['a 404 page is not missing', bare(404, '<html><body>not found</body></html>'), { reason: 'network' }, 1],
      ['NoSuchKey in anything but a 404 is not missing', failure(400, 'NoSuchKey'), { reason: 'network' }, 1],
      ['AccessDenied', failure(403, 'AccessDenied'), { reason: 'access-denied' }, 1],
      ['a 403 without a body', bare(403), { reason: 'access-denied' }, 1],
      ['an archived object', failure(403, 'InvalidObjectState'), { reason: 'archived' }, 1],
      ['a disabled KMS key', failure(400, 'KMS.DisabledException'), { reason: 'kms' }, 1],
      [
        'no right to decrypt',
        failure(403, 'AccessDenied', 'User: x is not authorized to perform: kms:Decrypt on the resource'),
        { reason: 'kms', detail: /kms:Decrypt/ },
        1,
      ],
      ['SlowDown to the end', failure(503, 'SlowDown'), { reason: 'throttled' }, 3],
      ['429 to the end', bare(429), { reason: 'throttled' }, 3],
      ['InternalError to the end', failure(500, 'InternalError'), { reason: 'network' }, 3],
      ['resets to the end', reset, { reason: 'network', detail: 'ECONNRESET' }, 3],
      ['a body cut short to the end', cut('half', 5000), { reason: 'network' }, 3],
      ['another length than listed', whole(body), { reason: 'altered-in-transfer' }, 3],
      ['a signature that does not match, of one key', failure(403, 'SignatureDoesNotMatch'), { reason: 'access-denied' }, 1],
      ['a key that is too long', failure(400, 'KeyTooLongError'), { reason: 'unsafe-name' }, 1],
    ]
    for (const [sentence, reply, answer, requests] of answers) {
      await t.test(sentence, async (t) => {
        store.say(reply)
        t.match(await source.read('key', { size: sentence.includes('than listed') ? 4999 : 5000 }), answer)
        t.equal(store.requests.length, requests)
      })
    }

    const stalls: readonly (readonly [string, Reply])[] = [
      ['no answer', silent],
      ['an answer without a body', withoutBody],
      ['a trickle', trickle(5000)],
    ]
    for (const [sentence, reply] of stalls) {
      await t.test(`${sentence} in time is repeated, and is no evidence`, async (t) => {
        store.say(reply, whole(body))
        t.equal((await bytesOf(await hurried.read('key', { size: 5000 }))).toString(), body)
        store.say(reply)
        t.match(await hurried.read('key', { size: 5000 }), { kind: 'unreadable', reason: 'network', detail: 'ETIMEDOUT' })
        t.equal(store.requests.length, 6)
      })
    }

    await t.test('credentials that end while a run goes on are a reason', async (t) => {
      store.say(failure(400, 'ExpiredToken'))
      t.match(await source.read('key'), { kind: 'unreadable', reason: 'access-denied', detail: /ExpiredToken/ })
    })

    await t.test('a listing that fails says so where it fails', async (t) => {
      const page = (key: string, next: string) =>
        whole(`<?xml version="1.0"?><ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>${next}</NextContinuationToken>
        <EncodingType>url</EncodingType><Contents><Key>${key}</Key><Size>1</Size></Contents></ListBucketResult>`)
      const first = { kind: 'object', key: 'p/a b', size: 1 }
      store.say(page('p/a+b', '1'), failure(403, 'AccessDenied'))
      t.match(await collect(source.list('p/')), [first, { kind: 'unreadable', key: 'p/', reason: 'access-denied' }])
      store.say(page('p/a+b', '1'), page('p/b', '1'))
      t.match(await collect(source.list('p/')), [first, { key: 'p/b' }, { kind: 'unreadable', reason: 'network' }])
      store.say(page('p/a+b', '1'), page('p/%ff', '2'), whole(EMPTY_LISTING))
      t.match(await collect(source.list('p/')), [first, { kind: 'unreadable', key: 'p/%ff', reason: 'unsafe-name' }])
      store.say(reset)
      t.match(await source.folders('p/'), { kind: 'unreadable', reason: 'network' })
      store.say(whole('<ListBucketResult><Contents>'))
      t.match(await source.folders('p/'), { kind: 'unreadable', reason: 'network' })
    })

    await t.test('a large object', async (t) => {
      const large = Buffer.from('0123456789abcdef'.repeat(100_000))
      const part =
        (from: number, to: number): Reply =>
        (response, request) => {
          const range = request.headers.range
          const headers = { etag: '"e"', 'content-length': large.length - from }
          if (range === undefined) response.writeHead(200, headers)
          else response.writeHead(206, { ...headers, 'content-range': `bytes ${from}-${large.length - 1}/${large.length}` })
          response.write(large.subarray(from, to), () => (to === large.length ? response.end() : response.socket?.destroy()))
        }
      const rest: Reply = (response, request) => {
        const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1])
        part(from, large.length)(response, request)
      }

      await t.test('goes on where it broke off', async (t) => {
        store.say(part(0, 700_000), rest)
        const answer = await source.read('key', { size: large.length })
        t.ok(large.equals(await bytesOf(answer)))
        t.match(store.requests[1]?.headers, { 'if-match': '"e"', range: /^bytes=\d+-$/ })
      })
      await t.test('goes on after a busy store, and after a stall', async (t) => {
        const stall: Reply = (response) => {
          response.writeHead(200, { etag: '"e"', 'content-length': large.length }).write(large.subarray(0, 500_000))
        }
        store.say(stall, failure(503, 'SlowDown'), rest)
        t.ok(large.equals(await bytesOf(await hurried.read('key'))))
      })
      const breaks: readonly (readonly [string, Reply, string])[] = [
        ['another object has taken its place', failure(412, 'PreconditionFailed'), 'altered-in-transfer'],
        ['it was deleted', failure(404, 'NoSuchKey'), 'altered-in-transfer'],
        ['ranges are not honoured', whole(large.toString()), 'network'],
        ['the store is gone', reset, 'network'],
        ['access is denied meanwhile', failure(403, 'AccessDenied'), 'access-denied'],
      ]
      for (const [sentence, reply, reason] of breaks) {
        await t.test(`breaks off where ${sentence}`, async (t) => {
          store.say(part(0, 700_000), reply)
          const error = await thrownBy(bytesOf(await source.read('key')))
          t.ok(error instanceof BodyError)
          t.match(error, { reason })
        })
      }
      await t.test('waits for a slow reader', async (t) => {
        store.say(whole(large.toString()), rest)
        const answer = await hurried.read('key')
        t.ok(answer.kind === 'object' && !(answer.body instanceof Uint8Array))
        if (answer.kind !== 'object' || answer.body instanceof Uint8Array) return
        const chunks: Uint8Array[] = []
        for await (const chunk of answer.body) {
          if (chunks.length === 0) await new Promise((resolve) => setTimeout(resolve, 600))
          chunks.push(chunk)
        }
        t.ok(large.equals(Buffer.concat(chunks)))
      })
    })

    await t.test('many requests may share a signal', async (t) => {
      const warnings: Error[] = []
      const onWarning = (warning: Error): void => void warnings.push(warning)
      process.on('warning', onWarning)
      store.say(whole(body))
      const { signal } = new AbortController()
      await Promise.all(Array.from({ length: 40 }, () => source.read('key', { signal })))
      await new Promise((resolve) => setImmediate(resolve))
      process.off('warning', onWarning)
      t.same(warnings, [])
    })

    await t.test('an abort ends whatever goes on', async (t) => {
      const reason = new Error('stop')
      const aborted = async (replies: Reply[], run: (signal: AbortSignal) => Promise<unknown>): Promise<void> => {
        const controller = new AbortController()
        store.say(...replies)
        setTimeout(() => controller.abort(reason), 20)
        t.equal(await thrownBy(run(controller.signal)), reason)
      }
      await aborted([silent], (signal) => source.read('key', { signal }))
      await aborted([cut('half', 5000)], (signal) => slow.read('key', { signal }))
      await aborted([silent], (signal) => collect(source.list('', { signal })))
      await aborted([trickle(5000)], (signal) => source.read('key', { signal }))
      await aborted([trickle(5_000_000)], async (signal) => bytesOf(await source.read('key', { signal })))
      await aborted([silent], (signal) => s3Source('s3://bucket', { ...options, signal }))
    })
  })
}

for (const lane of LANES) {
  t.test(`the bucket is asked in its own region, by the ${lane} lane`, async (t) => {
    isolate(SOMEBODY)
    const store = await misbehaving(t)
    const elsewhere = failure(301, 'PermanentRedirect', 'elsewhere', { 'x-amz-bucket-region': 'eu-west-3' })
    const regions = () =>
      store.requests.map((request) => /\/([a-z0-9-]+)\/s3\/aws4_request/.exec(request.headers.authorization ?? '')?.[1])
    store.say(elsewhere, whole(EMPTY_LISTING))
    const source = await s3Source('s3://bucket', { endpointUrl: store.url, lane, ...QUICK })
    t.teardown(() => source.close?.())
    t.same(regions(), ['us-east-1', 'eu-west-3'])
    store.say(whole('x'))
    await source.read('key')
    t.same(regions(), ['eu-west-3'])
    store.say(failure(301, 'PermanentRedirect', 'elsewhere', { 'x-amz-bucket-region': 'evil.example/x' }))
    t.match(await source.read('key'), { kind: 'unreadable', reason: 'network' })
    t.same(regions(), ['eu-west-3'], 'a region that is none is not followed')
  })
}

t.test('a store that cannot be used does not open', async (t) => {
  isolate(SOMEBODY)
  const store = await misbehaving(t)
  const open = async (reply: Reply) => {
    store.say(reply)
    const error = await thrownBy(s3Source('s3://bucket', { endpointUrl: store.url, ...QUICK, idleTimeout: 100 }))
    return [codeOf(error), error instanceof Error ? error.message : ''] as const
  }
  t.match(await open(failure(404, 'NoSuchBucket')), ['ERR_SOURCE', /no such bucket/])
  t.match(await open(bare(404, 'not here')), ['ERR_SOURCE', /cannot open "s3:\/\/bucket"/])
  t.match(await open(reset), ['ERR_SOURCE', /ECONNRESET/])
  t.match(await open(failure(403, 'InvalidAccessKeyId', 'The key does not exist')), ['ERR_CREDENTIALS', /does not exist/])
  t.match(await open(failure(400, 'ExpiredToken', 'The token has expired')), ['ERR_CREDENTIALS', /has expired/])
  t.match(await open(failure(403, 'AccessDenied')), [undefined, ''])
})
