/**
 * Trails that somebody tampered with, or that cannot be read in part, put together at random, and what must be true of them
 * whatever the verifier thinks: a changed, removed or planted object in the range is never valid; what is only not there to be
 * looked at is never invalid.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { memorySource, parseMetadata, parseObjectKey, type Source } from '../../src/index.js'
import { type Case, type CaseRun, caseObjects, casePath, readCases, runCase } from '../support/cases.js'

const NAMES = [
  ...['plain', 'prefixed', 'organization', 'two-regions', 'two-trails', 'backfill-left-out', 'key-rotation'],
  ...['escaped-slashes', 'families-listed'],
]

type Metadata = Readonly<Record<string, Readonly<Record<string, string>>>>

interface Trail {
  readonly one: Case
  readonly bucket: string
  readonly objects: ReadonlyMap<string, Uint8Array>
  readonly metadata: Metadata
  /** Objects that the range touches, in order. */
  readonly judged: readonly string[]
}

function readTrail(one: Case): Trail {
  const bucket = one.sources[0] ?? ''
  const objects = caseObjects(join(casePath(one.name), bucket))
  const metadata: Metadata = JSON.parse(readFileSync(join(casePath(one.name), 'metadata.json'), 'utf8'))
  const [start, end] = [Date.parse(one.options.startTime ?? ''), Date.parse(one.options.endTime ?? '')]
  const judged = [...objects.keys()].filter((key) => {
    const name = parseObjectKey(key)
    const time = name.kind === 'digest' ? name.endTime - 1 : name.kind === 'log-file' ? (name.time ?? start) : end
    return time >= start && time < end
  })
  return { one, bucket, objects, metadata, judged }
}

export const trails: readonly Trail[] = readCases()
  .filter(({ name, sources }) => NAMES.includes(name) && sources.length === 1)
  .map(readTrail)

/** `which` counts the judged objects; beyond the last from the first again. */
export type Tampering =
  | { readonly how: 'remove'; readonly which: number; readonly count: number }
  | { readonly how: 'swap'; readonly which: number; readonly with: number }
  | { readonly how: 'copy over'; readonly which: number; readonly from: number }
  | { readonly how: 'change'; readonly which: number; readonly at: number; readonly xor: number }
  | { readonly how: 'change content'; readonly which: number; readonly at: number; readonly xor: number }
  | { readonly how: 'append'; readonly which: number; readonly bytes: number }
  | { readonly how: 'plant'; readonly beside: number; readonly name: number }
  | { readonly how: 'swap metadata'; readonly which: number; readonly with: number }
  /** These tamper with nothing. */
  | { readonly how: 'lose metadata'; readonly which: number; readonly count: number }
  | { readonly how: 'deflate again'; readonly which: number }
  | { readonly how: 'unreadable'; readonly which: number; readonly count: number }
  | { readonly how: 'unlisted folder'; readonly which: number }

const which = fc.nat({ max: 999 })
const at = fc.nat()
const xor = fc.integer({ min: 1, max: 255 })
const count = fc.integer({ min: 1, max: 4 })

const harmless: fc.Arbitrary<Tampering> = fc.oneof(
  fc.record({ how: fc.constant('lose metadata' as const), which, count: fc.integer({ min: 1, max: 60 }) }),
  fc.record({ how: fc.constant('deflate again' as const), which }),
  fc.record({ how: fc.constant('unreadable' as const), which, count }),
  fc.record({ how: fc.constant('unlisted folder' as const), which }),
)

const harmful: fc.Arbitrary<Tampering> = fc.oneof(
  fc.record({ how: fc.constant('remove' as const), which, count }),
  fc.record({ how: fc.constant('swap' as const), which, with: which }),
  fc.record({ how: fc.constant('copy over' as const), which, from: which }),
  fc.record({ how: fc.constant('change' as const), which, at, xor }),
  fc.record({ how: fc.constant('change content' as const), which, at, xor }),
  fc.record({ how: fc.constant('append' as const), which, bytes: fc.integer({ min: 1, max: 40 }) }),
  fc.record({ how: fc.constant('plant' as const), beside: which, name: fc.nat({ max: 999_999 }) }),
  fc.record({ how: fc.constant('swap metadata' as const), which, with: which }),
)

