/** Real material of CloudTrail's, as published: see fixtures/genuine/PROVENANCE.md. */
import { constants, createHash, publicDecrypt } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import t from 'tap'
import { dataToSign } from '../../src/core/data-to-sign.js'
import { parseDigest } from '../../src/core/digest.js'
import { parseObjectKey } from '../../src/core/object-key.js'
import { parsePublicKeyList } from '../../src/core/public-keys.js'
import { verifySignatureTwice } from '../../src/core/signature.js'

interface Vectors {
  readonly keys: readonly {
    readonly source: string
    readonly Value: string
    readonly Fingerprint: string
    readonly derType: 'pkcs1' | 'spki'
  }[]
  readonly signatures: readonly {
    readonly source: string
    readonly fingerprint: string
    readonly signature: string
    readonly recoveredSha256OfSigningString: string
  }[]
}

const GENUINE = new URL('../../fixtures/genuine/', import.meta.url)
const vectors = JSON.parse(readFileSync(new URL('aws-genuine-vectors.json', GENUINE), 'utf8')) as Vectors
const list = parsePublicKeyList(Buffer.from(JSON.stringify({ PublicKeyList: vectors.keys })))
const keys = list.ok ? list.keys : []
const DAY = 86_400_000

t.test('the public keys', async (t) => {
  t.match(list, { ok: true, problems: [] }, 'all of them may be used: each fingerprint is the MD5 of its bytes')
  t.same(
    keys.map((key) => key.fingerprint),
    vectors.keys.map((key) => key.Fingerprint),
    'in the order given',
  )
  t.equal(keys.length, 5, 'there are five')
  for (const [index, key] of keys.entries()) {
    const vector = vectors.keys[index]
    const type = vector?.derType ?? 'pkcs1'
    t.equal(key.keyObject.export({ format: 'der', type }).toString('base64'), vector?.Value, `${key.fingerprint} is ${type}`)
    t.equal((key.validityEndTime ?? 0) - (key.validityStartTime ?? 0), 30 * DAY, `${key.fingerprint} is valid for 30 days`)
  }
  t.same(new Set(vectors.keys.map((key) => key.derType)), new Set(['pkcs1', 'spki']), 'both forms are among them')
})

t.test('the signatures', async (t) => {
  t.equal(vectors.signatures.length, 3, 'there are three')
  for (const { source, fingerprint, signature, recoveredSha256OfSigningString: sha256 } of vectors.signatures) {
    const key = keys.find((candidate) => candidate.fingerprint === fingerprint)
    if (key === undefined) throw new Error(`no key ${fingerprint}`)
    const recovered = publicDecrypt({ key: key.keyObject, padding: constants.RSA_NO_PADDING }, Buffer.from(signature, 'hex'))
    const info = `3031300d060960864801650304020105000420${sha256}`
    t.equal(recovered.toString('hex'), `0001${'ff'.repeat(202)}00${info}`, `PKCS#1 v1.5 with SHA-256: ${source}`)
    t.same(
      verifySignatureTwice('other data', signature, key),
      { valid: false, disagreement: false },
      'does not verify other data',
    )
  }
})

t.test('the digest of llm-guard', async (t) => {
  const folder = new URL('llm-guard/', GENUINE)
  const [name = ''] = readdirSync(folder).filter((file) => file.endsWith('.json'))
  const bytes = readFileSync(new URL(name, folder))
  t.ok(bytes.includes('AWSLogs\\/'), 'its slashes are escaped')
  const answer = parseDigest(bytes)
  if (!answer.ok) throw new Error(answer.reason)
  const { digest } = answer
  t.ok(digest.digestS3Object.endsWith(`/${name}.gz`), 'its body names it')
  t.match(
    parseObjectKey(digest.digestS3Object),
    { kind: 'digest', region: 'ap-northeast-1', trail: 'llm-guard-trail', homeRegion: 'us-west-2', backfill: false },
    'its key is exact',
  )
  t.equal(digest.digestEndTime - digest.digestStartTime, 3_600_000, 'it is of one hour')
  t.match(digest, { starting: false, digestPublicKeyFingerprint: 'be2f0b997552f44942837300ba1aba9d' }, 'it has a predecessor')
  t.equal(digest.logFiles.length, 5, 'it lists five log files')
  for (const claim of digest.logFiles) {
    t.match(
      parseObjectKey(claim.s3Object),
      { kind: 'log-file', family: 'CloudTrail', region: 'ap-northeast-1', time: Number },
      claim.s3Object,
    )
  }
  const sha256 = createHash('sha256').update(bytes).digest('hex')
  const lines = dataToSign(digest, sha256).split('\n')
  t.same(
    lines,
    ['2023-10-15T23:04:04Z', `llm-guard-trail/${digest.digestS3Object}`, sha256, digest.previous?.signature],
    'its data to sign',
  )
})

t.test('the log files of invictus', async (t) => {
  const names = readdirSync(new URL('invictus/', GENUINE)).filter((file) => file.endsWith('.json'))
  t.equal(names.length, 14, 'there are fourteen')
  for (const name of names) {
    const key = parseObjectKey(`AWSLogs/218007301253/CloudTrail/us-east-1/2023/07/10/${name}.gz`)
    t.match(
      key,
      { kind: 'log-file', accountId: '218007301253', region: 'us-east-1', day: Date.UTC(2023, 6, 10), time: Number },
      name,
    )
  }
})
