/** fixtures/cases is what fixtures/generate.ts writes, is well formed, and has a case for every finding. */
import { createPublicKey, verify } from 'node:crypto'
import { gunzipSync } from 'node:zlib'
import t from 'tap'
import { World } from '../fixtures/case.js'
import { cases } from '../fixtures/cases.js'
import { differences } from '../fixtures/generate.js'
import { deflateStored, gzip, gzipBomb } from '../fixtures/gzip.js'
import { KEY_NAMES, testKey } from '../fixtures/keys.js'
import { sha256 } from '../fixtures/trail.js'
import { FINDING_VERDICTS } from '../src/core/findings.js'

t.test('generating again changes nothing', async (t) => {
  t.same(differences(), [], 'tsx fixtures/generate.ts writes them anew')
})

t.test('case names are unique and speak for themselves', async (t) => {
  t.equal(new Set(cases.map(({ name }) => name)).size, cases.length)
  for (const { name } of cases) t.match(name, /^[a-z0-9]+(-[a-z0-9]+)*$/)
})

const built = cases.map((one) => ({ name: one.name, expected: one.build().expected }))

t.test('every finding code is expected by a case', async (t) => {
  const expected = new Set<string>(built.flatMap(({ expected: { codes } }) => codes))
  for (const code of Object.keys(FINDING_VERDICTS)) t.ok(expected.has(code), code)
})

t.test('every reason for a gap that a run without AWS can tell is expected by a case', async (t) => {
  const findings = built.flatMap(({ expected }) => expected.findings ?? [])
  const reasons = new Set(findings.filter(({ code }) => code === 'COVERAGE_GAP').map(({ reason }) => reason))
  const wanted = ['chain-restarted', 'digests-missing', 'digest-invalid', 'before-first', 'after-last', 'too-recent', 'not-found']
  for (const reason of wanted) t.ok(reasons.has(reason), reason)
})

t.test('exit code, verdict and codes of each case agree', async (t) => {
  const exits = { valid: 0, invalid: 1, unverified: 3 }
  for (const { name, expected } of built) {
    t.equal(expected.exit, expected.verdict === null ? 2 : exits[expected.verdict], name)
    const worst = new Set<string>(expected.codes.map((code) => FINDING_VERDICTS[code]))
    if (expected.verdict === 'unverified') t.notOk(worst.has('invalid'), `${name}: nothing invalid`)
    if (expected.verdict === 'invalid' && expected.only === true) t.ok(worst.has('invalid'), `${name}: something invalid`)
  }
})

t.test('the fixtures sign and link as CloudTrail does', async (t) => {
  const { trail, store } = new World(2)
  const { value } = testKey('march')
  const key = createPublicKey({ key: value, format: 'der', type: 'pkcs1' })
  let previous = 'null'
  for (const digest of trail.digests) {
    const text = gunzipSync(store.get(digest).bytes)
    const body: Record<string, unknown> = JSON.parse(text.toString())
    const data = `${body['digestEndTime']}\n${digest.bucket}/${digest.key}\n${sha256(text)}\n${previous}`
    const { signature = '' } = store.get(digest).metadata
    t.ok(verify('sha256', Buffer.from(data), key, Buffer.from(signature, 'hex')))
    t.equal(body['previousDigestSignature'] ?? 'null', previous)
    previous = signature
  }
})

t.test('gzip written by hand inflates to what went in', async (t) => {
  const texts = ['', 'a', 'abcabcabcabcabcabc', 'x'.repeat(70_000), KEY_NAMES.map((name) => testKey(name).fingerprint).join('/')]
  for (const text of texts) {
    t.equal(gunzipSync(gzip(Buffer.from(text))).toString(), text)
    t.equal(gunzipSync(gzip(Buffer.from(text), { deflate: deflateStored })).toString(), text)
  }
  t.equal(gunzipSync(gzipBomb(1000)).toString(), ' '.repeat(1000))
})
