/**
 * Fixture cases with 0, 1 and 2 workers, by the built package: `node equal-reports.js STEP`, every STEP-th case. Prints the names of the
 * cases of which reports differ, and how many there were. In a process of its own, whose threads start without a test runner's loaders.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { directorySource, parseExpectations, parseMetadata, readPublicKeyFile, verifyTrail } from '../../dist/index.js'

const CASES = fileURLToPath(new URL('../../fixtures/cases/', import.meta.url))
const step = Number(process.argv[2] ?? 1)

const names = readdirSync(CASES).filter((name) => statSync(join(CASES, name)).isDirectory())
const different = []
let compared = 0
for (const name of names.filter((_, i) => i % step === 0)) {
  const one = JSON.parse(readFileSync(join(CASES, name, 'case.json'), 'utf8'))
  if (one.only === 's3' || one.expected.exit === 2) continue
  const reports = []
  for (const [workers, concurrency] of [
    [0, 128],
    [1, 1],
    [2, 7],
  ])
    reports.push(await report(name, one, { workers, concurrency }))
  compared++
  if (new Set(reports).size > 1) different.push(name)
}
console.log(JSON.stringify({ compared, different }))

async function report(name, { sources, options }, more) {
  const folder = join(CASES, name)
  const folders = sources ?? readdirSync(folder).filter((entry) => statSync(join(folder, entry)).isDirectory())
  const { bucket, expect, now, logFileLimit, publicKeys, metadata, ...asked } = options
  const [place, ...prefix] = bucket?.split('/') ?? []
  const read = (file, parse) => parse(readFileSync(join(folder, file)))
  const results = verifyTrail({
    sources: await Promise.all(folders.map((each) => directorySource(join(folder, each)))),
    ...asked,
    ...(publicKeys && { publicKeys: await readPublicKeyFile(join(folder, 'public-keys.json')) }),
    ...(metadata && { metadata: read('metadata.json', parseMetadata).metadata }),
    ...(bucket && { originalPlace: { bucket: place, prefix: prefix.join('/') || undefined } }),
    ...(expect && { expectations: parseExpectations(Buffer.from(JSON.stringify(expect))).expectations }),
    ...(logFileLimit && { maxInflatedBytes: logFileLimit }),
    now: new Date(now ?? '2026-11-01T00:00:00Z'),
    ...more,
  })
  const text = []
  for await (const result of results) text.push(JSON.stringify(result.kind === 'summary' ? { ...result, run: null } : result))
  return text.join('\n')
}
