import { constants, createHash, generateKeyPairSync, type KeyObject, privateEncrypt, sign } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import {
  findMd5,
  mergePublicKeys,
  type PublicKey,
  type PublicKeyEntry,
  parsePublicKey,
  parsePublicKeyList,
} from '../../src/core/public-keys.js'
import { verifySignature, verifySignatureTwice } from '../../src/core/signature.js'

const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const other = generateKeyPairSync('rsa', { modulusLength: 2048 })
const DER = publicKey.export({ format: 'der', type: 'pkcs1' })
const OTHER_DER = other.publicKey.export({ format: 'der', type: 'pkcs1' })
const NOT_A_KEY = 'not exactly an RSA public key in DER (PKCS#1 or SPKI)'
const START = Date.UTC(2026, 0, 1)
const END = Date.UTC(2026, 0, 31)

const md5 = (value: Uint8Array) => createHash('md5').update(value).digest('hex')
const entryOf = (value: Uint8Array): PublicKeyEntry => ({
  Value: value,
  Fingerprint: md5(value),
  ValidityStartTime: START,
  ValidityEndTime: END,
})
function keyOf(value: Uint8Array): PublicKey {
  const key = parsePublicKey(entryOf(value))
  if (key.kind !== 'key') throw new Error(key.reason)
  return key
}
const derOf = (bits: number, publicExponent: number) =>
  generateKeyPairSync('rsa', { modulusLength: bits, publicExponent }).publicKey.export({ format: 'der', type: 'pkcs1' })

t.test('parsePublicKey', async (t) => {
  const key = keyOf(DER)
  t.match(key, { fingerprint: md5(DER), validityStartTime: START, validityEndTime: END }, 'a PKCS#1 key')
  t.equal(key.sha256, createHash('sha256').update(DER).digest('hex'), 'its SHA-256')
  t.ok(key.keyObject.equals(publicKey), 'its key')
  t.match(
    parsePublicKey({ Value: DER, Fingerprint: md5(DER).toUpperCase() }),
    { kind: 'key', fingerprint: md5(DER), validityEndTime: null },
    'a fingerprint in upper case, and no validity',
  )
  t.ok(keyOf(publicKey.export({ format: 'der', type: 'spki' })).keyObject.equals(publicKey), 'an SPKI key')

  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'der', type: 'spki' })
  const pss = generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey.export({ format: 'der', type: 'spki' })
  const longLength = Buffer.concat([Buffer.from([0x30, 0x83, 0x00]), DER.subarray(2)])
  const unsupported: readonly [sentence: string, value: Uint8Array, reason: string][] = [
    ['a byte after the key', Buffer.concat([DER, Buffer.from([0])]), NOT_A_KEY],
    ['a key that breaks off', DER.subarray(0, -1), NOT_A_KEY],
    ['no bytes', Buffer.alloc(0), NOT_A_KEY],
    ['a length in a longer form than need be', longLength, NOT_A_KEY],
    ['the exponent 3', derOf(2048, 3), 'its public exponent is not 65537'],
    ['a modulus of 1024 bits', derOf(1024, 65537), 'its modulus has fewer than 2048 bits'],
    ['a modulus of 2040 bits', derOf(2040, 65537), 'its modulus has fewer than 2048 bits'],
    ['an elliptic curve', ec, NOT_A_KEY],
    ['an RSA-PSS key', pss, NOT_A_KEY],
    ['a private key', privateKey.export({ format: 'der', type: 'pkcs1' }), NOT_A_KEY],
    ['a thousand nested sequences', Buffer.from('3080'.repeat(1000), 'hex'), NOT_A_KEY],
  ]
  for (const [sentence, value, reason] of unsupported) {
    t.same(parsePublicKey(entryOf(value)), { kind: 'unsupported', fingerprint: md5(value), reason }, sentence)
  }
  const mismatch = { kind: 'mismatch', fingerprint: md5(OTHER_DER), reason: `the MD5 of the key's bytes is ${md5(DER)}` }
  const wrong = { Value: DER, Fingerprint: md5(OTHER_DER) }
  t.same(parsePublicKey(wrong), mismatch, 'bytes that are not those of the fingerprint')
  t.match(parsePublicKey(wrong, null), { kind: 'key', fingerprint: md5(OTHER_DER) }, 'the same without an MD5 cannot be noticed')
  t.equal(
    findMd5(() => {
      throw new Error('unsupported')
    }),
    null,
    'a build without MD5 is noticed',
  )
  t.equal(findMd5(createHash)?.(DER), md5(DER), 'a build with MD5 is')
  fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), (value) => parsePublicKey(entryOf(value)).kind === 'unsupported'))
  t.pass('never throws')
})

