/** `verify-trail export`: what it writes gives the same report as what it was read from. */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { S3Client } from '@aws-sdk/client-s3'
import t from 'tap'
import { writeTrail } from '../bench/written-trail.js'
import { copyRest } from '../src/evidence/copy-rest.js'
import { CopyingSource } from '../src/evidence/copying-source.js'
import { DirectoryTarget } from '../src/evidence/directory-target.js'
import type { EvidenceTarget } from '../src/evidence/evidence-target.js'
import { rootsOf } from '../src/evidence/export-format.js'
import { MOST_HANDED } from '../src/evidence/handing-source.js'
import { hashdeepLine } from '../src/evidence/hashdeep.js'
import { HashdeepList } from '../src/evidence/hashdeep-list.js'
import { storedBytes } from '../src/evidence/hashing-source.js'
import { TarTarget } from '../src/evidence/tar-target.js'
import { archiveSource, memorySource, type Result, type Source, type VerifyTrailOptions } from '../src/index.js'
import { bucketObjects, type Case, type CaseRun, caseMetadata, casePath, noBucket, readCases, runCase } from './support/cases.js'
import { verifyTrailCommand } from './support/command.js'
import { emptyBucket, putObjects } from './support/put-objects.js'
import { startRadosgw } from './support/radosgw.js'
import { hasTool } from './support/tools.js'

const scratch = mkdtempSync(join(tmpdir(), 'verify-trail-export-'))
t.teardown(() => rmSync(scratch, { recursive: true, force: true }))

/** What must be the same: all but `run`, and how a digest came by its metadata. */
function comparable({ results }: CaseRun): unknown[] {
  return results.map((result: Result) => {
    if (result.kind === 'summary') return { ...result, run: null }
    if (result.kind !== 'digest') return result
    const { metadataFrom: _, ...digest } = result
    return digest
  })
}

/** Exports a case's buckets, with the list of its files beside it; the run while copying. */
async function exported(one: Case, target: EvidenceTarget, at: string): Promise<CaseRun> {
  const sources = stores(one)
  const roots = rootsOf(sources)
  const copying = sources.map((source, index) => new CopyingSource(source, roots[index]?.folder ?? '', target))
  const run = await runCase(one, copying)
  await copyRest({ sources: copying, ...caseRange(one) }, new AbortController().signal)
  writeFileSync(join(scratch, 'report.json'), '{}')
  const list = new HashdeepList()
  await target.finish(join(scratch, 'report.json'), ({ name, stored }) => list.add(`./${name}`, stored))
  await writeFile(`${at}.hashdeep`, list.chunks([]))
  target.close()
  return run
}

/** What hashdeep says of a folder. */
function audit(list: string, folder: string): string {
  if (!hasTool('hashdeep')) return 'Audit passed (SKIPPED: no hashdeep here)'
  return spawnSync('hashdeep', ['-lrak', list, '.'], { cwd: folder, encoding: 'utf8' }).stdout
}

const cases = readCases()

function caseOf(name: string): Case {
  const one = cases.find((each) => each.name === name)
  if (one === undefined) throw new Error(`no case ${name}`)
  return one
}

function caseRange({ options }: Case): Omit<VerifyTrailOptions, 'sources'> {
  const { startTime, endTime, accountIds = [], regions = [], now = '2026-11-01T00:00:00Z' } = options
  return { accountIds, regions, now: new Date(now), ...(startTime && { startTime }), ...(endTime && { endTime }) }
}

function stores(one: Case): Source[] {
  const metadata = caseMetadata(one)
  const all = new Map<string, Source>()
  const otherBucket = (bucket: string): Source => all.get(bucket) ?? noBucket(bucket)
  for (const bucket of one.sources) {
    const objects = new Map(
      [...bucketObjects(one.name, bucket)].map(([key, bytes]) => {
        const found = metadata?.lookup(bucket, key)
        return [key, { bytes, metadata: found?.kind === 'found' ? found.metadata : {} }] as const
      }),
    )
    all.set(bucket, memorySource({ name: `s3://${bucket}`, bucket, kind: 'store', otherBucket, objects, versions: new Map() }))
  }
  return [...all.values()]
}

