/** What exports keep, lose and rearrange: metadata from wherever it survived, and objects that lie elsewhere than they did. */
import { spawnSync } from 'node:child_process'
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { ReadList } from '../src/evidence/read-list.js'
import { archiveSource, directorySource, type MetadataFile, memorySource, type Source } from '../src/index.js'
import { type TarMember, tar, zip } from './support/archives.js'
import { type Case, type CaseRun, caseMetadata, caseObjects, casePath, readCases, runCase } from './support/cases.js'
import { verifyTrailCommand } from './support/command.js'
import { hasTool } from './support/tools.js'

const scratch = mkdtempSync(join(tmpdir(), 'verify-trail-exports-'))
t.teardown(() => rmSync(scratch, { recursive: true, force: true }))

const BUCKET = 'example-trail-logs'
const cases = new Map(readCases().map((one) => [one.name, one]))

function caseOf(name: string): Case {
  const one = cases.get(name)
  if (one === undefined) throw new Error(`no case ${name}`)
  return one
}

const plain = caseOf('plain')
const objects = caseObjects(join(casePath('plain'), BUCKET))
const metadata = new Map(
  [...objects.keys()].map((key) => {
    const found = caseMetadata(plain)?.lookup(BUCKET, key)
    return [key, found?.kind === 'found' ? found.metadata : undefined] as const
  }),
)

let written = 0

/** A directory, named like the bucket, with these files in it. */
function write(files: ReadonlyMap<string, Uint8Array | string>): string {
  const folder = join(scratch, String(written++), BUCKET)
  for (const [name, bytes] of files) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), bytes)
  }
  return folder
}

function writeFile(name: string, bytes: Uint8Array): string {
  const path = join(scratch, String(written++), name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, bytes)
  return path
}

function withSidecars(
  text: (metadata: Readonly<Record<string, string>>, key: string) => string,
): Map<string, Uint8Array | string> {
  const sidecars = [...metadata].flatMap(([key, found]) =>
    found === undefined ? [] : [[`${key}.metadata.json`, text(found, key)] as const],
  )
  return new Map<string, Uint8Array | string>([...objects, ...sidecars])
}

function tarOf(
  files: ReadonlyMap<string, Uint8Array | string>,
  pax: (key: string) => Record<string, string> = () => ({}),
): Buffer {
  return tar([...files].map(([name, bytes]) => ({ name, bytes: Buffer.from(bytes), pax: pax(name) })))
}

function paxOf(key: string): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata.get(key) ?? {}).map(([name, value]) => [`SCHILY.xattr.user.${name}`, value]))
}

async function verified(source: Source, file?: MetadataFile, one: Case = plain): Promise<CaseRun> {
  const run = await runCase(one, [source], { metadata: file })
  await source.close?.()
  return run
}

function origins({ results }: CaseRun): string[] {
  return results.flatMap((result) => (result.kind === 'digest' ? [`${result.metadataFrom ?? 'none'}`] : []))
}

const headObject = (found: Readonly<Record<string, string>>): string =>
  JSON.stringify({ ContentLength: 1, ContentType: 'application/json', Metadata: found })
const wrong = { signature: '00'.repeat(256) }

