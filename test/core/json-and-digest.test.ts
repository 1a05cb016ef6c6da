import fc from 'fast-check'
import t from 'tap'
import { dataToSign } from '../../src/core/data-to-sign.js'
import { type Digest, parseDigest } from '../../src/core/digest.js'
import { isJsonObject, parseJson, parseJsonSequence, quoteText } from '../../src/core/json.js'

const bytes = (text: string) => Buffer.from(text, 'utf8')
const reasonOf = (answer: { ok: true } | { ok: false; reason: string }) => (answer.ok ? undefined : answer.reason)

const refusedJson: readonly [sentence: string, input: Uint8Array, reason: string][] = [
  ['no bytes', bytes(''), 'not valid JSON'],
  ['a text that breaks off', bytes('{"a":1'), 'not valid JSON'],
  ['a string that breaks off', bytes('{"a'), 'not valid JSON'],
  ['something after the text', bytes('{} x'), 'not valid JSON'],
  ['a second text', bytes('{}{}'), 'not valid JSON'],
  ['a zero byte after the text', bytes('{}\0'), 'not valid JSON'],
  ['deep nesting after the text', bytes(`{}${'['.repeat(100)}`), 'not valid JSON'],
  ['brackets that do not match', bytes('[}'), 'not valid JSON'],
  ['a comment', bytes('{} // x'), 'not valid JSON'],
  ['a name with a broken escape', bytes('{"\\u12":1}'), 'not valid JSON'],
  ['a byte order mark', Buffer.from([0xef, 0xbb, 0xbf, 0x7b, 0x7d]), 'begins with a byte order mark'],
  ['UTF-16', Buffer.from('{}', 'utf16le'), 'not valid JSON'],
  ['a byte that is not UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'not valid UTF-8'],
  ['UTF-8 that is longer than it need be', Buffer.from([0x22, 0xc0, 0xaf, 0x22]), 'not valid UTF-8'],
  ['a surrogate in UTF-8', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), 'not valid UTF-8'],
  ['two equal names', bytes('{"a":1,"b":2,"a":3}'), 'the name "a" is there twice'],
  ['two equal names, one of them escaped', bytes('{"\\u0068ash":1,"hash":2}'), 'the name "hash" is there twice'],
  ['two equal names, escaped differently', bytes('{"\\/":1,"\\u002f":2}'), 'the name "/" is there twice'],
  ['two equal names deep inside', bytes('[[{"x":{"a":1,"a":1}}]]'), 'the name "a" is there twice'],
  ['a name again after a nested object', bytes('{"a":{"b":1},"a":2}'), 'the name "a" is there twice'],
  ['__proto__ twice', bytes('{"__proto__":1,"__proto__":2}'), 'the name "__proto__" is there twice'],
  ['65 arrays deep', bytes('['.repeat(65) + ']'.repeat(65)), 'nested deeper than 64'],
  ['a million objects deep, broken off', bytes('{"a":'.repeat(1_000_000)), 'nested deeper than 64'],
]

t.test('parseJson refuses', async (t) => {
  for (const [sentence, input, reason] of refusedJson) t.equal(reasonOf(parseJson(input)), reason, sentence)
  t.equal(reasonOf(parseJson(bytes('[[1]]'), { maxDepth: 1 })), 'nested deeper than 1', 'what is deeper than was asked')
  const long = reasonOf(parseJson(bytes(`{"${'\\u0007'.repeat(5000)}":1,"${'\\u0007'.repeat(5000)}":1}`))) ?? ''
  t.ok(long.length < 2000 && !long.includes('\u0007'), 'a long name full of control characters, without repeating it')
})

const acceptedJson: readonly [sentence: string, text: string][] = [
  ['white space around', ' \t\r\n{ "a" : [ 1 , -2.5e3 ] } \n'],
  ['a name that is also a value', '{"a":"a","b":["a","a"]}'],
  ['one name in two objects', '[{"a":1},{"a":2}]'],
  ['one name in an object and in the one around it', '{"a":{"a":{"a":1}}}'],
  ['names that look like structure', '{"}":1,"{":2,",":3,"\\"":4,"\\\\":5,"\\\\\\"":6}'],
  ['64 arrays deep', '['.repeat(64) + ']'.repeat(64)],
  ['a string alone', '"a\\"b"'],
  ['a number alone', '1'],
  ['an array of strings before an object', '[["x","x"],{"x":"x"}]'],
]

