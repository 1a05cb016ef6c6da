import { type AddressInfo, createServer, type Socket } from 'node:net'
import t from 'tap'
import { AdaptiveLimit } from '../../src/aws/adaptive-limit.js'
import { pauseLength } from '../../src/aws/backoff.js'
import { Credentials, type CredentialsProvider } from '../../src/aws/credentials.js'
import { LONGEST_DOCUMENT, parseErrorDocument } from '../../src/aws/error-document.js'
import { parseRetryAfter } from '../../src/aws/failure.js'
import { HttpClient } from '../../src/aws/http-client.js'
import { parseListing } from '../../src/aws/listing.js'
import { StallWatch } from '../../src/aws/stall-watch.js'

t.test('an error document is read as far as S3 writes it', async (t) => {
  const read = (text: string): Record<string, string> | undefined => {
    const fields = parseErrorDocument(text)
    return fields && Object.fromEntries(fields)
  }
  const documents = [
    ['as S3 writes it', '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code><Key>k</Key></Error>'],
    ['without a declaration, with space', '\n <Error>\n <Code>NoSuchKey</Code>\n<Key>k</Key> </Error>\n'],
    ['with a byte order mark', '\uFEFF<Error><Code>NoSuchKey</Code><Key>k</Key></Error>'],
    [
      'with a namespace',
      '<Error xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Code a=\'b\'>NoSuchKey</Code><Key>k</Key></Error>',
    ],
    ['with more below', '<Error><Code>NoSuchKey</Code><Key>k</Key><More><Code>Other</Code><None/></More></Error>'],
  ] as const
  for (const [sentence, text] of documents) t.match(read(text), { Code: 'NoSuchKey', Key: 'k' }, sentence)
  t.same(read('<Error/>'), {})
  t.same(read('<Error><Message>a &lt;b&gt; &amp;amp; &#65;&#x42; &quot;&apos;</Message></Error>'), {
    Message: 'a <b> &amp; AB "\'',
  })
  t.same(read('<Error><Message>&unknown; &#0; &#x110000; &lt</Message></Error>'), {
    Message: '&unknown; &#0; &#x110000; &lt',
  })

  const code = '<Code>NoSuchKey</Code>'
  const others = [
    ['nothing', ''],
    ['text', 'NoSuchKey'],
    ['a page', `<html><body>${code}</body></html>`],
    ['another root', `<Answer>${code}</Answer>`],
    ['cut short', `<Error>${code}`],
    ['cut short in a tag', `<Error>${code}</Err`],
    ['something after it', `<Error>${code}</Error><Error/>`],
    ['two codes', `<Error>${code}<Code>AccessDenied</Code></Error>`],
    ['crossed tags', `<Error><A>${code}</Error></A>`],
    ['an entity of its own', `<!DOCTYPE Error [<!ENTITY c "NoSuchKey">]><Error><Code>&c;</Code></Error>`],
    ['a DOCTYPE', `<!DOCTYPE Error SYSTEM "file:///etc/passwd"><Error>${code}</Error>`],
    ['CDATA', '<Error><Code><![CDATA[NoSuchKey]]></Code></Error>'],
    ['a comment', `<Error><!-- ${code} -->${code}</Error>`],
    ['an instruction', `<Error><?x y?>${code}</Error>`],
    ['too deep', `<Error>${'<a>'.repeat(50)}${'</a>'.repeat(50)}</Error>`],
    ['too long', `<Error>${code}</Error>${' '.repeat(LONGEST_DOCUMENT)}`],
    ['a tag without an end', `<Error><${'a '.repeat(30_000)}`],
    ['nothing but opening brackets', '<'.repeat(60_000)],
  ] as const
  for (const [sentence, text] of others) t.equal(read(text), undefined, sentence)
})

