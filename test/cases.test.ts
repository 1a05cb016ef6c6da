/** Every fixture case, through every kind of source, with equal reports. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { S3Client } from '@aws-sdk/client-s3'
import t, { type Test } from 'tap'
import { archiveSource, directorySource, memorySource, type Result, type Source } from '../src/index.js'
import { s3Source } from '../src/s3.js'
import { tar, zip } from './support/archives.js'
import {
  type Case,
  type CaseRun,
  caseMetadata,
  caseObjects,
  casePath,
  differences,
  exitCode,
  noBucket,
  readCases,
  runCase,
  storedObjects,
} from './support/cases.js'
import { BARE_ENVIRONMENT, BARE_NODE } from './support/command.js'
import { emptyBucket, putObjects } from './support/put-objects.js'
import { startRadosgw } from './support/radosgw.js'

const cases = readCases()

/** A run's results without what may differ between two runs over equal input. */
function comparable({ results }: CaseRun): Result[] {
  return results.map((result) => {
    if (result.kind !== 'summary') return result
    const { archives: _, ...run } = result.run
    return { ...result, run: { ...run, startedAt: '', finishedAt: '', sources: [] } }
  })
}

async function inMemory(one: Case): Promise<Source[]> {
  const onDisk = await Promise.all(one.sources.map((folder) => directorySource(join(casePath(one.name), folder))))
  return onDisk.map((source, index) =>
    memorySource({
      name: source.name,
      path: source.path ?? [],
      objects: caseObjects(join(casePath(one.name), one.sources[index] ?? '')),
    }),
  )
}

const ARCHIVES: readonly [string, (objects: ReadonlyMap<string, Uint8Array>) => Buffer][] = [
  ['tar', (objects) => tar([...objects].map(([name, bytes]) => ({ name, bytes })))],
  [
    'tar.gz',
    (objects) => gzipSync(tar([...objects].reverse().map(([key, bytes]) => ({ name: `./${key}`, bytes }))), { level: 1 }),
  ],
  ['zip', (objects) => zip([...objects].map(([name, bytes], index) => ({ name, bytes, deflate: index % 2 === 0 })))],
]

const scratch = mkdtempSync(join(tmpdir(), 'verify-trail-archives-'))
t.teardown(() => rmSync(scratch, { recursive: true, force: true }))

/** Each case in one form of archive, so that each form has its hundred. */
async function sameFromArchive(t: Test, one: Case, turn: number, expected: CaseRun): Promise<void> {
  const folders = one.sources.map((folder) => join(casePath(one.name), folder))
  const [form, write] = ARCHIVES[turn % ARCHIVES.length] as (typeof ARCHIVES)[number]
  const paths = one.sources.map((folder) => join(scratch, one.name, `${folder}.${form}`))
  for (const [index, path] of paths.entries()) {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, write(caseObjects(folders[index] ?? '')))
  }
  const sources = await Promise.all(paths.map((path) => archiveSource(path)))
  const run = await runCase(one, sources, { metadata: caseMetadata(one) })
  await Promise.all(sources.map((source) => source.close?.()))
  const renamed = paths.reduce(
    (text, path, index) => text.replaceAll(path, folders[index] ?? ''),
    JSON.stringify(comparable(run)),
  )
  t.equal(renamed, JSON.stringify(comparable(expected)), `${one.name}: the same from ${form}`)
}

const directories = (one: Case): Promise<Source[]> =>
  Promise.all(one.sources.map((folder) => directorySource(join(casePath(one.name), folder))))

t.test('every case from a directory, and from an archive of it', async (t) => {
  for (const [turn, one] of cases.filter(({ only }) => only !== 's3').entries()) {
    const sources = await directories(one)
    const run = await runCase(one, sources, { metadata: caseMetadata(one), workers: 0 })
    t.strictSame(differences(one, run), [], `${one.name}: ${one.about}`)
    t.equal(exitCode(run), one.expected.exit, `${one.name}: exit code`)
    await sameFromArchive(t, one, turn, run)
    const ignored = sources.some((source) => (source.ignored ?? 0) > 0)
    // Signatures by node-forge take their time: every fourth case.
    if (ignored || turn % 4 !== 0) continue
    const other = await runCase(one, await inMemory(one), {
      metadata: caseMetadata(one),
      concurrency: 3,
      doubleCheck: true,
    })
    t.strictSame(
      comparable(other),
      comparable(run),
      `${one.name}: the same from memory, at another concurrency, with signatures checked twice`,
    )
  }
})

t.test('any number of workers gives equal bytes', (t) => {
  const script = fileURLToPath(new URL('support/equal-reports.js', import.meta.url))
  const [program, ...first] = BARE_NODE
  const { stdout, stderr } = spawnSync(program, [...first, script, '24'], { encoding: 'utf8', env: BARE_ENVIRONMENT })
  t.match(stdout, /^\{/, stderr)
  const { compared, different } = JSON.parse(stdout)
  t.ok(compared > 10, `${compared} cases`)
  t.strictSame(different, [])
  t.end()
})

t.test('every case from a store in memory and from a real S3 server', async (t) => {
  const server = await startRadosgw()
  if (typeof server === 'string') {
    t.plan(0, server)
    return
  }
  t.teardown(() => server.stop())
  const { endpointUrl, accessKeyId, secretAccessKey } = server
  process.env['AWS_ACCESS_KEY_ID'] = accessKeyId
  process.env['AWS_SECRET_ACCESS_KEY'] = secretAccessKey
  const credentials = { accessKeyId, secretAccessKey }
  const client = new S3Client({ endpoint: endpointUrl, region: 'us-east-1', forcePathStyle: true, credentials })
  t.teardown(() => client.destroy())
  for (const [turn, one] of cases.filter(({ only }) => only !== 'export').entries()) {
    // To a server each object goes by a request: every other case.
    const isServed = turn % 2 === 0
    const stores = new Map<string, Source>()
    const otherBucket = (bucket: string): Source => stores.get(bucket) ?? noBucket(bucket)
    for (const bucket of one.sources) {
      const objects = storedObjects(one, bucket)
      stores.set(
        bucket,
        memorySource({ name: `s3://${bucket}`, bucket, kind: 'store', otherBucket, objects, versions: new Map() }),
      )
      if (isServed) await emptyBucket(client, bucket)
      if (isServed) await putObjects(client, bucket, objects)
    }
    if (one.expected.exit === 2) {
      await t.rejects(runCase(one, [...stores.values()]), { code: 'ERR_REPLICA' }, `${one.name}: ${one.about}`)
      continue
    }
    const inMemory = await runCase(one, [...stores.values()])
    t.strictSame(differences(one, inMemory), [], `${one.name}: ${one.about}`)
    if (!isServed) continue
    const sources = await Promise.all(one.sources.map((bucket) => s3Source(`s3://${bucket}`, { endpointUrl })))
    const onS3 = await runCase(one, sources)
    await Promise.all(sources.map((source) => source.close?.()))
    t.strictSame(comparable(onS3), comparable(inMemory), `${one.name}: the same from S3`)
  }
})