t.test('the first origin that has metadata counts, and the report says which', async (t) => {
  const sidecars = withSidecars(headObject)
  const wrongSidecars = withSidecars(() => headObject(wrong))
  const rows: [string, () => Promise<Source>, MetadataFile | undefined, string][] = [
    ['a file beside it, as head-object prints it', () => directorySource(write(sidecars)), undefined, 'sidecar'],
    [
      'a file beside it, a plain map',
      () => directorySource(write(withSidecars((found) => JSON.stringify(found)))),
      undefined,
      'sidecar',
    ],
    ['files beside, in a tar', () => archiveSource(writeFile('a.tar', tarOf(sidecars))), undefined, 'sidecar'],
    [
      'files beside, in a zip',
      () => archiveSource(writeFile('a.zip', zip([...sidecars].map(([name, bytes]) => ({ name, bytes: Buffer.from(bytes) }))))),
      undefined,
      'sidecar',
    ],
    ['PAX before what lies beside', () => archiveSource(writeFile('b.tar', tarOf(wrongSidecars, paxOf))), undefined, 'tar'],
    ['what lies beside before --metadata', () => directorySource(write(sidecars)), caseMetadata(plain), 'sidecar'],
    ['--metadata', () => directorySource(write(objects)), caseMetadata(plain), 'file'],
    [
      '--metadata where attributes are others than CloudTrail’s',
      () =>
        archiveSource(
          writeFile(
            'c.tar',
            tarOf(objects, () => ({ 'SCHILY.xattr.user.xdg.origin.url': 'https://…' })),
          ),
        ),
      caseMetadata(plain),
      'file',
    ],
  ]
  for (const [about, open, file, origin] of rows) {
    const run = await verified(await open(), file)
    t.equal(run.summary.verdict, 'valid', about)
    t.same(new Set(origins(run)), new Set([origin]), about)
    t.same(run.summary.run.metadataFrom, { [origin]: origins(run).length }, about)
  }
})

t.test('extended attributes of files', async (t) => {
  const folder = write(withSidecars(() => headObject(wrong)))
  const set = (key: string, name: string, value: string): boolean =>
    spawnSync('setfattr', ['-n', `user.${name}`, '-v', value, join(folder, key)]).status === 0
  const all =
    hasTool('setfattr') &&
    [...metadata].every(([key, found]) => Object.entries(found ?? {}).every(([name, value]) => set(key, name, value)))
  if (!all) {
    t.notOk(process.env['CI'], `in CI the file system of ${tmpdir()} has attributes`)
    t.comment('SKIPPED: no setfattr here, or no attributes on this file system')
    return
  }
  const run = await verified(await directorySource(folder), caseMetadata(plain))
  t.equal(run.summary.verdict, 'valid')
  t.same(new Set(origins(run)), new Set(['xattr']))
})

t.test('what lies beside and is no metadata is named, and changes nothing', async (t) => {
  const rows: [string, string, RegExp | null][] = [
    ['no JSON', '{', /was not used: .*JSON/],
    ['too long', ' '.repeat(65_537), /more than 65536 bytes/],
    ['a list', '[]', /not a JSON object/],
    ['no strings', '{"Metadata": {"signature": 1}}', /a value that is not a string: "signature"/],
    ['names twice', '{"signature": "a", "signature": "b"}', /was not used/],
    ['of another object', '{"Key": "AWSLogs/x.json.gz", "Metadata": {"signature": "00"}}', /it names another object/],
    ['none', '{"Metadata": {}}', null],
    ['of others', '{"Metadata": {"note": "x"}}', null],
  ]
  const without = await verified(await directorySource(write(objects)))
  for (const [about, text, sentence] of rows) {
    const run = await verified(await directorySource(write(withSidecars(() => text))))
    t.equal(run.summary.verdict, without.summary.verdict, about)
    t.same(run.findings, without.findings, about)
    t.equal(run.summary.notChecked.filter((one) => sentence?.test(one)).length, sentence === null ? 0 : 3, about)
  }
  const swapped = await verified(await directorySource(write(withSidecars(() => headObject(wrong)))))
  contradicted(t, swapped)
})

/** Metadata that contradicts what is proven was altered: all but the newest are proven by their successors. */
function contradicted(t: Test, run: CaseRun): void {
  t.equal(run.summary.verdict, 'invalid')
  t.same(new Set(run.findings.map(({ code }) => code)).has('DIGEST_METADATA_MISMATCH'), true)
}

/** Files of an export by their new paths; `metadata` as before, by the original keys. */
type Layout = (key: string) => string

const base = (key: string): string => key.slice(key.lastIndexOf('/') + 1)
const day = (key: string): string => /\d{4}\/\d{2}\/\d{2}/.exec(key)?.[0].replaceAll('/', '-') ?? 'none'
const region = (key: string): string => key.split('/').find((part) => /^[a-z]+-[a-z]+-\d$/.test(part)) ?? 'none'