export interface Tampered {
  readonly trail: number
  readonly tamperings: readonly Tampering[]
}

const trail = fc.nat({ max: trails.length - 1 })
export const anyTampered: fc.Arbitrary<Tampered> = fc.record({
  trail,
  tamperings: fc.array(fc.oneof({ arbitrary: harmful, weight: 2 }, { arbitrary: harmless, weight: 1 }), {
    minLength: 1,
    maxLength: 4,
  }),
})
export const anyTroubled: fc.Arbitrary<Tampered> = fc.record({
  trail,
  tamperings: fc.array(harmless, { minLength: 1, maxLength: 4 }),
})

interface State {
  readonly trail: Trail
  readonly objects: Map<string, Uint8Array>
  readonly metadata: Record<string, Readonly<Record<string, string>>>
  readonly unreadable: Set<string>
  readonly unlisted: Set<string>
}

function keyAt({ trail: { judged } }: State, index: number): string {
  return judged[index % judged.length] ?? ''
}

function keysFrom(state: State, first: number, count: number): string[] {
  return Array.from({ length: count }, (_, index) => keyAt(state, first + index))
}

function set(state: State, key: string, bytes: Uint8Array | undefined): void {
  if (bytes === undefined) state.objects.delete(key)
  else state.objects.set(key, bytes)
}

function changed(bytes: Uint8Array, at: number, xor: number): Uint8Array {
  const copy = Uint8Array.from(bytes)
  if (copy.length > 0) copy[at % copy.length] = (copy[at % copy.length] ?? 0) ^ xor
  return copy
}

function inflated(bytes: Uint8Array): Uint8Array {
  try {
    return gunzipSync(bytes)
  } catch {
    return bytes
  }
}

function tamper(state: State, one: Tampering): void {
  const { objects, metadata, trail } = state
  const name = (key: string): string => `${trail.bucket}/${key}`
  switch (one.how) {
    case 'remove':
      for (const key of keysFrom(state, one.which, one.count)) objects.delete(key)
      return
    case 'swap': {
      const [a, b] = [keyAt(state, one.which), keyAt(state, one.with)]
      const [first, second] = [objects.get(a), objects.get(b)]
      set(state, a, second)
      set(state, b, first)
      return
    }
    case 'copy over':
      set(state, keyAt(state, one.which), objects.get(keyAt(state, one.from)))
      return
    case 'change':
      set(state, keyAt(state, one.which), changed(objects.get(keyAt(state, one.which)) ?? gzipSync(''), one.at, one.xor))
      return
    case 'change content': {
      const bytes = objects.get(keyAt(state, one.which)) ?? gzipSync('')
      set(state, keyAt(state, one.which), gzipSync(changed(inflated(bytes), one.at, one.xor)))
      return
    }
    case 'append':
      set(
        state,
        keyAt(state, one.which),
        Buffer.concat([objects.get(keyAt(state, one.which)) ?? gzipSync(''), Buffer.alloc(one.bytes)]),
      )
      return
    case 'plant': {
      const key = keyAt(state, one.beside)
      const unique = String(one.name).padStart(16, 'x')
      set(state, key.replace(/[A-Za-z0-9]{16}\.json\.gz$/, `${unique}.json.gz`), gzipSync('{"Records":[]}'))
      return
    }
    case 'swap metadata': {
      const [a, b] = [name(keyAt(state, one.which)), name(keyAt(state, one.with))]
      const [first, second] = [metadata[a], metadata[b]]
      if (first !== undefined && second !== undefined) Object.assign(metadata, { [a]: second, [b]: first })
      return
    }
    case 'lose metadata':
      for (const key of keysFrom(state, one.which, one.count)) delete metadata[name(key)]
      return
    case 'deflate again': {
      const key = keyAt(state, one.which)
      const bytes = objects.get(key)
      // Whole members only: what is damaged stays as it is.
      if (bytes !== undefined && inflated(bytes) !== bytes) objects.set(key, gzipSync(gunzipSync(bytes), { level: 1 }))
      return
    }
    case 'unreadable':
      for (const key of keysFrom(state, one.which, one.count)) state.unreadable.add(key)
      return
    case 'unlisted folder':
      state.unlisted.add(keyAt(state, one.which).replace(/[^/]*$/, ''))
  }
}

