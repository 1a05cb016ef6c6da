/** Object metadata of an export, saved in a file of its own: most exports lose it, and with it the digests' signatures. */
import { quoteText } from '../core/json.js'
import { type MetadataEntry, readShapes } from './metadata-shapes.js'

/** What a metadata file says of one object. `contradiction`: two of its entries mean this object and differ. */
export type MetadataAnswer =
  | { readonly kind: 'found'; readonly metadata: Readonly<Record<string, string>> }
  | { readonly kind: 'absent' }
  | { readonly kind: 'contradiction'; readonly names: readonly [string, string] }

/** The metadata of objects, by bucket and key. It proves nothing: a signature in it proves itself. */
export interface MetadataFile {
  /** Looks up `s3://bucket/key`, `bucket/key` and the bare key, byte for byte; where several are there they must agree. */
  lookup(bucket: string, key: string): MetadataAnswer
  /** How many entries there are. */
  readonly size: number
}

/** What `parseMetadata` found: metadata by object, or why the bytes are none. It need not be trusted: a signature proves itself. */
export type MetadataFileAnswer =
  | { readonly ok: true; readonly metadata: MetadataFile }
  | { readonly ok: false; readonly reason: string }

type Metadata = Readonly<Record<string, string>>

const SCHEME = 's3://'
/** In the name of every digest, which no other of its trail has. */
const DIGEST = '_CloudTrail-Digest_'
const HEADER_PREFIX = 'x-amz-meta-'

/**
 * Reads a metadata file, in any of the shapes of `metadata-shapes`; names of metadata in any case, with or without
 * `x-amz-meta-`. Never throws. Names that occur twice, and two entries for one `bucket/key` that differ, are refused here; what can only be
 * told once the bucket is known is left to `lookup`.
 */
export function parseMetadata(bytes: Uint8Array): MetadataFileAnswer {
  const shapes = readShapes(bytes)
  if (!shapes.ok) return shapes
  const entries = new Map<string, Metadata>()
  for (const { name, metadata: given } of shapes.entries) {
    if (!namesObject(name)) return { ok: false, reason: `${quoteText(name)} names no object` }
    const metadata = readMetadata(given)
    if (typeof metadata === 'string') return { ok: false, reason: `the entry ${quoteText(name)} has ${metadata}` }
    const known = entries.get(name)
    if (known !== undefined && !isEqual(known, metadata))
      return { ok: false, reason: `two entries for ${quoteText(name)} differ` }
    entries.set(name, metadata)
  }
  const contradiction = findContradiction(entries)
  if (contradiction !== undefined) return { ok: false, reason: contradiction }
  const byFile = indexByFile(entries)
  return { ok: true, metadata: { lookup: (bucket, key) => lookup(entries, byFile, bucket, key), size: entries.size } }
}

/** Names by their last part: tools that list below a folder, or above it, print a part of the key or more than it. */
function indexByFile(entries: ReadonlyMap<string, Metadata>): ReadonlyMap<string, readonly string[]> {
  const byFile = new Map<string, string[]>()
  for (const name of entries.keys()) {
    const file = name.slice(name.lastIndexOf('/') + 1)
    if (name.startsWith(SCHEME) || !file.includes(DIGEST)) continue
    const names = byFile.get(file)
    if (names === undefined) byFile.set(file, [name])
    else names.push(name)
  }
  return byFile
}

function namesObject(name: string): boolean {
  if (!name.startsWith(SCHEME)) return name !== ''
  const slash = name.indexOf('/', SCHEME.length)
  return slash > SCHEME.length && slash < name.length - 1
}

/** Names in any case, with or without `x-amz-meta-`. A string says what is wrong. */
export function readMetadata(value: MetadataEntry['metadata']): Metadata | string {
  const metadata = new Map<string, string>()
  for (const [given, text] of Object.entries(value)) {
    if (typeof text !== 'string') return `a value that is not a string: ${quoteText(given)}`
    const field = fieldName(given)
    if ((metadata.get(field) ?? text) !== text) return `two values for ${quoteText(field)}`
    metadata.set(field, text)
  }
  return Object.fromEntries(metadata)
}

function fieldName(given: string): string {
  const lowerCase = given.toLowerCase()
  return lowerCase.startsWith(HEADER_PREFIX) ? lowerCase.slice(HEADER_PREFIX.length) : lowerCase
}

function findContradiction(entries: ReadonlyMap<string, Metadata>): string | undefined {
  for (const [name, metadata] of entries) {
    if (!name.startsWith(SCHEME)) continue
    const shortName = name.slice(SCHEME.length)
    const other = entries.get(shortName)
    if (other !== undefined && !isEqual(metadata, other)) {
      return `the entries ${quoteText(name)} and ${quoteText(shortName)} differ`
    }
  }
  return undefined
}

/** Where no entry has the whole name, one whose name ends as the key does, or the key as it: if there is one only. */
function lookup(
  entries: ReadonlyMap<string, Metadata>,
  byFile: ReadonlyMap<string, readonly string[]>,
  bucket: string,
  key: string,
): MetadataAnswer {
  let found: { readonly name: string; readonly metadata: Metadata } | undefined
  for (const name of [`${SCHEME}${bucket}/${key}`, `${bucket}/${key}`, key]) {
    const metadata = entries.get(name)
    if (metadata === undefined) continue
    if (found === undefined) found = { name, metadata }
    else if (!isEqual(found.metadata, metadata)) return { kind: 'contradiction', names: [found.name, name] }
  }
  if (found !== undefined) return { kind: 'found', metadata: found.metadata }
  const full = `/${bucket}/${key}`
  const near = byFile
    .get(key.slice(key.lastIndexOf('/') + 1))
    ?.filter((name) => full.endsWith(`/${name}`) || name.endsWith(`/${key}`))
  const metadata = near?.length === 1 ? entries.get(near[0] ?? '') : undefined
  return metadata === undefined ? { kind: 'absent' } : { kind: 'found', metadata }
}

function isEqual(a: Metadata, b: Metadata): boolean {
  const names = Object.keys(a)
  return names.length === Object.keys(b).length && names.every((name) => Object.hasOwn(b, name) && a[name] === b[name])
}