const VALUE = DER.toString('base64')
const FINGERPRINT = md5(DER)
const pascal = {
  Value: VALUE,
  Fingerprint: FINGERPRINT,
  ValidityStartTime: '2026-01-01T01:00:00+01:00',
  ValidityEndTime: '2026-01-31T00:00:00Z',
}
const camel = { value: VALUE, fingerprint: FINGERPRINT, validityStartTime: START / 1000, validityEndTime: `${END / 1000}.0` }
const second = { Value: OTHER_DER.toString('base64'), Fingerprint: md5(OTHER_DER), ValidityEndTime: null }
const read = (text: string) => parsePublicKeyList(Buffer.from(text))

t.test('parsePublicKeyList reads', async (t) => {
  const shapes: readonly [sentence: string, text: string, count: number][] = [
    ['one answer', JSON.stringify({ PublicKeyList: [pascal], NextToken: 'x' }, null, 4), 1],
    ['one answer in camelCase', JSON.stringify({ publicKeyList: [camel] }), 1],
    ['an answer without keys', '{"PublicKeyList":[]}', 0],
    ['an array of answers', JSON.stringify([{ PublicKeyList: [pascal] }, { publicKeyList: [second] }]), 2],
    ['an array of keys', JSON.stringify([camel, second]), 2],
    ['an empty array', '[]', 0],
    [
      'answers one after the other',
      `${JSON.stringify({ PublicKeyList: [pascal] })}${JSON.stringify({ PublicKeyList: [second] }, null, 2)}`,
      2,
    ],
    [
      'answers one per line',
      `${JSON.stringify({ PublicKeyList: [pascal] })}\n${JSON.stringify({ PublicKeyList: [second] })}\n`,
      2,
    ],
    ['keys one per line', `${JSON.stringify(pascal)}\n${JSON.stringify(second)}\n`, 2],
    ['the same key twice as one', JSON.stringify([pascal, camel]), 1],
  ]
  for (const [sentence, text, count] of shapes) {
    const answer = read(text)
    t.same(answer.ok ? [answer.keys.length, answer.problems.length] : answer.reason, [count, 0], sentence)
    if (answer.ok && count > 0)
      t.match(
        answer.keys[0],
        { fingerprint: FINGERPRINT, validityStartTime: START, validityEndTime: END },
        `${sentence}: its times`,
      )
  }
})