const LAYOUTS: readonly (readonly [string, Layout])[] = [
  ['flat', base],
  ['a folder for each day', (key) => `${day(key)}/${base(key)}`],
  ['a folder for each region and day', (key) => `${region(key)}/${day(key)}/${base(key)}`],
  ['without AWSLogs/', (key) => key.slice(key.indexOf('AWSLogs/') + 'AWSLogs/'.length)],
  ['from the region on', (key) => key.slice(key.indexOf(`/${region(key)}/`) + 1)],
  ['digests and log files apart', (key) => `${key.includes('-Digest') ? 'digests' : 'logs'}/${base(key)}`],
  ['flat, inflated, without .gz', (key) => base(key).replace(/\.gz$/, '')],
  ['inflated where they are, without .gz', (key) => key.replace(/\.gz$/, '')],
  ['only log files inflated, without .gz', (key) => (key.includes('-Digest') ? key : key.replace(/\.gz$/, ''))],
]

/** Cases of which each must come out the same however the export was laid out: whole, tampered with, with gaps. */
const LAID_OUT = [
  'plain',
  'prefixed',
  'organization',
  'over-midnight',
  'two-trails-two-buckets',
  'two-accounts',
  'two-regions',
  'backfill',
  'bucket-changed',
  'prefix-changed',
  'log-edited',
  'log-deleted',
  'digest-missing',
  'digest-edited',
  'planted-log',
  'stop-start',
  'signature-swapped-newest',
  'metadata-lost-in-the-middle',
]

function asLaidOut(one: Case, layout: Layout, isInflated: boolean): { files: Map<string, Uint8Array>; inOne: boolean } {
  const files = new Map<string, Uint8Array>()
  for (const bucket of one.sources) {
    for (const [key, bytes] of caseObjects(join(casePath(one.name), bucket))) {
      const path = layout(key)
      const isWhole = isInflated && path.endsWith('.json')
      files.set(path, isWhole ? inflated(bytes) : bytes)
    }
  }
  return { files, inOne: one.sources.length > 1 }
}

function inflated(bytes: Uint8Array): Uint8Array {
  try {
    return gunzipSync(bytes)
  } catch {
    return bytes
  }
}

/** What was said of what: places of findings must be the original ones. A planted file has the name that it has: `codesOnly`. */
function told({ summary, findings }: CaseRun, codesOnly = false): unknown {
  const { verdict, chains, summary: counts } = summary
  if (codesOnly) return { verdict, chains, codes: findings.map(({ code }) => code) }
  return { verdict, findings, chains, digests: counts.digests, logFiles: counts.logFiles }
}

t.test('exports that were laid out anew, all verified against the signed places', async (t) => {
  for (const name of LAID_OUT) {
    const one = caseOf(name)
    const asIs = await Promise.all(one.sources.map((bucket) => directorySource(join(casePath(name), bucket))))
    const expected = await runCase(one, asIs, { metadata: caseMetadata(one) })
    for (const [about, layout] of LAYOUTS) {
      const { files } = asLaidOut(one, layout, true)
      const keepsFolders = layout('a/AWSLogs/x').includes('AWSLogs')
      if (keepsFolders && one.sources.length > 1) continue
      const folder = keepsFolders ? write(files) : write(new Map([...files].map(([path, bytes]) => [`../export/${path}`, bytes])))
      const source = await (keepsFolders ? directorySource(folder) : directorySource(join(dirname(folder), 'export')))
      const run = await runCase(one, [source], { metadata: caseMetadata(one) })
      t.strictSame(told(run, keepsFolders), told(expected, keepsFolders), `${name}: ${about}`)
      const archive = await archiveSource(writeFile(keepsFolders ? `${BUCKET}.tar` : 'export.tar', tarOf(files)))
      const inTar = await verified(archive, caseMetadata(one), one)
      t.strictSame(told(inTar, keepsFolders), told(expected, keepsFolders), `${name}: ${about}, in a tar`)
    }
  }
})

