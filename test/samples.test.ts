/** Trails from elsewhere, where the checkout has them beside it: their expected codes, from disk and from a real S3 server. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { S3Client } from '@aws-sdk/client-s3'
import t, { type Test } from 'tap'
import { directorySource, parseMetadata, readPublicKeyFile, type Source, verifyTrail } from '../src/index.js'
import { s3Source } from '../src/s3.js'
import { caseObjects } from './support/cases.js'
import { emptyBucket, putObjects } from './support/put-objects.js'
import { startRadosgw } from './support/radosgw.js'

const SAMPLES = fileURLToPath(new URL('../../shared/samples/', import.meta.url))
const BUCKET = 'example-trail-logs'
const samples = existsSync(SAMPLES) ? readdirSync(SAMPLES) : []

interface Expected {
  readonly startTime: string
  readonly endTime: string
  readonly exit: readonly number[]
  readonly codes: readonly string[]
}

async function check(t: Test, name: string, source: Source, withFile: boolean): Promise<void> {
  const folder = join(SAMPLES, name)
  const expected: Expected = JSON.parse(readFileSync(join(folder, 'expected.json'), 'utf8'))
  const parsed = parseMetadata(readFileSync(join(folder, 'metadata.json')))
  if (!parsed.ok) throw new Error(parsed.reason)
  const { startTime, endTime } = expected
  const publicKeys = await readPublicKeyFile(join(folder, 'public-keys.json'))
  const codes = new Set<string>()
  let exit: number | undefined
  for await (const result of verifyTrail({
    sources: [source],
    publicKeys,
    startTime,
    endTime,
    ...(withFile ? { metadata: parsed.metadata } : {}),
  })) {
    if (result.kind === 'finding' || result.kind === 'gap') codes.add(result.code)
    if (result.kind === 'summary') exit = { valid: 0, invalid: 1, unverified: 3 }[result.verdict]
  }
  t.ok(expected.exit.includes(exit ?? -1), `${name}: exit code ${exit}`)
  t.strictSame(
    expected.codes.filter((code) => !codes.has(code)),
    [],
    `${name}: its codes`,
  )
  if (expected.exit.includes(0)) t.equal(codes.size, 0, `${name}: nothing else`)
}

t.test('every sample from disk', { skip: samples.length === 0 && 'there are no samples beside this checkout' }, async (t) => {
  for (const name of samples) await check(t, name, await directorySource(join(SAMPLES, name)), true)
})

t.test('every sample from S3', { skip: samples.length === 0 && 'there are no samples beside this checkout' }, async (t) => {
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
  for (const name of samples) {
    const parsed = parseMetadata(readFileSync(join(SAMPLES, name, 'metadata.json')))
    if (!parsed.ok) throw new Error(parsed.reason)
    const objects = new Map(
      [...caseObjects(join(SAMPLES, name, BUCKET))].map(([key, bytes]) => {
        const found = parsed.metadata.lookup(BUCKET, key)
        return [key, { bytes, metadata: found.kind === 'found' ? found.metadata : {} }] as const
      }),
    )
    await emptyBucket(client, BUCKET)
    await putObjects(client, BUCKET, objects)
    const source = await s3Source(`s3://${BUCKET}`, { endpointUrl })
    await check(t, name, source, false)
    await source.close?.()
  }
})