t.test('parsePublicKeyList refuses', async (t) => {
  const refused: readonly [sentence: string, text: string, reason: string][] = [
    ['nothing', '', 'holds no JSON'],
    ['what is no JSON', 'x', 'not valid JSON'],
    ['equal names', '{"PublicKeyList":[],"PublicKeyList":[]}', 'the name "PublicKeyList" is there twice'],
    ['a number', '1', 'it is not an object'],
    ['an object of another kind', '{"Keys":[]}', 'it has neither PublicKeyList nor Value'],
    ['another kind in the second text', '{"PublicKeyList":[]}\n{}', 'JSON text 2: it has neither PublicKeyList nor Value'],
    ['another kind in an array', `[${JSON.stringify(pascal)},{}]`, '[1] has neither PublicKeyList nor Value'],
    ['a list that is none', '{"PublicKeyList":{}}', 'PublicKeyList is not an array'],
    ['a key that is no object', '{"PublicKeyList":[null]}', 'PublicKeyList[0] is not an object'],
    [
      'a value that is not base64',
      JSON.stringify({ PublicKeyList: [pascal, second, { ...pascal, Value: 'ab*d' }] }),
      'PublicKeyList[2].Value is not base64',
    ],
    [
      'a value in base64url',
      JSON.stringify([{ publicKeyList: [{ ...camel, value: '_-__' }] }]),
      '[0].publicKeyList[0].value is not base64',
    ],
    [
      'a missing value',
      JSON.stringify({ PublicKeyList: [{ Fingerprint: FINGERPRINT }] }),
      'PublicKeyList[0].Value is not base64',
    ],
    ['a missing fingerprint', JSON.stringify({ Value: VALUE }), 'Fingerprint is not 32 hexadecimal digits'],
    [
      'a fingerprint with colons',
      JSON.stringify([{ ...camel, fingerprint: 'aa:bb' }]),
      '[0].fingerprint is not 32 hexadecimal digits',
    ],
    [
      'a validity that is no time',
      JSON.stringify([{ ...pascal, ValidityStartTime: 'soon' }]),
      '[0].ValidityStartTime is not a time',
    ],
    ['a validity in milliseconds', JSON.stringify([{ ...camel, validityEndTime: END }]), '[0].validityEndTime is not a time'],
  ]
  for (const [sentence, text, reason] of refused) t.same(read(text), { ok: false, reason }, sentence)
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map((text) => Buffer.from(text)),
      ),
      (bytes) => typeof parsePublicKeyList(bytes).ok === 'boolean',
    ),
  )
  t.pass('never throws')
})

t.test('two values for one fingerprint', async (t) => {
  const list = (value: Uint8Array, end: number | null = END) => {
    const parsed = parsePublicKey({ Value: value, Fingerprint: FINGERPRINT, ValidityEndTime: end }, null)
    return parsed.kind === 'key' ? { keys: [parsed], problems: [] } : { keys: [], problems: [parsed] }
  }
  const mismatch = {
    keys: [],
    problems: [{ kind: 'mismatch', fingerprint: FINGERPRINT, reason: 'two values were given for it' }],
  }
  t.same(mergePublicKeys([list(DER), list(OTHER_DER)]), mismatch, 'are a mismatch')
  t.same(mergePublicKeys([list(DER), list(OTHER_DER), list(DER)]), mismatch, 'stay a mismatch when one comes again')
  t.same(mergePublicKeys([list(DER), list(Buffer.from('x'))]), mismatch, 'are a mismatch where one is no key')
  t.match(
    mergePublicKeys([list(Buffer.from('x')), list(Buffer.from('y'))]).problems,
    [{ kind: 'unsupported' }],
    'are unsupported where neither is a key',
  )
  const merged = mergePublicKeys([list(DER, null), list(DER, END), list(DER, END - 1)])
  t.match(
    merged,
    { keys: [{ validityStartTime: null, validityEndTime: END - 1 }], problems: [] },
    'equal values are one key with the shortest validity',
  )
  const labelled = read(JSON.stringify([pascal, { ...second, Fingerprint: FINGERPRINT }]))
  t.match(
    labelled,
    { ok: true, keys: [], problems: [{ kind: 'mismatch', fingerprint: FINGERPRINT }] },
    'the right one is not preferred to the wrong one',
  )
})

const DATA = '2026-01-10T01:04:34Z\nbücket/AWSLogs/x\nab\nnull'
const signed = (key: KeyObject, data = DATA, hash = 'sha256') => sign(hash, Buffer.from(data), key).toString('hex')
const encoded = (hex: string) =>
  privateEncrypt({ key: privateKey, padding: constants.RSA_NO_PADDING }, Buffer.from(hex, 'hex')).toString('hex')