t.test('with --by-name the folders of an export do not count; without it they do', async (t) => {
  const renamed = new Map(
    [...objects].map(([key, bytes]) => [key.replace('/CloudTrail/us-east-1/2026/03/14/', '/CloudTrail/2026-03-14/'), bytes]),
  )
  const folder = write(renamed)
  const asIs = await runCase(plain, [await directorySource(folder)], { metadata: caseMetadata(plain) })
  t.equal(asIs.summary.verdict, 'invalid')
  t.same(new Set(asIs.findings.map(({ code }) => code)), new Set(['LOG_FILE_MISSING', 'LOG_FILE_UNLISTED']))
  const byName = await runCase(plain, [await directorySource(folder)], { metadata: caseMetadata(plain), byName: true })
  t.equal(byName.summary.verdict, 'valid')
  t.match(byName.summary.notChecked.join('\n'), /the folders of 5 files were not looked at/)
})

t.test('a flat part beside the folders of an account is not passed over in silence', async (t) => {
  const flat = [...objects].map(([key, bytes]) => [`flat/${base(key)}`, bytes] as const)
  const inflated = [`AWSLogs/111122223333/${base([...objects.keys()][0] ?? '').replace(/\.gz$/, '')}`, Buffer.from('{}')] as const
  const mixed = new Map([...objects, ...flat, inflated, ['flat/notes.json.gz', Buffer.from('x')]])
  const said = new RegExp(`In the export, ${objects.size + 1} files with names of CloudTrail's lie outside .* With --by-name`)
  for (const source of [
    memorySource({ name: 'mixed', objects: mixed }),
    await directorySource(write(mixed)),
    await archiveSource(writeFile('mixed.tar', tarOf(mixed))),
  ]) {
    const run = await runCase(plain, [source], { metadata: caseMetadata(plain) })
    t.equal(run.summary.verdict, 'valid')
    t.match(run.summary.notChecked.join('\n'), said)
  }
  const moved = new Map([...objects].map(([key, bytes]) => [key.includes('-Digest') ? key : `moved/${base(key)}`, bytes]))
  const run = await runCase(plain, [memorySource({ name: 'moved', objects: moved })], { metadata: caseMetadata(plain) })
  t.same(new Set(run.findings.map(({ code }) => code)), new Set(['LOG_FILE_MISSING']), 'what was moved is missing in its place')
  t.match(run.summary.notChecked.join('\n'), "files with names of CloudTrail's lie outside", 'and the report says where to look')
  const beside = new Map([...objects, [`flat/../${base([...objects.keys()][0] ?? '')}`, Buffer.from('x')]])
  const store = memorySource({ name: 's3://b', kind: 'store', bucket: BUCKET, objects: beside })
  const onStore = await runCase(plain, [store], { metadata: caseMetadata(plain) })
  t.notMatch(
    onStore.summary.notChecked.join('\n'),
    "names of CloudTrail's",
    'of a bucket nothing is said: other things lie there',
  )
})

t.test('of what lies outside of the folders of an account, duplicates are named, and what is not read is counted', async (t) => {
  const members = [...objects].map(([name, bytes]) => ({ name, bytes: Buffer.from(bytes) }))
  const with_ = async (...more: TarMember[]) => {
    const source = await archiveSource(writeFile('more.tar', tar([...members, ...more])))
    return runCase(plain, [source], { metadata: caseMetadata(plain) })
  }
  const notes = { name: 'notes.txt', bytes: Buffer.from('x') }
  const twice = await with_(notes, notes)
  t.match(twice.findings, [{ code: 'LOG_FILE_UNREADABLE', object: 'notes.txt', reason: 'duplicate-name' }])
  t.equal(twice.summary.verdict, 'unverified')
  const links = await with_({ name: 'link', type: '2' }, { name: 'pipe', type: '6' })
  t.equal(links.summary.verdict, 'valid')
  t.match(links.summary.notChecked.join('\n'), 'In the export, 2 links, devices and names that lead elsewhere lie outside')
})