t.test('a listing is read as far as S3 writes it, and nothing of it is left out', async (t) => {
  const page = (inner: string): string =>
    `<?xml version="1.0"?>\n<ListBucketResult xmlns="x"><Name>b</Name>${inner}</ListBucketResult>`
  const object = '<Contents><Key>a&amp;b</Key><ETag>&quot;e&quot;</ETag><Size>7</Size><Owner><ID>i</ID></Owner></Contents>'
  const end = '<IsTruncated>false</IsTruncated>'
  const folder = '<CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes>'
  const whole = { prefixes: [], urlEncoded: false, truncated: false, token: undefined }
  t.same(parseListing(page(end)), { ...whole, objects: [] })
  t.same(parseListing(page(`${end}${object}${object}${folder}`)), {
    ...whole,
    objects: [
      { key: 'a&b', size: 7 },
      { key: 'a&b', size: 7 },
    ],
    prefixes: ['p/'],
  })
  const more = '<IsTruncated>true</IsTruncated><NextContinuationToken>t=</NextContinuationToken><EncodingType>url</EncodingType>'
  t.same(parseListing(page(more)), { objects: [], prefixes: [], urlEncoded: true, truncated: true, token: 't=' })
  const others = [
    ['nothing', ''],
    ['an error', '<Error><Code>InternalError</Code></Error>'],
    ['cut short', page(`${end}${object}`).slice(0, -30)],
    ['not said whether it goes on', page(object)],
    ['said twice', page(end + end)],
    ['neither true nor false', page('<IsTruncated>TRUE</IsTruncated>')],
    ['an object without a key', page(`${end}<Contents><Size>7</Size></Contents>`)],
    ['an object without a size', page(`${end}<Contents><Key>k</Key></Contents>`)],
    ['an object with two keys', page(`${end}<Contents><Key>k</Key><Key>l</Key><Size>7</Size></Contents>`)],
    ['a size that is none', page(`${end}<Contents><Key>k</Key><Size>-7</Size></Contents>`)],
    ['CDATA', page(`${end}<Contents><Key><![CDATA[k]]></Key><Size>7</Size></Contents>`)],
    ['a comment', page(`${end}<!-- ${object} -->`)],
  ] as const
  for (const [sentence, text] of others) t.equal(parseListing(text), undefined, sentence)
})

t.test('pauses grow, are random, and heed the store within bounds', async (t) => {
  t.equal(
    pauseLength(1, 200, 0, () => 0),
    0,
  )
  t.equal(
    pauseLength(1, 200, 0, () => 1),
    200,
  )
  t.equal(
    pauseLength(4, 200, 0, () => 1),
    1600,
  )
  t.equal(
    pauseLength(30, 200, 0, () => 1),
    20_000,
  )
  t.equal(
    pauseLength(1, 200, 3000, () => 0.5),
    3100,
  )
  t.equal(
    pauseLength(1, 200, 3_600_000, () => 0),
    20_000,
  )
  t.equal(parseRetryAfter('7', undefined), 7000)
  t.equal(parseRetryAfter('Wed, 01 May 2024 10:00:09 GMT', 'Wed, 01 May 2024 10:00:00 GMT'), 9000)
  t.equal(parseRetryAfter('Wed, 01 May 2024 10:00:00 GMT', 'Wed, 01 May 2024 10:00:09 GMT'), undefined, 'in the past')
  for (const value of ['-1', '1.5', 'soon', '', '9'.repeat(400), undefined, ['1']]) {
    t.equal(parseRetryAfter(value, undefined), undefined, String(value).slice(0, 20))
  }
})

t.test('requests at a time', async (t) => {
  const throttled = new Error('throttled')
  const limited = (most: number) => new AdaptiveLimit(most, (error) => error === throttled)
  const refuse = () => Promise.reject(throttled)

  await t.test('run in order, as many as allowed', async (t) => {
    const limit = limited(3)
    const started: number[] = []
    let running = 0
    let most = 0
    const task = async (i: number): Promise<number> => {
      started.push(i)
      most = Math.max(most, ++running)
      await new Promise((resolve) => setImmediate(resolve))
      running--
      return i
    }
    const all = Array.from({ length: 3000 }, (_, i) => i)
    t.same(await Promise.all(all.map((i) => limit.run(() => task(i)))), all)
    t.same(started, all)
    t.equal(most, 3)
  })

  await t.test('are halved once for those that were throttled together, and never to none', async (t) => {
    const limit = limited(64)
    await Promise.allSettled(Array.from({ length: 64 }, () => limit.run(refuse)))
    t.equal(limit.limit, 32)
    await t.rejects(limit.run(refuse), throttled)
    t.equal(limit.limit, 16)
    for (let i = 0; i < 20; i++) await t.rejects(limit.run(refuse))
    t.equal(limit.limit, 1)
    t.equal(await limit.run(async () => 'done'), 'done')
  })

  await t.test('come back slowly, up to what is allowed', async (t) => {
    const limit = limited(8)
    await t.rejects(limit.run(refuse))
    t.equal(limit.limit, 4)
    for (let i = 0; i < 40; i++) await limit.run(async () => undefined)
    t.equal(limit.limit, 5)
    for (let i = 0; i < 1000; i++) await limit.run(async () => undefined)
    t.equal(limit.limit, 8)
  })

  await t.test('are not fewer for another failure', async (t) => {
    const limit = limited(8)
    await t.rejects(limit.run(() => Promise.reject(new Error('other'))))
    t.equal(limit.limit, 8)
  })
})

