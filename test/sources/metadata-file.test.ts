import fc from 'fast-check'
import t from 'tap'
import { parseMetadata } from '../../src/sources/metadata-file.js'

const A = { signature: 'ab', 'signature-algorithm': 'SHA256withRSA' }
const B = { signature: 'cd' }
const found = (metadata: Record<string, string>) => ({ kind: 'found', metadata })

function lookup(file: unknown, bucket: string, key: string): unknown {
  const answer = parseMetadata(Buffer.from(JSON.stringify(file)))
  return answer.ok ? answer.metadata.lookup(bucket, key) : answer.reason
}

const lookups: readonly [sentence: string, file: unknown, bucket: string, key: string, expected: unknown][] = [
  ['bucket/key', { 'logs/a/b': A }, 'logs', 'a/b', found(A)],
  ['s3://bucket/key', { 's3://logs/a/b': A }, 'logs', 'a/b', found(A)],
  ['a bare key', { 'a/b': A }, 'logs', 'a/b', found(A)],
  ['nothing of another bucket', { 's3://other/a/b': A }, 'logs', 'a/b', { kind: 'absent' }],
  ['nothing in another case', { 'logs/A/b': A }, 'logs', 'a/b', { kind: 'absent' }],
  ['nothing with a slash more', { 'logs//a/b': A }, 'logs', 'a/b', { kind: 'absent' }],
  ['an object without metadata', { 'a/b': {} }, 'logs', 'a/b', found({})],
  [
    'names with x-amz-meta- and in any case',
    { 'a/b': { 'X-Amz-Meta-Signature': 'ab', 'Signature-Algorithm': 'SHA256withRSA' } },
    'logs',
    'a/b',
    found(A),
  ],
  ['a name given twice with one value', { 'a/b': { signature: 'cd', 'x-amz-meta-signature': 'cd' } }, 'logs', 'a/b', found(B)],
  ['three entries that agree', { 'a/b': A, 'logs/a/b': A, 's3://logs/a/b': A }, 'logs', 'a/b', found(A)],
  [
    'a bare key that contradicts',
    { 'a/b': A, 'logs/a/b': B },
    'logs',
    'a/b',
    { kind: 'contradiction', names: ['logs/a/b', 'a/b'] },
  ],
  [
    'a bare key that has less',
    { 'a/b': {}, 's3://logs/a/b': B },
    'logs',
    'a/b',
    { kind: 'contradiction', names: ['s3://logs/a/b', 'a/b'] },
  ],
  ['the full name where the bare key is of another bucket', { 's3://logs/a': A, 's3://other/a': B }, 'logs', 'a', found(A)],
  ['a key __proto__', JSON.parse('{"__proto__":{"signature":"cd"}}'), 'logs', '__proto__', found(B)],
  ['nothing that every object has', {}, 'logs', 'constructor', { kind: 'absent' }],
]

t.test('lookup finds', async (t) => {
  for (const [sentence, file, bucket, key, expected] of lookups) t.same(lookup(file, bucket, key), expected, sentence)
})

const refused: readonly [sentence: string, text: string, reason: string][] = [
  ['what is no JSON', '{', 'not valid JSON'],
  ['a number', '7', 'neither JSON, nor what getfattr -R -d prints, nor CSV with the columns "key" and "user_metadata"'],
  [
    'a record without a key',
    '{"Metadata":{}}',
    'record 1: it names no object: give it a "Key", or save it beside the object as KEY.metadata.json',
  ],
  ['a line of getfattr that is none', '# file: a\nuser.x=abc\n', 'line 2: a value that is none of getfattr\'s: "user.x=abc"'],
  ['two records that differ', '{"key":"a","metadata":{"x":"1"}}\n{"key":"a","metadata":{"x":"2"}}', 'two entries for "a" differ'],
  ['one name twice', '{"a/b":{},"a\\/b":{}}', 'the name "a/b" is there twice'],
  ['one metadata name twice', '{"a":{"signature":"a","signature":"b"}}', 'the name "signature" is there twice'],
  [
    'one metadata name in two spellings',
    '{"a":{"Signature":"a","x-amz-meta-signature":"b"}}',
    'the entry "a" has two values for "signature"',
  ],
  [
    'two entries for one object',
    '{"b/k":{"signature":"a"},"s3://b/k":{"signature":"b"}}',
    'the entries "s3://b/k" and "b/k" differ',
  ],
  ['an entry that is a string', '{"a":"x"}', 'the entry "a" is not an object'],
  ['an entry that is null', '{"a":null}', 'the entry "a" is not an object'],
  ['a value that is a number', '{"a":{"signature":1}}', 'the entry "a" has a value that is not a string: "signature"'],
  ['a bucket alone', '{"s3://logs":{}}', '"s3://logs" names no object'],
  ['a bucket and no key', '{"s3://logs/":{}}', '"s3://logs/" names no object'],
  ['a key and no bucket', '{"s3:///a":{}}', '"s3:///a" names no object'],
  ['an empty name', '{"":{}}', '"" names no object'],
]

