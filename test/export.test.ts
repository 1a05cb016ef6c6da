/** `verify-trail export`: what it writes gives the same report as what it was read from. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { S3Client } from '@aws-sdk/client-s3'
import t from 'tap'
import { copyRest } from '../src/evidence/copy-rest.js'
import { CopyingSource } from '../src/evidence/copying-source.js'
import { DirectoryTarget } from '../src/evidence/directory-target.js'
import type { EvidenceTarget } from '../src/evidence/evidence-target.js'
import { rootsOf } from '../src/evidence/export-format.js'
import { TarTarget } from '../src/evidence/tar-target.js'
import { archiveSource, memorySource, type Result, type Source, type VerifyTrailOptions } from '../src/index.js'
import { bucketObjects, type Case, type CaseRun, caseMetadata, casePath, noBucket, readCases, runCase } from './support/cases.js'
import { verifyTrailCommand } from './support/command.js'
import { emptyBucket, putObjects } from './support/put-objects.js'
import { startRadosgw } from './support/radosgw.js'

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

/** Exports a case's buckets; the run while copying. */
async function exported(one: Case, target: EvidenceTarget): Promise<CaseRun> {
  const sources = stores(one)
  const roots = rootsOf(sources)
  const copying = sources.map((source, index) => new CopyingSource(source, roots[index]?.folder ?? '', target))
  const run = await runCase(one, copying)
  await copyRest({ sources: copying, ...caseRange(one) }, new AbortController().signal)
  writeFileSync(join(scratch, 'report.json'), '{}')
  await target.finish(join(scratch, 'report.json'))
  target.close()
  return run
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
    const run = await exported(one, TarTarget.open(path, rootsOf(stores(one))))
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
    await exported(one, TarTarget.open(tarPath, rootsOf(stores(one))))
    const names = execFileSync('tar', ['-tf', tarPath], { encoding: 'utf8' }).trim().split('\n')
    t.notOk(
      names.some((member) => /(?:^|\/)\.\.?(?:\/|$)|^\/|\/\//.test(member)),
      `${name}: no member leads elsewhere`,
    )
    const inside = join(scratch, name, 'inside')
    const target = await DirectoryTarget.open(inside)
    await exported(one, target)
    t.same(readdirSync(join(scratch, name)), ['inside'], `${name}: nothing beside the directory`)
    t.equal(target.refused.size > 0, name.includes('hostile'), `${name}: what cannot be a file is named`)
    const sums = spawnSync('sha256sum', ['-c', '--quiet', '_verify-trail/SHA256SUMS'], { cwd: inside, encoding: 'utf8' })
    t.equal(sums.stdout + sums.stderr, '', `${name}: the hashes are those of the files`)
  }
})

t.test('an export that broke off is gone on with', async (t) => {
  const folder = join(casePath('two-regions'), caseOf('two-regions').sources[0] ?? '')
  const keys = join(casePath('two-regions'), 'public-keys.json')
  const at = (name: string): string => join(scratch, name)
  const command = (to: string): string[] => ['export', folder, '-o', to, '--public-keys', keys, '--json']
  const whole = await verifyTrailCommand(command(at('whole.tar')))
  t.match(whole.stderr, /exported \d+ objects to .*whole\.tar; public keys in .*whole\.public-keys\.json/)
  t.equal(readFileSync(at('whole.public-keys.json'), 'utf8'), readFileSync(keys, 'utf8'))
  const { size } = statSync(at('whole.tar'))
  for (const part of [0.9, 0.5, 0.1]) {
    const path = at(`part-${part}.tar`)
    writeFileSync(`${path}.partial`, readFileSync(at('whole.tar')).subarray(0, Math.floor(size * part)))
    const { code, stdout, stderr } = await verifyTrailCommand(command(path))
    t.equal(code, whole.code)
    t.strictSame(sameReport(stdout), sameReport(whole.stdout), `cut at ${part}`)
    if (part > 0.1) t.match(stderr, /going on: \d+ objects were copied before/)
    t.same(await listedIn(path), await listedIn(at('whole.tar')), 'each object once')
  }
  t.match((await verifyTrailCommand(command(at('whole.tar')))).stderr, /is there already/)
  writeFileSync(at('other.tar.partial'), 'something else')
  t.match((await verifyTrailCommand(command(at('other.tar')))).stderr, /is no export of these sources/)

  const first = await verifyTrailCommand(command(`${at('files')}/`))
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
  for (const name of ON_S3) {
    const one = caseOf(name)
    const metadata = caseMetadata(one)
    for (const bucket of one.sources) {
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
    const store = await verifyTrailCommand([...sources, '--endpoint-url', endpointUrl, ...keys, ...range], { env })
    const copied = await verifyTrailCommand(
      ['export', ...sources, '-o', path, '--endpoint-url', endpointUrl, ...keys, ...range],
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
