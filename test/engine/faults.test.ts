/**
 * Faults on every call to S3 and CloudTrail: a run ends as it would without them, or says what could not be looked at. Never
 * invalid, never a crash, and it always ends.
 */
import { readFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import { generate } from '../../bench/generated-source.js'
import type { Summary } from '../../src/core/results.js'
import { VerifyTrailError, verifyTrail } from '../../src/index.js'
import { cloudTrailKeys, s3Source } from '../../src/s3.js'
import { isolate, SOMEBODY } from '../aws/misbehaving-store.js'
import { casePath, readCases, storedObjects } from '../support/cases.js'
import { type Answer, CALLS, type Call, type Fault, faultyStore, objectsOf, send, withSeconds } from '../support/faulty-store.js'

const QUICK = { retryDelay: 1, maxAttempts: 3, idleTimeout: 5000 }
/** For what takes its time. */
const HURRIED = { ...QUICK, idleTimeout: 150 }
const STALLS: readonly string[] = ['no answer', 'a slow trickle']

const error = (status: number, code: string): Fault => {
  const xml = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>as the test says</Message></Error>`
  const json = JSON.stringify({ __type: code, message: 'as the test says' })
  return ({ headers }, response) => {
    const type = headers['content-type'] === 'application/x-amz-json-1.1' ? 'application/x-amz-json-1.1' : 'application/xml'
    response.writeHead(status, { 'content-type': type }).end(type.endsWith('xml') ? xml : json)
  }
}

const raw =
  (bytes: string): Fault =>
  (_, response) =>
    response.socket?.end(bytes, 'latin1')

const changed =
  (change: (answer: Answer) => Answer): Fault =>
  (answer, response) =>
    send(change(answer), response)
const withBody = (change: (body: Buffer) => Buffer): Fault =>
  changed((answer) => {
    const body = change(answer.body)
    return { ...answer, body, headers: { ...answer.headers, 'content-length': body.length } }
  })
const withText = (change: (text: string) => string): Fault => withBody((body) => Buffer.from(change(body.toString())))

function trickle(answer: Answer, response: ServerResponse): void {
  response.writeHead(200, { ...answer.headers })
  let at = 0
  const timer = setInterval(() => response.write(answer.body.subarray(at, ++at)), 20)
  response.once('close', () => clearInterval(timer))
}

/** What may come of any call. */
const FAULTS: Readonly<Record<string, Fault>> = {
  'a reset connection': (_, response) => response.socket?.destroy(),
  'no answer': () => undefined,
  'a body that is cut': ({ headers, body }, response) => {
    response.writeHead(200, { ...headers })
    response.write(body.subarray(0, body.length / 2), () => response.socket?.destroy())
  },
  'a slow trickle': trickle,
  InternalError: error(500, 'InternalError'),
  'a 500 page': (_, response) => response.writeHead(500, { 'content-type': 'text/html' }).end('<html>oops</html>'),
  SlowDown: error(503, 'SlowDown'),
  'a bare 429': (_, response) => response.writeHead(429).end(),
  AccessDenied: error(403, 'AccessDenied'),
  'a bare 403': (_, response) => response.writeHead(403).end(),
  'expired credentials': error(400, 'ExpiredToken'),
  'a wrong clock': error(403, 'RequestTimeTooSkewed'),
  'a redirect to itself': (_, response) => response.writeHead(301, { location: '/' }).end(),
  'a page instead of the answer': (_, response) =>
    response.writeHead(200, { 'content-type': 'text/html' }).end('<html><body>sign in to the network</body></html>'),
  'an error with status 200': changed((answer) => ({
    ...answer,
    headers: { 'content-type': 'application/xml' },
    body: Buffer.from('<?xml version="1.0"?><Error><Code>InternalError</Code></Error>'),
  })),
  'an empty 200': (_, response) => response.writeHead(200, { 'content-length': 0 }).end(),
  'a 204': (_, response) => response.writeHead(204).end(),
  'a length that is too long': ({ headers, body }, response) => {
    response.writeHead(200, { ...headers, 'content-length': body.length + 100 })
    response.write(body, () => response.socket?.end())
  },
  'a length that is too short': ({ body }, response) =>
    response.socket?.end(Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length >> 1}\r\n\r\n`), body])),
  'no HTTP': raw('\x16\x03\x01 this is something else\r\n\r\n'),
  'two lengths': raw('HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello!'),
  'headers without end': raw(`HTTP/1.1 200 OK\r\n${'x-padding: y\r\n'.repeat(4000)}`),
}

/** What may come of a listing only. */
const LISTING_FAULTS: Readonly<Record<string, Fault>> = {
  'a listing that is cut': withText((xml) => xml.slice(0, xml.length - 30)),
  'more, but not where': withText((xml) =>
    xml.replace('<IsTruncated>false', '<IsTruncated>true').replace(/<NextContinuationToken>.*?<\/NextContinuationToken>/, ''),
  ),
  'a listing that goes on from its start': withText((xml) =>
    xml
      .replace(
        '<IsTruncated>false</IsTruncated>',
        '<IsTruncated>true</IsTruncated><NextContinuationToken>0</NextContinuationToken>',
      )
      .replace(/<NextContinuationToken>\d+</, '<NextContinuationToken>0<'),
  ),
  'a size that is no number': withText((xml) => xml.replace(/<Size>\d+/g, '<Size>-1')),
  'another document': withText(() => '<?xml version="1.0"?><ListAllMyBucketsResult></ListAllMyBucketsResult>'),
  'an entity': withText((xml) => xml.replace('<Name>', '<!DOCTYPE x [<!ENTITY a "b">]><Name>&a;')),
}