t.test('parseMetadata refuses', async (t) => {
  for (const [sentence, text, reason] of refused) t.same(parseMetadata(Buffer.from(text)), { ok: false, reason }, sentence)
})

t.test('any metadata file', async (t) => {
  t.match(parseMetadata(Buffer.from('{"a":{},"b":{}}')), { ok: true, metadata: { size: 2 } }, 'knows how many entries it has')
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map((text) => Buffer.from(text)),
      ),
      (bytes) => typeof parseMetadata(bytes).ok === 'boolean',
    ),
  )
  t.pass('never throws')
  const name = fc.stringMatching(/^[a-z-]{1,12}$/).filter((text) => !text.startsWith('x-amz-meta-'))
  const key = fc.string({ minLength: 1 }).filter((text) => !text.startsWith('s3://'))
  fc.assert(
    fc.property(key, fc.dictionary(name, fc.string()), (object, metadata) => {
      t.same(lookup({ [`s3://logs/${object}`]: metadata }, 'logs', object), found({ ...metadata }))
    }),
    { numRuns: 30 },
  )
})

const DIGEST = 'AWSLogs/1/CloudTrail-Digest/r/1_CloudTrail-Digest_r_t_r_20260110T010434Z.json.gz'
const BELOW = DIGEST.slice('AWSLogs/'.length)

const shapes: readonly [shape: string, text: string][] = [
  ['head-object, with a key', JSON.stringify({ Key: DIGEST, ContentType: 'application/json', Metadata: A })],
  [
    'head-object, one after the other',
    `${JSON.stringify({ Key: DIGEST, Metadata: A }, null, 2)}\n${JSON.stringify({ Key: 'b', Metadata: {} })}`,
  ],
  [
    'rclone lsjson -R -M',
    JSON.stringify([
      { Path: 'AWSLogs', IsDir: true },
      { Path: DIGEST, Size: 1, IsDir: false, Metadata: A },
    ]),
  ],
  ['rclone lsjson of a folder below', JSON.stringify([{ Path: BELOW, IsDir: false, Metadata: A }])],
  ['NDJSON', `${JSON.stringify({ bucket: 'logs', key: DIGEST, metadata: A })}\n${JSON.stringify({ key: 'b', metadata: B })}\n`],
  [
    'getfattr',
    `# file: ${DIGEST}\nuser.signature="ab"\nuser.signature-algorithm=0s${Buffer.from('SHA256withRSA').toString('base64')}\n\n`,
  ],
  [
    'getfattr of a folder above',
    `# file: evi\\040dence/${DIGEST}\nuser.signature=0x6162\nuser.signature-algorithm="SHA256\\167ithRSA"\n`,
  ],
  [
    'Athena, a map',
    `"bucket","key","user_metadata"\r\n"logs","${DIGEST}","{signature=ab, signature-algorithm=SHA256withRSA}"\r\n`,
  ],
  ['Athena, JSON', `key,user_metadata\n${DIGEST},"{""signature"":""ab"",""signature-algorithm"":""SHA256withRSA""}"\n`],
]

t.test('the shapes of tools', async (t) => {
  for (const [shape, text] of shapes) {
    const answer = parseMetadata(Buffer.from(text))
    t.same(answer.ok ? answer.metadata.lookup('logs', DIGEST) : answer.reason, found(A), shape)
  }
})