t.test('parseJson reads', async (t) => {
  for (const [sentence, text] of acceptedJson) {
    t.same(parseJson(bytes(text)), { ok: true, value: JSON.parse(text) }, sentence)
  }
  const polluting = parseJson(bytes('{"__proto__":{"polluted":1}}'))
  t.ok(polluting.ok && isJsonObject(polluting.value) && !('polluted' in polluting.value), '__proto__ as an ordinary name')
  fc.assert(
    fc.property(fc.json({ noUnicodeString: false, maxDepth: 5 }), (text) => {
      const answer = parseJson(bytes(text))
      return answer.ok
        ? JSON.stringify(answer.value) === JSON.stringify(JSON.parse(text))
        : answer.reason.endsWith('is there twice')
    }),
  )
  t.pass('whatever JSON.stringify writes')
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'{}[]",:\\ a1u0'.split('')), maxLength: 60 }), (text) => {
      if (parseJson(bytes(text)).ok) JSON.parse(text)
    }),
    { numRuns: 2000 },
  )
  fc.assert(fc.property(fc.uint8Array(), (input) => typeof parseJson(input).ok === 'boolean'))
  t.pass('nothing that JSON.parse refuses, and never throws')
})

t.test('parseJsonSequence', async (t) => {
  const rows: readonly [sentence: string, text: string, expected: readonly unknown[] | string][] = [
    ['nothing is no texts', ' \n', []],
    ['one text', '{"a":1}', [{ a: 1 }]],
    ['texts one per line', '{"a":1}\n{"a":2}\n', [{ a: 1 }, { a: 2 }]],
    ['texts without anything between', '{"a":"}{"}[1]', [{ a: '}{' }, [1]]],
    ['a second text with equal names', '{}\n{"a":1,"a":2}', 'JSON text 2: the name "a" is there twice'],
    ['a second text that breaks off', '{} {"a":', 'JSON text 2: not valid JSON'],
    ['something between', '{},{}', 'JSON text 2: not valid JSON'],
    ['a second text that is too deep', `{}${'['.repeat(65)}`, 'JSON text 2: nested deeper than 64'],
  ]
  for (const [sentence, text, expected] of rows) {
    const answer = parseJsonSequence(bytes(text))
    t.same(answer.ok ? answer.values : answer.reason, expected, sentence)
  }
  fc.assert(fc.property(fc.uint8Array(), (input) => typeof parseJsonSequence(input).ok === 'boolean'))
  fc.assert(
    fc.property(fc.array(fc.array(fc.string())), fc.constantFrom('', '\n', ' \r\n'), (values, space) => {
      t.same(parseJsonSequence(bytes(values.map((value) => JSON.stringify(value)).join(space))), { ok: true, values })
    }),
    { numRuns: 20 },
  )
  t.match(quoteText('\u001b[2J"'), /^"\\u001b\[2J\\""$/, 'a quoted text has no control characters')
})

const HASH = '0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef'
const KEY =
  'AWSLogs/123456789012/CloudTrail-Digest/us-east-1/2026/01/10/123456789012_CloudTrail-Digest_us-east-1_main_us-east-1_20260110T010434Z.json.gz'
const PREVIOUS_KEY = KEY.replace('T01', 'T00')
const LOG =
  'AWSLogs/123456789012/CloudTrail/us-east-1/2026/01/10/123456789012_CloudTrail_us-east-1_20260110T0105Z_AbCdEfGh01234567.json.gz'

const body = {
  awsAccountId: '123456789012',
  digestStartTime: '2026-01-10T00:04:34Z',
  digestEndTime: '2026-01-10T01:04:34Z',
  digestS3Bucket: 'trail-logs',
  digestS3Object: KEY,
  digestPublicKeyFingerprint: '31E8B5433410DFB61A9DC45CC65B22FF',
  digestSignatureAlgorithm: 'SHA256withRSA',
  newestEventTime: null,
  oldestEventTime: '2026-01-10T00:10:00Z',
  previousDigestS3Bucket: 'trail-logs',
  previousDigestS3Object: PREVIOUS_KEY,
  previousDigestHashValue: HASH,
  previousDigestHashAlgorithm: 'SHA-256',
  previousDigestSignature: 'AbCd',
  logFiles: [
    {
      s3Bucket: 'trail-logs',
      s3Object: LOG,
      hashValue: HASH,
      hashAlgorithm: 'SHA-256',
      newestEventTime: 'x',
      oldestEventTime: null,
    },
  ],
}
const NO_PREVIOUS = {
  previousDigestS3Bucket: null,
  previousDigestS3Object: null,
  previousDigestHashValue: null,
  previousDigestHashAlgorithm: null,
  previousDigestSignature: null,
}
const digest: Digest = {
  awsAccountId: '123456789012',
  digestStartTime: Date.UTC(2026, 0, 10, 0, 4, 34),
  digestEndTime: Date.UTC(2026, 0, 10, 1, 4, 34),
  digestEndTimeText: '2026-01-10T01:04:34Z',
  digestS3Bucket: 'trail-logs',
  digestS3Object: KEY,
  digestPublicKeyFingerprint: '31e8b5433410dfb61a9dc45cc65b22ff',
  digestSignatureAlgorithm: 'SHA256withRSA',
  previous: {
    s3Bucket: 'trail-logs',
    s3Object: PREVIOUS_KEY,
    hashValue: HASH.toLowerCase(),
    hashAlgorithm: 'SHA-256',
    signature: 'AbCd',
  },
  logFiles: [{ s3Bucket: 'trail-logs', s3Object: LOG, hashValue: HASH.toLowerCase(), hashAlgorithm: 'SHA-256' }],
  starting: false,
}
const claim = body.logFiles[0]
const { digestS3Bucket: _bucket, ...withoutBucket } = body
const { previousDigestSignature: _signature, ...withoutSignature } = body
const text = JSON.stringify(body)

const readDigests: readonly [sentence: string, text: string, expected: Digest][] = [
  ['a digest', text, digest],
  ['escaped slashes', text.replaceAll('/', '\\/'), digest],
  ['another order and white space', JSON.stringify(Object.fromEntries(Object.entries(body).reverse()), null, 2), digest],
  ['a starting digest', JSON.stringify({ ...body, ...NO_PREVIOUS }), { ...digest, previous: null, starting: true }],
  ['an empty digest', JSON.stringify({ ...body, logFiles: [] }), { ...digest, logFiles: [] }],
  ['fields that are not known', JSON.stringify({ ...body, extra: [{}], logFiles: [{ ...claim, extra: 1 }] }), digest],
  ['a digest without event times', JSON.stringify({ ...body, newestEventTime: undefined, oldestEventTime: undefined }), digest],
  ['a name __proto__', text.replace('{', '{"__proto__":{"previousDigestS3Bucket":null},'), digest],
  [
    'hashes of another algorithm as they are',
    JSON.stringify({ ...body, logFiles: [{ ...claim, hashAlgorithm: 'SHA-512', hashValue: 'Zz' }] }),
    { ...digest, logFiles: [{ s3Bucket: 'trail-logs', s3Object: LOG, hashValue: 'Zz', hashAlgorithm: 'SHA-512' }] },
  ],
  [
    'a previous digest with another algorithm',
    JSON.stringify({ ...body, previousDigestHashAlgorithm: 'SHA-1' }),
    {
      ...digest,
      previous: { s3Bucket: 'trail-logs', s3Object: PREVIOUS_KEY, hashValue: HASH, hashAlgorithm: 'SHA-1', signature: 'AbCd' },
    },
  ],
]

t.test('parseDigest reads', async (t) => {
  for (const [sentence, input, expected] of readDigests)
    t.same(parseDigest(bytes(input)), { ok: true, digest: expected }, sentence)
})

const refusedDigests: readonly [sentence: string, body: unknown, reason: string][] = [
  ['an array', [], 'not a JSON object'],
  ['null', null, 'not a JSON object'],
  ['nothing in it', {}, 'digestEndTime is missing'],
  ['a missing field', withoutBucket, 'digestS3Bucket is missing'],
  ['a field of another type', { ...body, digestS3Bucket: 1 }, 'digestS3Bucket is not a string'],
  ['a null field', { ...body, awsAccountId: null }, 'awsAccountId is not a string'],
  ['an account id as a number', { ...body, awsAccountId: 123456789012 }, 'awsAccountId is not a string'],
  ['an empty bucket', { ...body, digestS3Bucket: '' }, 'digestS3Bucket is empty'],
  ['an empty key', { ...body, digestS3Object: '' }, 'digestS3Object is empty'],
  ['half a character', { ...body, digestS3Bucket: '\ud800' }, 'digestS3Bucket is not well-formed Unicode'],
  ['an account id of 11 digits', { ...body, awsAccountId: '12345678901' }, 'awsAccountId is not 12 digits'],
  [
    'a fingerprint that is not hexadecimal',
    { ...body, digestPublicKeyFingerprint: 'x' },
    'digestPublicKeyFingerprint is not hexadecimal',
  ],
  [
    'a time with a fraction',
    { ...body, digestEndTime: '2026-01-10T01:04:34.0Z' },
    'digestEndTime is not a time YYYY-MM-DDTHH:MM:SSZ',
  ],
  [
    'an impossible date',
    { ...body, digestStartTime: '2026-02-30T00:00:00Z' },
    'digestStartTime is not a time YYYY-MM-DDTHH:MM:SSZ',
  ],
  ['an hour of no length', { ...body, digestStartTime: body.digestEndTime }, 'digestStartTime is not before digestEndTime'],
  ['an event time of another type', { ...body, newestEventTime: 1 }, 'newestEventTime is not a string'],
  ['its own key in another folder', { ...body, digestS3Object: LOG }, 'digestS3Object is not the key of a digest file'],
  [
    'another account than in its own key',
    { ...body, awsAccountId: '999999999999' },
    'awsAccountId is not the account of digestS3Object',
  ],
  [
    'another end than in its own key',
    { ...body, digestEndTime: '2026-01-10T01:04:35Z' },
    'digestEndTime is not the time of digestS3Object',
  ],
  [
    'one null of five',
    { ...body, previousDigestSignature: null },
    'previousDigestSignature is null, but not all fields of the previous digest are',
  ],
  [
    'four nulls of five',
    { ...body, ...NO_PREVIOUS, previousDigestSignature: 'x' },
    'previousDigestS3Bucket is null, but not all fields of the previous digest are',
  ],
  [
    'four nulls, the fifth missing',
    { ...withoutSignature, ...NO_PREVIOUS, previousDigestSignature: undefined },
    'previousDigestS3Bucket is null, but not all fields of the previous digest are',
  ],
  ['a missing signature', withoutSignature, 'previousDigestSignature is missing'],
  [
    'a short previous hash',
    { ...body, previousDigestHashValue: HASH.slice(1) },
    'previousDigestHashValue is not 64 hexadecimal digits',
  ],
  ['log files that are no array', { ...body, logFiles: {} }, 'logFiles is not an array'],
  ['no log files', { ...body, logFiles: undefined }, 'logFiles is missing'],
  ['log files null', { ...body, logFiles: null }, 'logFiles is not an array'],
  ['a log file that is no object', { ...body, logFiles: [claim, 'x'] }, 'logFiles[1] is not an object'],
  [
    'a log file without a bucket',
    { ...body, logFiles: [claim, { ...claim, s3Bucket: undefined }] },
    'logFiles[1].s3Bucket is missing',
  ],
  ['a log file with an empty key', { ...body, logFiles: [{ ...claim, s3Object: '' }] }, 'logFiles[0].s3Object is empty'],
  [
    'a log file with a hash that is not hexadecimal',
    { ...body, logFiles: [{ ...claim, hashValue: 'g'.repeat(64) }] },
    'logFiles[0].hashValue is not 64 hexadecimal digits',
  ],
  [
    'a log file with a hash and a line break',
    { ...body, logFiles: [{ ...claim, hashValue: `${HASH}\n` }] },
    'logFiles[0].hashValue is not 64 hexadecimal digits',
  ],
  [
    'a log file without an algorithm',
    { ...body, logFiles: [{ ...claim, hashAlgorithm: null }] },
    'logFiles[0].hashAlgorithm is not a string',
  ],
]

t.test('parseDigest refuses', async (t) => {
  for (const [sentence, value, reason] of refusedDigests) {
    t.equal(reasonOf(parseDigest(bytes(JSON.stringify(value)))), reason, sentence)
  }
  t.equal(
    reasonOf(parseDigest(bytes(text.replace('"logFiles"', '"logFiles":[],"logFiles"')))),
    'the name "logFiles" is there twice',
    'a list of log files that hides another',
  )
  t.equal(reasonOf(parseDigest(bytes(`${text}\n{}`))), 'not valid JSON', 'something after the digest')
})

t.test('any digest', async (t) => {
  fc.assert(fc.property(fc.uint8Array(), (input) => !parseDigest(input).ok))
  const field = fc.constantFrom(...Object.keys(body))
  fc.assert(
    fc.property(field, fc.jsonValue(), (name, value) => {
      const answer = parseDigest(bytes(JSON.stringify({ ...body, [name]: value })))
      return answer.ok || answer.reason.length < 200
    }),
    { numRuns: 500 },
  )
  t.pass('never throws, with a short reason')
})

t.test('dataToSign', async (t) => {
  t.equal(
    dataToSign(digest, 'ab'),
    `2026-01-10T01:04:34Z\ntrail-logs/${KEY}\nab\nAbCd`,
    'joins time, place, hash and previous signature as written',
  )
  t.equal(
    dataToSign({ ...digest, previous: null }, 'ab'),
    `2026-01-10T01:04:34Z\ntrail-logs/${KEY}\nab\nnull`,
    'a starting digest has null for the signature',
  )
})
