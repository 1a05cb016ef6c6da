/**
 * The law: change one byte anywhere, and unless the inflated content is the same, the run is never valid. Exempt is what
 * carries no meaning: gzip header fields, another deflate encoding, hex case, metadata that nobody reads.
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { memorySource, parseMetadata, parseObjectKey } from '../src/index.js'
import { type Case, caseObjects, casePath, readCases, runCase } from './support/cases.js'

const NAMES = [
  'plain',
  'prefixed',
  'organization',
  'two-regions',
  'two-trails',
  'backfill-left-out',
  'key-rotation',
  'escaped-slashes',
  'families-listed',
]
const cases = readCases().filter(({ name, sources }) => NAMES.includes(name) && sources.length === 1)

interface Evidence {
  readonly one: Case
  readonly bucket: string
  readonly objects: ReadonlyMap<string, Uint8Array>
  readonly metadata: Readonly<Record<string, Readonly<Record<string, string>>>>
  /** Objects that the range touches: what lies outside it is not judged. */
  readonly judged: readonly string[]
}

function evidence(one: Case): Evidence {
  const bucket = one.sources[0] ?? ''
  const objects = caseObjects(join(casePath(one.name), bucket))
  const metadata: Evidence['metadata'] = JSON.parse(readFileSync(join(casePath(one.name), 'metadata.json'), 'utf8'))
  const start = Date.parse(one.options.startTime ?? '')
  const end = Date.parse(one.options.endTime ?? '')
  const judged = [...objects.keys()].filter((key) => {
    const name = parseObjectKey(key)
    const time = name.kind === 'digest' ? name.endTime - 1 : name.kind === 'log-file' ? (name.time ?? start) : end
    return time >= start && time < end
  })
  return { one, bucket, objects, metadata, judged }
}

async function verdict({ one, bucket }: Evidence, objects: Evidence['objects'], metadata: Evidence['metadata']): Promise<string> {
  const parsed = parseMetadata(Buffer.from(JSON.stringify(metadata)))
  if (!parsed.ok) return 'refused'
  const run = await runCase(one, [memorySource({ name: bucket, path: [bucket], objects })], { metadata: parsed.metadata })
  return run.summary.verdict
}

function sameContent(a: Uint8Array, b: Uint8Array): boolean {
  try {
    return gunzipSync(a).equals(gunzipSync(b))
  } catch {
    return false
  }
}

const trails = cases.map(evidence)
/** By number, so that a counterexample can be read. */
const anyTrail = fc.nat({ max: trails.length - 1 })
const trailOf = (index: number): Evidence => trails[index] ?? (trails[0] as Evidence)

t.test('an untouched trail is valid', async (t) => {
  t.ok(cases.length >= 6, 'there are trails to try')
  for (const trail of trails) {
    t.equal(await verdict(trail, trail.objects, trail.metadata), 'valid', trail.one.name)
  }
})

t.test('one changed byte in any object never leaves the run valid', async (t) => {
  const change = fc.record({ trail: anyTrail, object: fc.nat(), at: fc.nat(), xor: fc.integer({ min: 1, max: 255 }) })
  await fc.assert(
    fc.asyncProperty(change, async ({ trail: index, object, at, xor }) => {
      const trail = trailOf(index)
      const key = trail.judged[object % trail.judged.length] ?? ''
      const original = trail.objects.get(key) ?? new Uint8Array()
      const changed = Uint8Array.from(original)
      const position = at % changed.length
      changed[position] = (changed[position] ?? 0) ^ xor
      const after = await verdict(trail, new Map(trail.objects).set(key, changed), trail.metadata)
      return after !== 'valid' || sameContent(changed, original)
    }),
    { numRuns: 600 },
  )
  t.pass('600 changes')
})

t.test('one byte more or less in any object never leaves the run valid', async (t) => {
  const change = fc.record({ trail: anyTrail, object: fc.nat(), at: fc.nat(), byte: fc.option(fc.integer({ min: 0, max: 255 })) })
  await fc.assert(
    fc.asyncProperty(change, async ({ trail: index, object, at, byte }) => {
      const trail = trailOf(index)
      const key = trail.judged[object % trail.judged.length] ?? ''
      const original = trail.objects.get(key) ?? new Uint8Array()
      const position = at % (original.length + 1)
      const rest = original.subarray(byte === null ? position + 1 : position)
      const changed = Buffer.concat([original.subarray(0, position), ...(byte === null ? [] : [Uint8Array.of(byte)]), rest])
      if (changed.length === original.length) return true
      const after = await verdict(trail, new Map(trail.objects).set(key, changed), trail.metadata)
      // A longer header field is still the same content: one member, nothing after it.
      return after !== 'valid' || sameContent(changed, original)
    }),
    { numRuns: 300 },
  )
  t.pass('300 changes')
})

t.test('one changed character in the metadata of any digest never leaves the run valid', async (t) => {
  const change = fc.record({
    trail: anyTrail,
    object: fc.nat(),
    field: fc.nat(),
    at: fc.nat(),
    to: fc.constantFrom(...'0123456789abcdefgGxZ -'),
  })
  await fc.assert(
    fc.asyncProperty(change, async ({ trail: index, object, field, at, to }) => {
      const trail = trailOf(index)
      const keys = trail.judged.filter((key) => parseObjectKey(key).kind === 'digest')
      const name = `${trail.bucket}/${keys[object % keys.length] ?? ''}`
      const fields = trail.metadata[name] ?? {}
      const names = Object.keys(fields).filter((one) => one !== 'backfill-generation-timestamp')
      const which = names[field % names.length] ?? ''
      const value = fields[which] ?? ''
      const position = at % value.length
      const changed = value.slice(0, position) + to + value.slice(position + 1)
      const after = await verdict(trail, trail.objects, { ...trail.metadata, [name]: { ...fields, [which]: changed } })
      return after !== 'valid' || changed.toLowerCase() === value.toLowerCase()
    }),
    { numRuns: 300 },
  )
  t.pass('300 changes')
})