const TROUBLE = { kind: 'unreadable', reason: 'access-denied', detail: 'on purpose' } as const

/** A source that cannot read some objects, nor list some folders. */
function troubled(source: Source, { unreadable, unlisted }: State): Source {
  return {
    name: source.name,
    kind: source.kind,
    path: source.path ?? [],
    folders: (prefix, options) => source.folders(prefix, options),
    async *list(prefix, options) {
      const parts = [...unlisted].filter((folder) => folder.startsWith(prefix) || prefix.startsWith(folder))
      const told = new Set<string>()
      for await (const entry of source.list(prefix, options)) {
        const part = parts.find((folder) => entry.key.startsWith(folder))
        if (part === undefined) yield entry
        else if (!told.has(part)) {
          told.add(part)
          yield { ...TROUBLE, key: part }
        }
      }
    },
    read: async (key, options) => (unreadable.has(key) ? TROUBLE : source.read(key, options)),
  }
}

export interface Outcome {
  readonly run: CaseRun
  /** What a reader of the range would see is not what CloudTrail wrote. */
  readonly altered: boolean
}

export async function runTampered({ trail: index, tamperings }: Tampered): Promise<Outcome> {
  const trail = trails[index] ?? (trails[0] as Trail)
  const { objects, metadata } = trail
  const state = {
    trail,
    objects: new Map(objects),
    metadata: { ...metadata },
    unreadable: new Set<string>(),
    unlisted: new Set<string>(),
  }
  for (const one of tamperings) tamper(state, one)
  const parsed = parseMetadata(Buffer.from(JSON.stringify(state.metadata)))
  if (!parsed.ok) throw new Error(parsed.reason)
  const source = memorySource({ name: trail.bucket, path: [trail.bucket], objects: state.objects })
  const run = await runCase(trail.one, [troubled(source, state)], { metadata: parsed.metadata })
  return { run, altered: isAltered(state) }
}

function isAltered({ trail, objects, metadata }: State): boolean {
  const planted = [...objects.keys()].some((key) => !trail.objects.has(key))
  const changes = trail.judged.some((key) => {
    const [before, after] = [trail.objects.get(key), objects.get(key)]
    if (before === undefined || after === undefined) return true
    return !Buffer.from(before).equals(after) && !isSameMember(before, after)
  })
  const swapped = trail.judged.some((key) => {
    const name = `${trail.bucket}/${key}`
    return metadata[name] !== undefined && metadata[name] !== trail.metadata[name]
  })
  return planted || changes || swapped
}

/** One whole member of the same content, and nothing after it. */
function isSameMember(before: Uint8Array, after: Uint8Array): boolean {
  try {
    return (
      gunzipSync(before).equals(gunzipSync(after)) && gzipSync(gunzipSync(after), { level: 1 }).length > 0 && isOneMember(after)
    )
  } catch {
    return false
  }
}

function isOneMember(bytes: Uint8Array): boolean {
  const content = gunzipSync(bytes)
  const end = Buffer.alloc(4)
  end.writeUInt32LE(content.length)
  return Buffer.from(bytes.subarray(-4)).equals(end)
}