t.test('credentials', async (t) => {
  const given = (accessKeyId: string, expiresIn?: number) => ({
    accessKeyId,
    secretAccessKey: 'secret',
    ...(expiresIn !== undefined && { expiration: new Date(Date.now() + expiresIn) }),
  })
  const asked = (answers: ReturnType<typeof given>[]) => {
    const questions: (boolean | undefined)[] = []
    const provider: CredentialsProvider = async (options) => {
      questions.push(options?.forceRefresh)
      return answers[Math.min(questions.length, answers.length) - 1] ?? given('none')
    }
    return { questions, credentials: new Credentials(provider) }
  }

  await t.test('that last are asked for once', async (t) => {
    const { questions, credentials } = asked([given('a')])
    t.match(await Promise.all([credentials.get(), credentials.get()]), [{ accessKeyId: 'a' }, { accessKeyId: 'a' }])
    t.match(credentials.get(), { accessKeyId: 'a' }, 'at once')
    t.same(questions, [false])
  })

  await t.test('are asked for anew before they expire', async (t) => {
    const { questions, credentials } = asked([given('a', 3_600_000), given('b', 7_200_000)])
    await credentials.get()
    const now = Date.now()
    t.intercept(Date, 'now', { value: () => now + 3_600_000 - 4 * 60_000 })
    t.match(await credentials.get(), { accessKeyId: 'b' })
    t.same(questions, [false, false])
  })

  await t.test('that are short-lived are not asked for each time', async (t) => {
    const { questions, credentials } = asked([given('a', 60_000)])
    await credentials.get()
    await credentials.get()
    t.same(questions, [false])
  })

  await t.test('that AWS calls expired are replaced, once for all who used them', async (t) => {
    const { questions, credentials } = asked([given('a'), given('b')])
    const used = await credentials.get()
    t.same(await Promise.all([credentials.refresh(used), credentials.refresh(used)]), [true, true])
    t.equal(await credentials.refresh(used), true)
    t.same(questions, [false, true])
    t.match(credentials.last, { accessKeyId: 'b' })
  })

  await t.test('of which there are no others are said to be the same', async (t) => {
    const { credentials } = asked([given('a')])
    t.equal(await credentials.refresh(await credentials.get()), false)
  })
})

t.test('what stalls is given up once; what moves or rests is not', async (t) => {
  const watch = new StallWatch(20)
  t.teardown(() => watch.close())
  const givenUp: string[] = []
  const start = (name: string) => watch.start((error) => givenUp.push(`${name} ${'code' in error && error.code}`))
  start('stalled')
  start('trickle').received = 100
  const moves = start('moves')
  start('rests').resting = true
  watch.end(start('ended'))
  const timer = setInterval(() => {
    moves.received += 20_000
  }, 1)
  await new Promise((resolve) => setTimeout(resolve, 200))
  clearInterval(timer)
  watch.end(moves)
  t.same(givenUp, ['stalled ETIMEDOUT', 'trickle ETIMEDOUT'])
})

t.test('a connection that does not come about is given up', async (t) => {
  const sockets: Socket[] = []
  const server = createServer((socket) => void sockets.push(socket))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const watch = new StallWatch(600_000)
  const client = new HttpClient(50, watch)
  t.teardown(() => {
    client.close()
    watch.close()
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const target = { secure: true, host: '127.0.0.1', port: (server.address() as AddressInfo).port }
  await t.rejects(client.get(target, '/', ['host', 'x'], undefined), { code: 'ETIMEDOUT' })
})
