/** `--double-check`: two opinions on every signature and log file; where they differ, nothing is called valid. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Measurement } from '../../src/core/measurement.js'
import { agreed, measureTogether, TWICE } from '../../src/engine/double-check.js'
import { openCarefulMeasurer } from '../../src/engine/gzip.js'
import { directorySource, type PublicKeySource, type Result, type Summary, verifyTrail } from '../../src/index.js'
import { type Case, caseKeys, caseMetadata, caseObjects, casePath, differences, readCases, runCase } from '../support/cases.js'
import { verifyTrailCommand } from '../support/command.js'

const CASES = readCases()
function caseOf(name: string): Case {
  const found = CASES.find((one) => one.name === name)
  if (found === undefined) throw new Error(`no case ${name}`)
  return found
}
const PLAIN = caseOf('plain')
const EVIDENCE = join(casePath('plain'), 'example-trail-logs')

t.test('where both agree, the results are the same: in this thread, in others, from bodies in chunks', async (t) => {
  for (const name of ['demo', 'log-appended-member', 'log-too-large']) {
    const one = caseOf(name)
    for (const workers of [0, 2]) {
      const sources = await Promise.all(one.sources.map((folder) => directorySource(join(casePath(name), folder))))
      const run = await runCase(one, sources, { metadata: caseMetadata(one), workers, doubleCheck: true })
      t.strictSame(differences(one, run), [], `${name}, ${workers} workers`)
    }
  }
  const [log = Buffer.alloc(0)] = [...caseObjects(EVIDENCE)]
    .filter(([key]) => key.includes('/CloudTrail/'))
    .map(([, bytes]) => bytes)
  async function* bytewise(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < log.length; at += 7) yield log.subarray(at, at + 7)
  }
  t.same(await TWICE.chunks(bytewise(), 1e6), await TWICE.bytes(log, 1e6))
})

t.test('a difference in anything that is measured is a disagreement', async (t) => {
  const one: Measurement = {
    kind: 'measured',
    gzip: true,
    sha256: 'aa',
    bytesRead: 9,
    bytesInflated: 9,
    trailing: null,
    damage: null,
  }
  t.equal(agreed(one, { ...one }), one)
  for (const other of [
    { sha256: 'ab' },
    { damage: 'bad crc' as const },
    { trailing: { offset: 8, bytes: 1 } },
    { bytesInflated: 8 },
  ])
    t.throws(() => agreed(one, { ...one, ...other }), { name: 'Disagreement' })
  t.throws(() => agreed(one, { kind: 'too-large', limit: 1, bytesRead: 9 }), { name: 'Disagreement' })
  const other = openCarefulMeasurer(10)
  const reads = measureTogether(other, { ...other, add: () => false, release: () => {}, end: () => one })
  await t.rejects(async () => reads.add(Buffer.from([0x1f, 0x8b])), { name: 'Disagreement' })
  reads.release()
})

/** A run whose signatures two implementations see with different keys: the summary, and what was thrown after it. */
async function disputed(doubleCheck: boolean): Promise<{ summary: Summary | undefined; thrown: unknown }> {
  const keys = await caseKeys(PLAIN)
  const other = await caseKeys(caseOf('key-spki'))
  const publicKeys: PublicKeySource = {
    async lookup(query) {
      const answer = await keys?.lookup(query)
      const spki = await other?.lookup({ ...query, fingerprint: JSON.parse(SPKI).PublicKeyList.at(-1).Fingerprint })
      if (answer?.kind !== 'key' || spki?.kind !== 'key') return { kind: 'unknown' }
      return { ...answer, key: { ...answer.key, value: spki.key.value } }
    },
  }
  const { startTime = '', endTime = '' } = PLAIN.options
  const metadata = caseMetadata(PLAIN)
  const sources = [await directorySource(EVIDENCE)]
  let last: Result | undefined
  try {
    for await (const result of verifyTrail({
      sources,
      publicKeys,
      startTime,
      endTime,
      doubleCheck,
      ...(metadata && { metadata }),
    }))
      last = result
  } catch (error) {
    return { summary: last?.kind === 'summary' ? last : undefined, thrown: error }
  }
  return { summary: last?.kind === 'summary' ? last : undefined, thrown: undefined }
}
const SPKI = readFileSync(join(casePath('key-spki'), 'public-keys.json'), 'utf8')

t.test('a disputed signature ends the run: first the summary, then the error', async (t) => {
  const once = await disputed(false)
  t.equal(once.summary?.verdict, 'valid', 'node:crypto alone sees nothing')
  const { summary, thrown } = await disputed(true)
  t.match(thrown, {
    name: 'VerifyTrailError',
    code: 'ERR_DISAGREEMENT',
    message: /node:crypto and node-forge disagree.*s3:\/\/example/,
  })
  t.equal(summary?.verdict, 'unverified')
  t.match(summary?.run, { interrupted: true, disagreement: /node-forge/ })
  t.match(summary?.notChecked[0], /nothing here is proven.*node-forge disagree/)
})

/** Preloaded into the command and its threads: one of two implementations goes wrong. */
const PATCHES = {
  'forge.mjs': `import forge from 'node-forge'
    const read = forge.pki.publicKeyFromAsn1
    forge.pki.publicKeyFromAsn1 = (der) => Object.assign(read(der), { verify: () => false })`,
  'zlib.mjs': `import zlib from 'node:zlib'
    import { syncBuiltinESMExports } from 'node:module'
    const inflate = zlib.inflateRawSync
    zlib.inflateRawSync = (data, options) => {
      const answer = inflate(data, options)
      if (answer.buffer.includes('"Records"')) answer.buffer[0] ^= 1
      return answer
    }
    syncBuiltinESMExports()`,
}

t.test('the command: exit code 2, a sentence, and a report that says so', async (t) => {
  const dir = t.testdir({ ...PATCHES, out: {} })
  const files = ['public-keys', 'metadata'].flatMap((name) => [`--${name}`, join(casePath('plain'), `${name}.json`)])
  const range = ['--start-time', PLAIN.options.startTime ?? '', '--end-time', PLAIN.options.endTime ?? '']
  const words = [EVIDENCE, ...files, ...range, '--json']
  const rows: [patch: keyof typeof PATCHES, workers: string, said: RegExp][] = [
    ['forge.mjs', '0', /node:crypto and node-forge disagree about a signature of s3:\/\/example-trail-logs\//],
    ['zlib.mjs', '0', /example-trail-logs\/AWSLogs\/.*the fast way measures .*, the careful way /],
    ['zlib.mjs', '2', /example-trail-logs\/AWSLogs\/.*the fast way measures .*, the careful way /],
  ]
  for (const [patch, workers, said] of rows) {
    const node = ['--import', join(dir, patch)]
    const about = `${patch}, ${workers} workers`
    if (workers === '0') t.equal((await verifyTrailCommand(words, { node })).code, 0, `${about}: not asked for, not seen`)
    const file = join(dir, 'out', `${patch}-${workers}.json`)
    const { code, stdout, stderr } = await verifyTrailCommand([...words, '--workers', workers, '--double-check', '-o', file], {
      node,
    })
    t.equal(code, 2, about)
    t.match(stderr, said, about)
    for (const report of [JSON.parse(stdout), JSON.parse(readFileSync(file, 'utf8'))]) {
      t.equal(report.verdict, 'unverified', about)
      t.match(report.run.disagreement, said, about)
      t.match(report.notChecked[0], /stopped, because two opinions/, about)
    }
  }
  const { code } = await verifyTrailCommand([...words, '--double-check'])
  t.equal(code, 0, 'on a machine that is well, the same as without it')
})