t.test('with --bucket, parts of one export are of one bucket, whatever their folders are called', async (t) => {
  const isDigest = (key: string): boolean => key.includes('-Digest/')
  const part = (folder: string, digests: boolean, named = (key: string) => key): [string, Uint8Array | string][] =>
    [...objects].filter(([key]) => isDigest(key) === digests).map(([key, bytes]) => [join(folder, named(key)), bytes])
  const layouts: [string, [string, Uint8Array | string][], [string, Uint8Array | string][]][] = [
    ['digests in a folder named like the bucket', part(BUCKET, true), part('', false)],
    ['both flat', part('', true, base), part('', false, base)],
    ['log files flat', part(BUCKET, true), part('', false, base)],
    ['digests flat', part('', true, base), part(BUCKET, false)],
  ]
  for (const [what, digests, logs] of layouts) {
    for (const lost of [0, 1]) {
      const sources = await Promise.all([digests, logs.slice(lost)].map((files) => directorySource(write(new Map(files)))))
      const run = await runCase({ ...plain, options: { ...plain.options, bucket: BUCKET } }, sources, {
        metadata: caseMetadata(plain),
      })
      const codes = run.findings.map(({ code }) => code)
      t.same(codes, lost === 0 ? [] : ['LOG_FILE_MISSING'], `${what}: ${lost} log files are missing`)
    }
  }
})

t.test('an export gives the same report wherever it lies', async (t) => {
  const demo = caseOf('demo')
  const as = (name: string) =>
    runCase(demo, [memorySource({ name, objects: caseObjects(join(casePath('demo'), BUCKET)) })], {
      metadata: caseMetadata(demo),
    })
  const flat = asLaidOut(demo, base, false).files
  const strayed = new Map([...flat, ['strange_CloudTrail_name.json.gz', gzipSync('{}')]])
  const flatAs = (name: string) => runCase(demo, [memorySource({ name, objects: strayed })], { metadata: caseMetadata(demo) })
  for (const run of [as, flatAs]) {
    const [here, there] = [await run('/cases/4711/copy'), await run('./mnt')]
    t.strictSame({ ...there.summary, run: null }, { ...here.summary, run: null })
    t.strictSame(there.findings, here.findings)
    t.notMatch(JSON.stringify({ ...here.summary, run: null }), '4711')
  }
})

t.test('by name: two buckets in one AWSLogs/, copies, other files, hostile names', async (t) => {
  const two = caseOf('two-trails-two-buckets')
  const asIs = await Promise.all(two.sources.map((bucket) => directorySource(join(casePath(two.name), bucket))))
  const expected = told(await runCase(two, asIs, { metadata: caseMetadata(two) }))
  const { files } = asLaidOut(two, (key) => key, false)
  const mixed = await runCase(two, [await directorySource(write(files))], { metadata: caseMetadata(two), byName: true })
  t.strictSame(told(mixed), expected, 'each is verified in its own bucket')

  const flat = asLaidOut(plain, base, false).files
  const log = [...flat.keys()].find((name) => name.includes('_CloudTrail_')) ?? ''
  const copied = new Map([...flat, [`copy/${log}`, flat.get(log) ?? Buffer.alloc(0)], ['notes.txt', Buffer.from('x')]])
  const stray = new Map([...flat, ['evil.json.gz', gzipSync('{"Records":[]}')]])
  const strayed = await runCase(plain, [memorySource({ name: 'flat', objects: stray })], { metadata: caseMetadata(plain) })
  t.equal(
    strayed.summary.verdict,
    'unverified',
    'what may have lain among the log files, under a name of its own, is not passed over',
  )
  t.match(strayed.findings, [{ code: 'LOG_FILE_UNCOVERED', object: 'evil.json.gz', reason: 'no-chain' }])
  const equal = await runCase(plain, [memorySource({ name: 'flat', objects: copied })], { metadata: caseMetadata(plain) })
  t.equal(equal.summary.verdict, 'valid', 'copies that are equal are one')
  t.match(equal.summary.notChecked.join('\n'), /1 other files, whose names are none that CloudTrail gives/)
  const other = await runCase(
    plain,
    [memorySource({ name: 'flat', objects: new Map([...copied, [`copy/${log}`, Buffer.from('x')]]) })],
    {
      metadata: caseMetadata(plain),
    },
  )
  t.match(other.findings, [{ code: 'LOG_FILE_UNREADABLE', reason: 'duplicate-name' }], 'copies that differ are not read')

  const hostile = new Map([
    ...flat,
    [`../../${log}x`, Buffer.from('x')],
    ['AWSLogs', Buffer.from('x')],
    [`a//${base(log)}`, flat.get(log) ?? Buffer.alloc(0)],
  ])
  const run = await runCase(plain, [memorySource({ name: 'flat', objects: hostile })], { metadata: caseMetadata(plain) })
  t.equal(run.summary.verdict, 'valid')
})

