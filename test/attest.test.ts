/** Sealed reports: envelopes, statements, time-stamps, and what a check finds. openssl is the peer. */
import { spawnSync } from 'node:child_process'
import { createHash, generateKeyPairSync, verify } from 'node:crypto'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { formatEnvelope, parseEnvelope, signatureBy, signEnvelope } from '../src/attest/dsse.js'
import { ResultsHash } from '../src/attest/results-hash.js'
import { parseSignerKey, parseSigningKey } from '../src/attest/signing-key.js'
import { parseStatement, reportStatement } from '../src/attest/statement.js'
import { stableJson } from '../src/reports/stable-json.js'
import { ROOT, verifyTrailCommand } from './support/command.js'
import { summary } from './support/results.js'

const CASE = join(ROOT, 'fixtures', 'cases', 'plain')
const EVIDENCE = [
  join(CASE, 'example-trail-logs'),
  '--public-keys',
  join(CASE, 'public-keys.json'),
  '--metadata',
  join(CASE, 'metadata.json'),
]
const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex')

const PRIVATE = { type: 'pkcs8', format: 'pem' } as const
const PUBLIC = { type: 'spki', format: 'pem' } as const
const encrypted = { ...PRIVATE, cipher: 'aes-256-cbc', passphrase: 'open sesame' }
const KEYS = {
  Ed25519: generateKeyPairSync('ed25519', { privateKeyEncoding: PRIVATE, publicKeyEncoding: PUBLIC }),
  'P-256': generateKeyPairSync('ec', { namedCurve: 'prime256v1', privateKeyEncoding: PRIVATE, publicKeyEncoding: PUBLIC }),
  'P-521': generateKeyPairSync('ec', { namedCurve: 'secp521r1', privateKeyEncoding: PRIVATE, publicKeyEncoding: PUBLIC }),
  RSA: generateKeyPairSync('rsa', { modulusLength: 2048, privateKeyEncoding: PRIVATE, publicKeyEncoding: PUBLIC }),
  encrypted: generateKeyPairSync('ec', { namedCurve: 'secp384r1', privateKeyEncoding: encrypted, publicKeyEncoding: PUBLIC }),
}

t.test('what is signed with each kind of key is verified by its public key, and by no other', async (t) => {
  const others = Object.values(KEYS).map(({ publicKey }) => parseSignerKey(Buffer.from(publicKey)))
  for (const [kind, { privateKey, publicKey }] of Object.entries(KEYS)) {
    const passphrase = kind === 'encrypted' ? 'open sesame' : undefined
    const text = formatEnvelope(signEnvelope(Buffer.from('{}'), parseSigningKey(Buffer.from(privateKey), passphrase)))
    const answer = parseEnvelope(Buffer.from(text))
    if (!answer.ok) throw new Error(answer.reason)
    const verified = others.map((key) => signatureBy(answer.envelope, key) !== undefined)
    t.strictSame(
      verified,
      Object.values(KEYS).map((key) => key.publicKey === publicKey),
      kind,
    )
    const changed = { ...answer.envelope, payload: Buffer.from('{ }') }
    t.equal(signatureBy(changed, parseSignerKey(Buffer.from(publicKey))), undefined, `${kind}: another payload`)
  }
})

t.test('a signature is over the pre-authentication encoding of DSSE', async (t) => {
  const { signatures } = signEnvelope(
    Buffer.from('hello world'),
    parseSigningKey(Buffer.from(KEYS.Ed25519.privateKey), undefined),
  )
  const signed = Buffer.from('DSSEv1 28 application/vnd.in-toto+json 11 hello world')
  t.ok(verify(null, signed, KEYS.Ed25519.publicKey, signatures[0]?.sig ?? Buffer.alloc(0)))
})

t.test('keys that cannot be used are errors that say nothing of the key', async (t) => {
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024, privateKeyEncoding: PRIVATE, publicKeyEncoding: PUBLIC })
  const curve = generateKeyPairSync('ec', { namedCurve: 'secp256k1', privateKeyEncoding: PRIVATE, publicKeyEncoding: PUBLIC })
  const rows: [string, string, string | undefined, RegExp][] = [
    ['no PEM', 'hello', undefined, /not a private key/],
    ['a public key', KEYS.RSA.publicKey, undefined, /not a private key/],
    ['1024 bits', weak.privateKey, undefined, /rsa 1024: give an Ed25519/],
    ['another curve', curve.privateKey, undefined, /ec secp256k1: give an Ed25519/],
    ['no passphrase', KEYS.encrypted.privateKey, undefined, /passphrase is missing/],
    ['another passphrase', KEYS.encrypted.privateKey, 'sesame', /passphrase is wrong/],
  ]
  for (const [name, pem, passphrase, message] of rows) {
    t.throws(() => parseSigningKey(Buffer.from(pem), passphrase), { code: 'ERR_SIGNING_KEY', message }, name)
  }
  t.throws(() => parseSignerKey(Buffer.from('hello')), { code: 'ERR_SIGNING_KEY', message: /not a public key/ })
})

