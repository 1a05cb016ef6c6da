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
  ['an array', '[]', 'not a JSON object'],
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