t.test('by name: a forged digest that names another place takes nothing from the real one', async (t) => {
  const flat = asLaidOut(plain, base, false).files
  const digest = [...flat.keys()].find((name) => name.includes('-Digest_') && name.includes('T090434Z')) ?? ''
  const text = gunzipSync(flat.get(digest) ?? Buffer.alloc(0)).toString()
  for (const [time, verdict] of [
    ['T070434Z', 'valid'],
    ['T093434Z', 'invalid'],
    ['T110434Z', 'valid'],
  ] as const) {
    const forged = text.replaceAll(BUCKET, 'other-bucket').replaceAll('T090434Z', time)
    const planted = new Map([...flat, [digest.replace('T090434Z', time), Buffer.from(forged)]])
    const run = await runCase(plain, [memorySource({ name: 'flat', objects: planted })], { metadata: caseMetadata(plain) })
    const codes = run.findings.map(({ code }) => code)
    t.equal(run.summary.verdict, verdict, `${time}: ${codes}`)
    t.notOk(codes.includes('LOG_FILE_MISSING'), time)
  }
})

t.test('a damaged archive is never valid, and nothing that it does not hold is missing', async (t) => {
  const whole = tarOf(objects, paxOf)
  const zipped = zip([...objects].map(([name, bytes]) => ({ name, bytes, deflate: true })))
  const asIs = await verified(await archiveSource(writeFile(`${BUCKET}.tar`, whole)))
  t.equal(asIs.summary.verdict, 'valid')
  const damaged: [string, Buffer][] = []
  for (let at = 512; at < whole.length - 512; at += 512) damaged.push([`cut at ${at}`, whole.subarray(0, at)])
  for (let at = 0; at < whole.length - 1024; at += 512) {
    if (whole.subarray(at + 257, at + 262).toString() !== 'ustar') continue
    const flipped = Buffer.from(whole)
    flipped[at + 150] = (flipped[at + 150] ?? 0) ^ 1
    damaged.push([`a header at ${at} that is none`, flipped])
  }
  const packed = gzipSync(whole)
  for (let part = 1; part < 8; part++) damaged.push([`gzip, cut at ${part}/8`, packed.subarray(0, (packed.length * part) >> 3)])
  for (let part = 1; part < 8; part++) damaged.push([`zip, cut at ${part}/8`, zipped.subarray(0, (zipped.length * part) >> 3)])
  for (const [what, bytes] of damaged) {
    const source = await archiveSource(writeFile(BUCKET, bytes)).catch((error: Error) => error)
    if (source instanceof Error) {
      t.match(source, { code: 'ERR_SOURCE' }, what)
      continue
    }
    const run = await verified(source, caseMetadata(plain))
    const codes = run.findings.map(({ code }) => code)
    t.equal(run.summary.verdict, 'unverified', `${what}: ${codes}`)
    t.notOk(
      codes.some((code) => code.endsWith('_MISSING') && code !== 'DIGEST_SIGNATURE_MISSING'),
      `${what}: ${codes}`,
    )
  }
})

/** The lines of a list that are about files. */
function filesIn(path: string): string[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => /^\d+,/.test(line))
}