t.test('envelopes that anybody may write are read or refused, never thrown', async (t) => {
  const signature = { keyid: '', sig: 'AAAA' }
  const rows: [string, unknown][] = [
    ['no object', []],
    ['no payload', { payloadType: 'x', signatures: [signature] }],
    ['sloppy base64', { payloadType: 'x', payload: 'AA=', signatures: [signature] }],
    ['no signatures', { payloadType: 'x', payload: '', signatures: [] }],
    ['a signature that is none', { payloadType: 'x', payload: '', signatures: [{ sig: 1 }] }],
    ['a time-stamp that is none', { payloadType: 'x', payload: '', signatures: [{ ...signature, timestamps: [{}] }] }],
    ['a thousand signatures', { payloadType: 'x', payload: '', signatures: Array.from({ length: 1000 }, () => signature) }],
  ]
  for (const [name, value] of rows) t.equal(parseEnvelope(Buffer.from(JSON.stringify(value))).ok, false, name)
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => !parseEnvelope(bytes).ok))
  fc.assert(fc.property(fc.jsonValue(), (value) => !parseStatement(Buffer.from(JSON.stringify(value))).ok))
})

t.test('the results hash is that of a report without run, whatever its chunks', async (t) => {
  const { kind: _, ...report } = summary('invalid')
  const hostile = { ...report, notChecked: ['"run":{', '","run":1,"', '\\"', '{"run":2}'], chains: [{ run: 3 }] }
  const { run: _run, ...results } = hostile
  const bytes = Buffer.from(`${stableJson(hostile)}\n`)
  const expected = { sha256: sha256(bytes), resultsSha256: sha256(`${stableJson(results)}\n`) }
  for (let size = 1; size < 40; size++) {
    const hash = new ResultsHash()
    for (let at = 0; at < bytes.length; at += size) hash.update(bytes.subarray(at, at + size))
    t.strictSame(hash.digest(), expected, `chunks of ${size}`)
  }
  const changed = new ResultsHash()
  changed.update(Buffer.from(bytes.toString().replace('"valid":0', '"valid":1')))
  t.not(changed.digest().resultsSha256, sha256(''), 'another result has another hash')
})

t.test('a statement says what was found, and is read back as it was', async (t) => {
  const sealed = summary('unverified')
  const hashes = { sha256: sha256('report'), resultsSha256: sha256('results') }
  const written = reportStatement(sealed, 'report.json', hashes)
  const { subject, predicate } = JSON.parse(written)
  t.strictSame(
    subject.map(({ name }: { name: string }) => name),
    ['report.json', 's3://bucket/digest'],
  )
  t.equal(predicate.result, 'WARNED')
  const answer = parseStatement(Buffer.from(written))
  t.match(answer, {
    ok: true,
    statement: { ...hashes, verdict: 'unverified', startedAt: sealed.run.startedAt, request: sealed.request },
  })
})