const SHA256 = createHash('sha256').update(DATA).digest('hex')
/** The encoded message of RFC 8017, 9.2, with what is signed and what follows it. */
const message = (info: string, tail = '') => `0001${'ff'.repeat(256 - 3 - (info.length + tail.length) / 2)}00${info}${tail}`
const INFO = `3031300d060960864801650304020105000420${SHA256}`
const modulus = Buffer.from(publicKey.export({ format: 'jwk' }).n ?? '', 'base64url').toString('hex')
const good = signed(privateKey)
const plusModulus = (BigInt(`0x${good}`) + BigInt(`0x${modulus}`)).toString(16)

const signatures: readonly [sentence: string, signature: string, valid: boolean][] = [
  ['a signature verifies', good, true],
  ['a signature in upper case verifies', good.toUpperCase(), true],
  ['the encoded message that RFC 8017 gives verifies', encoded(message(INFO)), true],
  ['no signature does not', '', false],
  ['a signature that is a digit short does not', good.slice(1), false],
  ['a signature that is a byte short does not', good.slice(2), false],
  ['a signature that is a byte long does not', `${good}00`, false],
  ['a signature with a zero byte before it does not', `00${good}`, false],
  ['a signature with a digit that is none does not', `g${good.slice(1)}`, false],
  ['a signature with white space does not', `${good.slice(0, -1)} `, false],
  ['a signature with 0x does not', `0x${good.slice(2)}`, false],
  ['a changed signature does not', good.replace(/.$/, (digit) => (digit === '0' ? '1' : '0')), false],
  ['zeros do not', '00'.repeat(256), false],
  ['the modulus does not', modulus, false],
  ['a signature plus the modulus does not', plusModulus.length === 512 ? plusModulus : 'ff'.repeat(256), false],
  ['a signature by another key does not', signed(other.privateKey), false],
  ['a signature over other data does not', signed(privateKey, `${DATA}\n`), false],
  ['a signature over the hash of the data does not', signed(privateKey, SHA256), false],
  ['a signature with SHA-1 does not', signed(privateKey, DATA, 'sha1'), false],
  ['a signature with SHA-512 does not', signed(privateKey, DATA, 'sha512'), false],
  ['a bare hash in the padding does not', encoded(message(SHA256)), false],
  ['a DigestInfo without parameters does not', encoded(message(`302f300b06096086480165030402010420${SHA256}`)), false],
  ['bytes after the DigestInfo do not (short padding)', encoded(message(INFO, 'ab'.repeat(150))), false],
  ['padding of another type does not', encoded(message(INFO).replace(/^0001/, '0002')), false],
  ['padding with another byte in it does not', encoded(message(INFO).replace(/^0001ffff/, '0001fffe')), false],
]

t.test('signatures', async (t) => {
  for (const [sentence, signature, valid] of signatures) {
    t.equal(verifySignature(DATA, signature, keyOf(DER)), valid, sentence)
    t.same(
      verifySignatureTwice(DATA, signature, keyOf(DER)),
      { valid, disagreement: false },
      `${sentence}, by two implementations`,
    )
  }
  t.ok(
    verifySignature(DATA, good, keyOf(publicKey.export({ format: 'der', type: 'spki' }))),
    'an SPKI key verifies the same signature',
  )
  const split = { ...keyOf(DER), value: OTHER_DER }
  t.same(verifySignatureTwice(DATA, good, split), { valid: false, disagreement: true }, 'a disagreement is not valid')
  t.same(
    verifySignatureTwice(DATA, good, { ...split, value: Buffer.from('x') }),
    { valid: false, disagreement: true },
    'nor a key that one of them cannot read',
  )
  t.notOk(verifySignature(DATA, good, { ...split, keyObject: other.publicKey }), 'another key does not verify it')
  const lone = 'a\ud800'
  t.same(
    verifySignatureTwice(lone, signed(privateKey, lone), keyOf(DER)),
    { valid: true, disagreement: false },
    'both read half a character alike',
  )
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (signature) => !verifySignature(DATA, signature, keyOf(DER))),
    { numRuns: 30 },
  )
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 256, maxLength: 256 }),
      (bytes) => !verifySignatureTwice(DATA, Buffer.from(bytes).toString('hex'), keyOf(DER)).valid,
    ),
    { numRuns: 20 },
  )
  t.pass('never throws')
})