t.test('hashdeep audits the list of what was read', async (t) => {
  const files = withSidecars(headObject)
  const folder = write(files)
  const keys = join(casePath('plain'), 'public-keys.json')
  const { startTime = '', endTime = '' } = plain.options
  const listed = join(scratch, 'read.hashdeep')
  const list = async (source: string, ...more: string[]): Promise<string[]> => {
    const command = [source, '--public-keys', keys, '--start-time', startTime, '--end-time', endTime, '-q', '-o', listed, ...more]
    const { code, stderr } = await verifyTrailCommand(command)
    t.equal(code, 0, stderr)
    return filesIn(listed)
  }
  const lines = await list(folder, '--workers', '0')
  t.equal(lines.length, files.size, 'each object and each file beside one, once')
  t.strictSame(await list(writeFile('a.tar.gz', gzipSync(tarOf(files)))), lines, 'in an archive')
  t.strictSame(await list(writeFile('a.tar', tarOf(files)), '--workers', '2'), lines, 'by other threads')
  t.strictSame(await list(folder, '--workers', '1'), lines)
  if (!hasTool('hashdeep')) return t.comment('SKIPPED: no hashdeep here')
  const audit = (): string => spawnSync('hashdeep', ['-lrak', listed, '.'], { cwd: folder, encoding: 'utf8' }).stdout
  t.match(audit(), 'Audit passed')
  appendFileSync(join(folder, [...objects.keys()].at(-1) ?? ''), 'x')
  t.match(audit(), 'Audit failed')
})

t.test('the list of what was read: hostile names, large and broken bodies, what lies elsewhere', async (t) => {
  const bytes = Buffer.from('{}')
  const other = memorySource({ name: 's3://other', bucket: 'other', objects: new Map([['k', bytes]]) })
  const version = { versionId: 'v', lastModified: '', bytes }
  const names = ['b', 'a,b', 'a', '\u{1f600}', '\uffee', '%%%%', '#x', 'line\n1,2,./break', 'back\r']
  const inner = memorySource({
    name: 's3://one',
    bucket: 'one',
    objects: new Map(names.map((name) => [name, bytes])),
    versions: new Map([['k', [version]]]),
    otherBucket: () => other,
  })
  const read = inner.read.bind(inner)
  const chunked = (end: string) =>
    async function* () {
      yield bytes
      if (end === 'breaks') throw new Error('it broke')
      yield bytes
    }
  const list = new ReadList(
    [
      Object.assign(inner, {
        read: async (key: string) => (key.startsWith('large-') ? { kind: 'object', body: chunked(key.slice(6))() } : read(key)),
      }),
      memorySource({ name: 'two', path: ['two'], objects: new Map([['a', bytes]]) }),
    ],
    40,
  )
  const [one, two] = list.sources
  for (const name of [...names, ...names]) await one?.read(name)
  await two?.read('a')
  await one?.otherBucket?.('other')?.read('k')
  await one?.versions?.read('k', 'v')
  one?.readElsewhere?.('large-elsewhere', null)
  for (const key of ['large-whole', 'large-breaks', 'large-left']) {
    const answer = await one?.read(key)
    if (answer?.kind !== 'object') throw new Error('no object')
    try {
      for await (const _ of answer.body as AsyncIterable<Uint8Array>) if (key.endsWith('left')) break
    } catch {
      t.equal(key, 'large-breaks')
    }
  }
  let text = ''
  for await (const chunk of list.chunks(['a remark'])) text += chunk
  list.discard()
  const hash = '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a'
  const sorted = ['one/#x', 'one/%%%%', 'one/a', 'one/a,b', 'one/b']
  t.strictSame(
    text.split('\n').filter((line) => /^\d/.test(line)),
    [
      ...sorted.map((name) => `2,${hash},./${name}`),
      `4,${HASH_OF_TWO},./one/large-whole`,
      ...['one/\uffee', 'one/\u{1f600}', 'two/a'].map((name) => `2,${hash},./${name}`),
    ],
  )
  for (const comment of [
    'a remark',
    'Not listed, because of the line break in its name: 2,HASH,"./one/line\\n1,2,./break"',
    'Not listed, because of the line break in its name: 2,HASH,"./one/back\\r"',
    'Not read to its end, and so not listed: "./one/large-elsewhere"',
    'Not read to its end, and so not listed: "./one/large-left"',
    'Read from elsewhere: 2,HASH,"s3://one/k?versionId=v"',
    'Read from elsewhere: 2,HASH,"s3://other/k"',
  ])
    t.ok(text.includes(`\n## ${comment.replace('HASH', hash)}\n`), comment)
  t.notMatch(text, /breaks/, 'a body that broke off was not read')
})

/** Of `{}{}`. */
const HASH_OF_TWO = 'b51f08b698d88d8027a935d9db649774949f5fb41a0c559bfee6a9a13225c72d'