t.test('the command seals, and checks what was sealed', async (t) => {
  const dir = t.testdir({
    'key.pem': KEYS.encrypted.privateKey,
    'key.pub': KEYS.encrypted.publicKey,
    'other.pub': KEYS.RSA.publicKey,
    passphrase: 'open sesame\n',
    'wrong-passphrase': 'open\n',
  })
  const at = (name: string): string => join(dir, name)
  const run = (...words: string[]) => verifyTrailCommand(words)
  const seal = ['--sign', at('key.pem'), '--sign-passphrase', at('passphrase')]
  const report = at('report.json')

  t.match(await run(...EVIDENCE, '-q', '-o', report, ...seal), { code: 0 })
  const check = ['attest', 'check', report, '--signer', at('key.pub')]
  t.match(await run(...check), {
    code: 0,
    stdout: /signature +holds[\s\S]*report +holds[\s\S]*evidence +not checked[\s\S]*\nSEALED.*valid\n$/,
  })
  t.match(await run(...check, ...EVIDENCE), { code: 0, stdout: /evidence +holds/ }, 'the evidence gives the same report')

  const other = join(ROOT, 'fixtures', 'cases', 'log-edited')
  const otherEvidence = [join(other, 'example-trail-logs'), '--public-keys', join(other, 'public-keys.json')]
  t.match(
    await run(...check, ...otherEvidence),
    { code: 1, stdout: /evidence +FAILS[\s\S]*NOT SEALED/ },
    'other evidence does not',
  )
  const [evidence = '', ...keysAndMetadata] = EVIDENCE
  const [keysOnly, metadataOnly] = [keysAndMetadata.slice(0, 2), keysAndMetadata.slice(2)]
  const renamed = at('renamed')
  cpSync(evidence, renamed, { recursive: true })
  const why: [string, string[], RegExp][] = [
    ['a renamed directory', [renamed, ...keysAndMetadata], /FAILS[^\n]*\n +Said now only: That the export is a copy of s3/],
    ['no metadata', [evidence, ...keysOnly], /The sealed run was given a metadata file: give the same with --metadata\./],
    [
      'no public keys',
      [evidence, ...metadataOnly],
      /public keys of the sealed run were not given: give the same with --public-keys\./,
    ],
  ]
  for (const [name, words, message] of why) t.match(await run(...check, ...words), { code: 1, stdout: message }, `${name}: why`)
  const [tar, padded] = [at('example-trail-logs.tar'), at('padded')]
  const packed = spawnSync('tar', ['-cf', tar, '-C', join(CASE), 'example-trail-logs'])
  t.equal(packed.status, 0)
  const ofTar = at('tar.json')
  t.match(await run(tar, ...keysAndMetadata, '-q', '-o', ofTar, ...seal), { code: 0 })
  const checkTar = ['attest', 'check', ofTar, '--signer', at('key.pub')]
  t.notMatch((await run(...checkTar, tar, ...keysAndMetadata)).stdout, 'not the same archive')
  mkdirSync(padded)
  writeFileSync(join(padded, 'example-trail-logs.tar'), Buffer.concat([readFileSync(tar), Buffer.alloc(512)]))
  t.match(
    await run(...checkTar, join(padded, 'example-trail-logs.tar'), ...keysAndMetadata),
    { code: 0, stdout: /evidence +holds .*\n +But it is not the same archive: sealed is SHA-256 \w+, this is SHA-256 \w+\./ },
    'other bytes that give the same results are told',
  )
  t.match(await run('attest', 'check', report, '--signer', at('other.pub')), { code: 1, stdout: /signature +FAILS/ })
  t.match(await run(...check, '--tsa', at('key.pub')), { code: 1, stdout: /time-stamp +FAILS/ }, 'a time-stamp was asked for')

  const text = readFileSync(report, 'utf8')
  writeFileSync(report, text.replace('"verdict":"valid"', '"verdict":"Valid"'))
  t.match(await run(...check), { code: 1, stdout: /report +FAILS/ }, 'a changed report')
  writeFileSync(report, text.replace('"node":"v', '"node":"V'))
  t.match(await run(...check), { code: 1, stdout: /report +FAILS/ }, 'a changed run')
  rmSync(report)
  t.match(await run(...check), { code: 2, stderr: /cannot read the report/ })

  const rows: [string, string[], RegExp][] = [
    ['nothing to seal', [...EVIDENCE, ...seal], /-o FILE\.json/],
    ['a passphrase alone', [...EVIDENCE, '--sign-passphrase', at('passphrase')], /give both/],
    ['no key', [...EVIDENCE, '-o', report, '--sign', at('nothing')], /cannot read/],
    [
      'a wrong passphrase',
      [...EVIDENCE, '-o', report, '--sign', at('key.pem'), '--sign-passphrase', at('wrong-passphrase')],
      /wrong/,
    ],
    ['no action', ['attest'], /give check, request or attach/],
    ['no signer', ['attest', 'check', report], /--signer/],
    ['no report', ['attest', 'check', '--signer', at('key.pub')], /no report/],
    ['no envelope', ['attest', 'request', at('nothing.json'), '-o', at('x.tsq')], /cannot read/],
  ]
  for (const [name, words, message] of rows) {
    const outcome = await run(...words)
    t.match(outcome, { code: 2, stderr: message }, name)
  }
})

/** An authority of the test's own, by openssl. Undefined where that is not there. */
function authority(dir: string): ((query: string, response: string) => void) | undefined {
  const openssl = (...args: string[]) => spawnSync('openssl', args, { cwd: dir, encoding: 'utf8' })
  if (openssl('version').status !== 0) return undefined
  for (const name of ['ca', 'other-ca']) {
    const made = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', `${name}.key`, '-out', `${name}.pem`]
    openssl(...made, '-subj', `/CN=${name}`, '-days', '3650')
  }
  openssl('req', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'tsa.key', '-out', 'tsa.csr', '-subj', '/CN=tsa')
  writeFileSync(join(dir, 'ext'), 'extendedKeyUsage=critical,timeStamping\nbasicConstraints=CA:FALSE\n')
  const signed = ['x509', '-req', '-in', 'tsa.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial']
  openssl(...signed, '-out', 'tsa.pem', '-days', '3000', '-extfile', 'ext')
  writeFileSync(join(dir, 'serial'), '01\n')
  const config = ['[tsa]', 'default_tsa=t', '[t]', 'serial=serial', 'signer_cert=tsa.pem', 'signer_key=tsa.key', 'certs=ca.pem']
  writeFileSync(
    join(dir, 'tsa.cnf'),
    [...config, 'signer_digest=sha256', 'default_policy=1.2.3.4', 'digests=sha256', ''].join('\n'),
  )
  return (query, response) => {
    const made = openssl('ts', '-reply', '-config', 'tsa.cnf', '-queryfile', query, '-out', response)
    if (made.status !== 0) throw new Error(made.stderr)
  }
}