/** What may come of an object only. */
const OBJECT_FAULTS: Readonly<Record<string, Fault>> = {
  'a body that somebody on the way inflated': withBody((body) => gunzipSync(body)),
  'an inflated body that is said to be encoded': changed((answer) => {
    const body = gunzipSync(answer.body)
    return { ...answer, body, headers: { ...answer.headers, 'content-encoding': 'identity', 'content-length': body.length } }
  }),
  'a body that is too long': withBody((body) => Buffer.concat([body, Buffer.alloc(10)])),
  'a body that is too short': withBody((body) => body.subarray(0, body.length - 4)),
}

function faultsOf(call: Call): [string, Fault][] {
  const more = call === 'folders' || call === 'list' ? LISTING_FAULTS : call === 'keys' ? {} : OBJECT_FAULTS
  return [...Object.entries(FAULTS), ...Object.entries(more)]
}

type Ending = Summary | { readonly refused: string }

interface Trial {
  readonly url: string
  readonly bucket: string
  readonly startTime: string
  readonly endTime: string
}

/** How a run ends: with its summary, or because it cannot be. Anything else that is thrown is a crash. */
async function ending({ url, bucket, startTime, endTime }: Trial, settings = QUICK): Promise<Ending> {
  try {
    const source = await s3Source(`s3://${bucket}`, { endpointUrl: url, ...settings })
    try {
      const results = verifyTrail({
        sources: [source],
        publicKeys: cloudTrailKeys({ endpointUrl: url, maxAttempts: 2, idleTimeout: settings.idleTimeout }),
        startTime,
        endTime,
        now: new Date('2026-11-01T00:00:00Z'),
      })
      let last: Summary | undefined
      for await (const result of results) if (result.kind === 'summary') last = result
      if (last === undefined) throw new Error('no summary')
      return last
    } finally {
      await source.close?.()
    }
  } catch (error) {
    if (error instanceof VerifyTrailError && (error.code === 'ERR_SOURCE' || error.code === 'ERR_CREDENTIALS'))
      return { refused: error.message }
    throw error
  }
}

const describe = (ending: Ending): string =>
  'refused' in ending ? `refused: ${ending.refused}` : `${ending.verdict} ${JSON.stringify(ending.summary.findings)}`

/** Valid; or unverified, and the report says of what. Whether it could be opened at all is another question. */
function isHonest(ending: Ending): boolean {
  if ('refused' in ending) return true
  const said = Object.keys(ending.summary.findings).length > 0 || ending.notChecked.length > 3
  return ending.verdict === 'valid' || (ending.verdict === 'unverified' && said)
}

/** What goes away by itself: what a busy network and a busy store do. */
const PASSING = [
  'a reset connection',
  'a body that is cut',
  'InternalError',
  'SlowDown',
  'a bare 429',
  'a 500 page',
  'an empty 200',
]

t.test('a fault on any call leaves the verdict as it is, or the trail unverified', async (t) => {
  isolate(SOMEBODY)
  process.env['AWS_REGION'] = 'us-east-1'
  const one = readCases().find(({ name }) => name === 'two-regions')
  if (one === undefined) throw new Error('no such case')
  const bucket = one.sources[0] ?? ''
  const keys = JSON.parse(readFileSync(join(casePath(one.name), 'public-keys.json'), 'utf8'))
  const { startTime = '', endTime = '' } = one.options
  const answers = { bucket, objects: storedObjects(one, bucket), publicKeys: withSeconds(keys), pageSize: 5 }
  const ends = await Promise.all(
    CALLS.map(async (call) => {
      const store = await faultyStore(answers)
      t.teardown(() => store.close())
      const trial = { url: store.url, bucket, startTime, endTime }
      const said: [string, Ending][] = [[`${call}, without a fault`, await ending(trial)]]
      for (const [name, fault] of faultsOf(call)) {
        const settings = STALLS.includes(name) ? HURRIED : QUICK
        store.misbehave((asked, count) => (asked === call && count === 1 ? fault : null))
        said.push([`${call}, ${name}, once`, await ending(trial, settings)])
        store.misbehave((asked, count) => (asked === call && count > 0 ? fault : null))
        said.push([`${call}, ${name}, from then on`, await ending(trial, settings)])
      }
      return said
    }),
  )
  for (const [sentence, end] of ends.flat()) {
    if (sentence.endsWith('without a fault')) t.equal(describe(end), 'valid {}', sentence)
    else if (PASSING.some((name) => sentence.endsWith(`, ${name}, once`))) t.equal(describe(end), 'valid {}', sentence)
    else t.ok(isHonest(end), `${sentence}: ${describe(end).slice(0, 150)}`)
  }
})

const LARGE = { accounts: 1, regions: 1, hours: 25, logFilesPerHour: 200, logFileBytes: 400 }

/** A generator of the same numbers in every run. */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

t.test('a trail of 5,000 log files is valid where every twentieth request fails', async (t) => {
  isolate(SOMEBODY)
  process.env['AWS_REGION'] = 'us-east-1'
  const { bucket, source, publicKeyList, startTime, endTime, logFiles } = generate(LARGE)
  t.equal(logFiles, 5000)
  const store = await faultyStore({
    bucket,
    objects: await objectsOf(source),
    publicKeys: withSeconds(JSON.parse(publicKeyList)),
  })
  t.teardown(() => store.close())
  const next = numbers(20)
  const faults = PASSING.map((name) => FAULTS[name])
  let failed = 0
  store.misbehave(() => {
    if (next() >= 0.05) return null
    failed++
    return faults[Math.floor(next() * faults.length)] ?? null
  })
  const patient = { ...QUICK, maxAttempts: 8 }
  const end = await ending({ url: store.url, bucket, startTime, endTime }, patient)
  t.equal(describe(end), 'valid {}')
  t.ok(failed > 200, `${failed} of ${store.requests()} requests failed`)
})