t.test('every other case: the tar gives the same results as the store', async (t) => {
  const chosen = cases.filter(({ only, expected }) => only !== 'export' && expected.exit !== 2)
  for (const one of chosen.filter((_, i) => i % 2 === 0)) {
    // An open end is the clock's on a store, and the newest digest's in an export.
    const { endTime } = one.options
    if (endTime === undefined) continue
    const path = join(scratch, `${one.name}.tar`)
    const run = await exported(one, TarTarget.open(path, rootsOf(stores(one))), path)
    const tar = await archiveSource(path)
    const again = await runCase(one, [tar])
    t.strictSame(comparable(again), comparable(run), one.name)
    await tar.close?.()
    rmSync(path)
  }
})

t.test('hostile keys: safe names in a tar, and no files outside of a directory', async (t) => {
  for (const name of [
    'log-folder-hostile-names',
    'digest-folder-hostile-names',
    'log-folder-long-name',
    'log-folder-odd-names',
  ]) {
    const one = caseOf(name)
    const tarPath = join(scratch, `${name}.tar`)
    await exported(one, TarTarget.open(tarPath, rootsOf(stores(one))), tarPath)
    const names = execFileSync('tar', ['-tf', tarPath], { encoding: 'utf8' }).trim().split('\n')
    t.notOk(
      names.some((member) => /(?:^|\/)\.\.?(?:\/|$)|^\/|\/\//.test(member)),
      `${name}: no member leads elsewhere`,
    )
    const inside = join(scratch, name, 'inside')
    const target = await DirectoryTarget.open(inside)
    await exported(one, target, inside)
    t.same(readdirSync(join(scratch, name)), ['inside', 'inside.hashdeep'], `${name}: nothing beside the directory`)
    t.equal(target.refused.size > 0, name.includes('hostile'), `${name}: what cannot be a file is named`)
    const extracted = mkdtempSync(join(scratch, 'extracted-'))
    execFileSync('tar', ['-xf', tarPath, '-C', extracted])
    for (const [list, folder] of [
      [tarPath, extracted],
      [inside, inside],
    ] as const)
      t.match(audit(`${list}.hashdeep`, folder), 'Audit passed', `${name}: ${folder}`)
    const sums = spawnSync('sha256sum', ['-c', '--quiet', '_verify-trail/SHA256SUMS'], { cwd: inside, encoding: 'utf8' })
    t.equal(sums.stdout + sums.stderr, '', `${name}: the hashes are those of the files`)
  }
})

t.test('into a tar and into a directory: the report says where metadata came from', async (t) => {
  const folder = casePath('plain')
  const evidence = ['--public-keys', join(folder, 'public-keys.json'), '--metadata', join(folder, 'metadata.json')]
  const words = ['export', join(folder, caseOf('plain').sources[0] ?? ''), ...evidence, '-q', '-o']
  const dir = t.testdir()
  t.equal((await verifyTrailCommand([...words, join(dir, 'evidence.tar')])).code, 0)
  t.equal((await verifyTrailCommand([...words, `${join(dir, 'evidence')}/`])).code, 0)
  execFileSync('tar', ['-xf', join(dir, 'evidence.tar'), '-C', dir, '_verify-trail/report.json'])
  const metadataFrom = (path: string) => JSON.parse(readFileSync(join(dir, path, 'report.json'), 'utf8')).run.metadataFrom
  t.match(metadataFrom('_verify-trail'), { file: Number })
  t.strictSame(metadataFrom('evidence/_verify-trail'), metadataFrom('_verify-trail'))
})

t.test('an export that broke off is gone on with', async (t) => {
  const folder = join(casePath('two-regions'), caseOf('two-regions').sources[0] ?? '')
  const keys = join(casePath('two-regions'), 'public-keys.json')
  const at = (name: string): string => join(scratch, name)
  const command = (to: string): string[] => ['export', folder, '-o', to, '--public-keys', keys, '--json']
  const whole = await verifyTrailCommand(command(at('whole.tar')))
  t.match(whole.stderr, /exported \d+ objects to .*whole\.tar; public keys in .*whole\.public-keys\.json/)
  t.equal(readFileSync(at('whole.public-keys.json'), 'utf8'), readFileSync(keys, 'utf8'))
  mkdirSync(at('extracted'))
  execFileSync('tar', ['-xf', at('whole.tar'), '-C', at('extracted')])
  t.match(audit(at('whole.hashdeep'), at('extracted')), 'Audit passed')
  const { size } = statSync(at('whole.tar'))
  for (const part of [0.9, 0.5, 0.1]) {
    const path = at(`part-${part}.tar`)
    writeFileSync(`${path}.partial`, readFileSync(at('whole.tar')).subarray(0, Math.floor(size * part)))
    const { code, stdout, stderr } = await verifyTrailCommand([...command(path), '--workers', part === 0.5 ? '2' : '0'])
    t.equal(code, whole.code)
    t.strictSame(sameReport(stdout), sameReport(whole.stdout), `cut at ${part}`)
    if (part > 0.1) t.match(stderr, /going on: \d+ objects were copied before/)
    t.same(await listedIn(path), await listedIn(at('whole.tar')), 'each object once')
  }
  t.match((await verifyTrailCommand(command(at('whole.tar')))).stderr, /is there already/)
  writeFileSync(at('other.tar.partial'), 'something else')
  t.match((await verifyTrailCommand(command(at('other.tar')))).stderr, /is no export of these sources/)

  const first = await verifyTrailCommand([...command(`${at('files')}/`), '--workers', '2'])
  t.strictSame(sameReport(first.stdout), sameReport(whole.stdout), 'a directory')
  const sums = at('files/_verify-trail/SHA256SUMS')
  const lines = readFileSync(sums, 'utf8')
    .trim()
    .split('\n')
    .filter((line) => !line.includes('_verify-trail'))
  writeFileSync(
    `${sums}.partial`,
    lines
      .slice(1)
      .map((line) => `${line}\n`)
      .join(''),
  )
  rmSync(sums)
  const damaged = at(`files/${lines[2]?.slice(66)}`)
  writeFileSync(damaged, 'half')
  const again = await verifyTrailCommand(command(`${at('files')}/`))
  t.match(again.stderr, new RegExp(`going on: ${lines.length - 2} objects`))
  t.strictSame(sameReport(again.stdout), sameReport(whole.stdout))
  t.equal(readFileSync(sums, 'utf8').split('\n').length, lines.length + 2)
  t.match(audit(at('files.hashdeep'), at('files')), 'Audit passed')
  appendFileSync(damaged, 'x')
  t.match(audit(at('files.hashdeep'), at('files')), 'Audit failed')
})

t.test('where there is no room, it says so, leaves nothing, and goes on later', async (t) => {
  const source = join(casePath('plain'), 'example-trail-logs')
  const keys = join(casePath('plain'), 'public-keys.json')
  const temporary = join(scratch, 'temporary')
  mkdirSync(temporary)
  const env = { TMPDIR: temporary }
  const words = ['export', source, '--public-keys', keys, '-q', '-o', join(scratch, 'no-room.tar')]
  const by = ['sh', '-c', 'ulimit -f 8; exec "$@"', 'sh']
  const { code, stderr } = await verifyTrailCommand(words, { env, by })
  t.equal(code, 2)
  t.match(stderr, /cannot write '.*no-room\.tar': .*the same command goes on/)
  t.same(readdirSync(temporary), [])
  t.not((await verifyTrailCommand(words, { env })).code, 2)
  t.ok(existsSync(join(scratch, 'no-room.tar')))
})

t.test('log files that are too large to be handed from thread to thread', async (t) => {
  const trail = await writeTrail(join(scratch, 'large'), {
    accounts: 1,
    regions: 1,
    hours: 2,
    logFilesPerHour: 2,
    logFileBytes: 6_000_000,
  })
  t.ok(trail.logFilePaths.some((path) => statSync(path).size > MOST_HANDED.store))
  const { directory, publicKeyFile, metadataFile, startTime, endTime } = trail
  const checked = ['--public-keys', publicKeyFile, '--start-time', startTime, '--end-time', endTime, '--json']
  const path = join(scratch, 'large.tar')
  const copied = await verifyTrailCommand([
    'export',
    directory,
    ...checked,
    '--metadata',
    metadataFile,
    '-o',
    path,
    '--workers',
    '2',
  ])
  const offline = await verifyTrailCommand([path, ...checked])
  t.same([copied.code, offline.code], [0, 0], copied.stderr + offline.stderr)
  t.strictSame(sameReport(offline.stdout), sameReport(copied.stdout))
})

t.test('out of S3: the tar gives the report of the bucket, byte for byte outside of run and the origin of keys', async (t) => {
  const server = await startRadosgw()
  if (typeof server === 'string') {
    t.plan(0, server)
    return
  }
  t.teardown(() => server.stop())
  const { endpointUrl, accessKeyId, secretAccessKey } = server
  const env = { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_REGION: 'us-east-1' }
  const credentials = { accessKeyId, secretAccessKey }
  const client = new S3Client({ endpoint: endpointUrl, region: 'us-east-1', forcePathStyle: true, credentials })
  t.teardown(() => client.destroy())
  for (const [index, name] of ON_S3.entries()) {
    const one = caseOf(name)
    const metadata = caseMetadata(one)
    const stored = new Set<string>()
    for (const bucket of one.sources) {
      for (const [key, bytes] of bucketObjects(name, bucket))
        stored.add(hashdeepLine(storedBytes(bytes), `./${one.sources.length === 1 ? '' : `${bucket}/`}${key}`).trimEnd())
      const objects = [...bucketObjects(name, bucket)].map(([key, bytes]) => {
        const found = metadata?.lookup(bucket, key)
        return [key, { bytes, metadata: found?.kind === 'found' ? found.metadata : {} }] as const
      })
      await emptyBucket(client, bucket)
      await putObjects(client, bucket, new Map(objects))
    }
    const { startTime = '', endTime = '' } = one.options
    const range = ['--start-time', startTime, '--end-time', endTime, '--json']
    const keys = ['--public-keys', join(casePath(name), 'public-keys.json')]
    const sources = one.sources.map((bucket) => `s3://${bucket}`)
    const path = join(scratch, `s3-${name}.tar`)
    const listed = join(scratch, `s3-${name}.read.hashdeep`)
    const store = await verifyTrailCommand(
      [...sources, '--endpoint-url', endpointUrl, ...keys, ...range, '-o', listed, '--workers', '1'],
      { env },
    )
    const list = readFileSync(listed, 'utf8')
    const { digests, logFiles } = JSON.parse(store.stdout).summary
    const lines = list.match(/^(?:## Read from elsewhere: )?\d+,[0-9a-f]{64},.*/gm) ?? []
    t.ok(lines.length >= digests.valid + logFiles.valid, `${name}: all that was read is listed`)
    t.strictSame(
      lines.filter((line) => !line.startsWith('#') && !stored.has(line)),
      [],
      `${name}: as it is stored`,
    )
    const copied = await verifyTrailCommand(
      ['export', ...sources, '-o', path, '--endpoint-url', endpointUrl, ...keys, ...range, '--workers', String((index % 2) * 2)],
      { env },
    )
    const offline = await verifyTrailCommand([path, '--public-keys', join(scratch, `s3-${name}.public-keys.json`), ...range])
    t.equal(store.code, one.expected.exit, `${name}: ${store.stderr}`)
    t.same([copied.code, offline.code], [store.code, store.code], `${name}: ${copied.stderr} ${offline.stderr}`)
    t.strictSame(sameReport(copied.stdout), sameReport(store.stdout), `${name}: while copying`)
    t.strictSame(sameReport(offline.stdout), sameReport(store.stdout), `${name}: offline`)
  }
})

/** Whole, tampered with, out of two buckets, with names that directories ignore. */
const ON_S3 = [
  'plain',
  'prefixed',
  'backfill',
  'bucket-changed',
  'log-edited',
  'log-deleted',
  'digest-missing',
  'log-folder-ds-store',
  'log-folder-store-names',
]

function sameReport(json: string): unknown {
  const { run: _, publicKeys, ...report } = JSON.parse(json)
  return { ...report, publicKeys: publicKeys.map((key: object) => ({ ...key, origin: '' })) }
}

async function listedIn(path: string): Promise<string[]> {
  const source = await archiveSource(path)
  const keys: string[] = []
  for await (const { key, kind } of source.list('')) keys.push(`${kind} ${key}`)
  await source.close?.()
  return keys
}