t.test('a time-stamp says when a report was sealed at the latest', async (t): Promise<void> => {
  const dir = t.testdir({ 'key.pem': KEYS.Ed25519.privateKey, 'key.pub': KEYS.Ed25519.publicKey })
  const at = (name: string): string => join(dir, name)
  const reply = authority(dir)
  if (reply === undefined) {
    if (process.env['CI'] === undefined) t.pass('time-stamps', { skip: 'NOT TESTED: openssl is not there' })
    else t.fail('openssl is not there')
    return
  }
  const run = (...words: string[]) => verifyTrailCommand(words)
  for (const name of ['a.json', 'b.json']) {
    t.match(await run(...EVIDENCE, '-q', '-o', at(name), '--sign', at('key.pem')), { code: 0 })
    t.match(await run('attest', 'request', at(name), '-o', at(`${name}.tsq`)), { code: 0 })
    reply(`${name}.tsq`, `${name}.tsr`)
  }
  const envelope = at('a.json.dsse.json')
  cpSync(envelope, at('unstamped'))
  /** An envelope that somebody else put the response into. */
  const checkWith = async (response: string | Uint8Array, tsa: string) => {
    const bytes = typeof response === 'string' ? readFileSync(at(response)) : response
    const answer = parseEnvelope(readFileSync(at('unstamped')))
    if (!answer.ok) throw new Error(answer.reason)
    const signatures = answer.envelope.signatures.map((one) => ({ ...one, timestamps: [bytes] }))
    writeFileSync(envelope, formatEnvelope({ ...answer.envelope, signatures }))
    return run('attest', 'check', at('a.json'), '--signer', at('key.pub'), '--tsa', at(tsa))
  }
  t.match(await run('attest', 'attach', at('a.json'), at('a.json.tsr')), { code: 0 })
  t.match(await run('attest', 'check', at('a.json'), '--signer', at('key.pub'), '--tsa', at('ca.pem')), { code: 0 })
  cpSync(at('unstamped'), envelope)
  const own = readFileSync(at('a.json.tsr'))
  const unattached: [string, Uint8Array, RegExp][] = [
    ['no response', Buffer.from('none'), /is no time-stamp over the signature in /],
    ['a web page', Buffer.from('<html>busy</html>'), /is no time-stamp over/],
    ['half of one', own.subarray(0, own.length / 2), /is no time-stamp over/],
    ['more than one', Buffer.concat([own, own]), /bytes follow it/],
    ['over another signature', readFileSync(at('b.json.tsr')), /it is over something else/],
    ['a refusal', Buffer.from('30053003020102', 'hex'), /the authority refused it \(status 2\)/],
  ]
  for (const [what, response, message] of unattached) {
    writeFileSync(at('response'), response)
    t.match(await run('attest', 'attach', at('a.json'), at('response')), { code: 2, stderr: message }, `attach: ${what}`)
  }
  t.same(readFileSync(envelope), readFileSync(at('unstamped')), 'what is refused leaves the envelope as it was')
  t.match(await checkWith('a.json.tsr', 'ca.pem'), { code: 0, stdout: /time-stamp +holds +signed before 2\d{3}-.*CN=tsa/ })
  t.match(await run('attest', 'check', at('a.json'), '--signer', at('key.pub')), { code: 0, stdout: /time-stamp +not checked/ })
  t.match(await checkWith('b.json.tsr', 'ca.pem'), { code: 1, stdout: /time-stamp +FAILS/ }, 'over another signature')
  t.match(await checkWith('a.json.tsr', 'other-ca.pem'), { code: 1, stdout: /time-stamp +FAILS/ }, 'of another authority')
  t.match(await checkWith(Buffer.from('none'), 'ca.pem'), { code: 1, stdout: /time-stamp +FAILS/ }, 'no response at all')
  const response = readFileSync(at('a.json.tsr'))
  // The time in it; the signature, which comes last. Certificates that it carries prove themselves, or nothing.
  for (const offset of [/20\d{12}Z/.exec(response.toString('latin1'))?.index ?? 0, response.length - 20]) {
    const changed = Buffer.from(response)
    changed[offset + 3] = (changed[offset + 3] ?? 0) ^ 1
    t.match(await checkWith(changed, 'ca.pem'), { code: 1, stdout: /time-stamp +FAILS/ }, `changed at ${offset}`)
  }
})
