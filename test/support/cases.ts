/** Reads the fixture cases and runs them through any source. */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { CaseOptions, Expected, ExpectedFinding } from '../../fixtures/case.js'
import type { Finding, Gap } from '../../src/core/findings.js'
import type { Summary } from '../../src/core/results.js'
import {
  type Expectations,
  type MetadataFile,
  memorySource,
  type PublicKeySource,
  parseExpectations,
  parseMetadata,
  type Result,
  type ShardRequest,
  type Source,
  verifyTrail,
} from '../../src/index.js'
import { readPublicKeyFile } from '../../src/keys/key-file.js'
import type { PutObject } from './put-objects.js'

export interface Case {
  readonly name: string
  readonly about: string
  readonly only?: 's3' | 'export'
  readonly sources: readonly string[]
  readonly options: CaseOptions
  readonly expected: Expected
}

const CASES = fileURLToPath(new URL('../../fixtures/cases/', import.meta.url))

let unpacked: string | undefined

/** A case's directory. Objects with names that git does not hold are written beside the others, in a copy, where the file system takes them. */
export function casePath(name: string): string {
  const path = join(CASES, name)
  const unportable = unportableObjects(name)
  if (unportable.size === 0) return path
  if (unpacked === undefined) {
    const folder = mkdtempSync(join(tmpdir(), 'verify-trail-cases-'))
    process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
    unpacked = folder
  }
  const copy = join(unpacked, name)
  if (existsSync(copy)) return copy
  cpSync(path, copy, { recursive: true })
  for (const [object, bytes] of unportable) {
    const segments = object.split('/')
    if (object.endsWith('/') && bytes.length === 0) mkdirSync(join(copy, object), { recursive: true })
    else if (segments.every((segment) => !/^\.{0,2}$/.test(segment) && Buffer.byteLength(segment) <= 255)) {
      mkdirSync(dirname(join(copy, object)), { recursive: true })
      writeFileSync(join(copy, object), bytes)
    }
  }
  return copy
}

/** `bucket/key` to bytes. */
function unportableObjects(name: string): Map<string, Uint8Array> {
  const path = join(CASES, name, 'unportable.json')
  if (!existsSync(path)) return new Map()
  const objects: Readonly<Record<string, string>> = JSON.parse(readFileSync(path, 'utf8'))
  return new Map(Object.entries(objects).map(([object, base64]) => [object, Buffer.from(base64, 'base64')]))
}

/** All objects of one bucket of a case, whatever their names. */
export function bucketObjects(name: string, bucket: string): Map<string, Uint8Array> {
  const objects = caseObjects(join(CASES, name, bucket))
  for (const [object, bytes] of unportableObjects(name)) {
    if (object.startsWith(`${bucket}/`)) objects.set(object.slice(bucket.length + 1), bytes)
  }
  return objects
}

export function readCases(): Case[] {
  return readdirSync(CASES).map((name) => {
    const text: unknown = JSON.parse(readFileSync(join(CASES, name, 'case.json'), 'utf8'))
    const parsed = text as Omit<Case, 'name' | 'sources'> & { readonly sources?: readonly string[] }
    const folders = readdirSync(join(CASES, name)).filter((entry) => statSync(join(CASES, name, entry)).isDirectory())
    return { ...parsed, name, sources: parsed.sources ?? folders }
  })
}

/** All files of a case's directory, by their path in it. */
export function caseObjects(folder: string): Map<string, Uint8Array> {
  const objects = new Map<string, Uint8Array>()
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name)
    if (entry.isFile()) objects.set(relative(folder, path), readFileSync(path))
  }
  return objects
}

export async function caseKeys({ name, options }: Case): Promise<PublicKeySource | undefined> {
  return options.publicKeys ? readPublicKeyFile(join(CASES, name, 'public-keys.json')) : undefined
}

export function caseMetadata({ name, options }: Case): MetadataFile | undefined {
  const path = join(CASES, name, 'metadata.json')
  if (!options.metadata || !existsSync(path)) return undefined
  const parsed = parseMetadata(readFileSync(path))
  if (!parsed.ok) throw new Error(parsed.reason)
  return parsed.metadata
}

export interface CaseRun {
  readonly summary: Summary
  readonly findings: readonly (Finding | Gap)[]
  readonly results: readonly Result[]
}

/** Runs a case; `sources` in place of its directories. */
export async function runCase(
  one: Case,
  sources: readonly Source[],
  more: {
    readonly metadata?: MetadataFile | undefined
    readonly concurrency?: number
    readonly workers?: number
    readonly doubleCheck?: boolean
    readonly byName?: boolean
    readonly shard?: ShardRequest
  } = {},
): Promise<CaseRun> {
  const { startTime, endTime, accountIds, regions, trails, bucket, unvalidatedTrails, expect, now, logFileLimit } = one.options
  const publicKeys = await caseKeys(one)
  const [name, ...prefix] = bucket?.split('/') ?? []
  const { metadata, ...settings } = more
  const results: Result[] = []
  const run = verifyTrail({
    sources,
    ...settings,
    ...(publicKeys === undefined ? {} : { publicKeys }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(startTime === undefined ? {} : { startTime }),
    ...(endTime === undefined ? {} : { endTime }),
    ...(accountIds === undefined ? {} : { accountIds }),
    ...(regions === undefined ? {} : { regions }),
    ...(trails === undefined ? {} : { trails }),
    ...(name === undefined
      ? {}
      : { originalPlace: { bucket: name, ...(prefix.length === 0 ? {} : { prefix: prefix.join('/') }) } }),
    ...(unvalidatedTrails === undefined ? {} : { unvalidatedTrails }),
    ...(expect === undefined ? {} : { expectations: expectations(expect) }),
    ...(logFileLimit === undefined ? {} : { maxInflatedBytes: logFileLimit }),
    now: new Date(now ?? '2026-11-01T00:00:00Z'),
  })
  for await (const result of run) results.push(result)
  const summary = results.at(-1)
  if (summary?.kind !== 'summary') throw new Error('the run ended without a summary')
  return { summary, results, findings: results.filter((result) => result.kind === 'finding' || result.kind === 'gap') }
}

function expectations(expect: object): Expectations {
  const answer = parseExpectations(Buffer.from(JSON.stringify(expect)))
  if (!answer.ok) throw new Error(answer.reason)
  return answer.expectations
}

/** What differs from what is expected: plain sentences, none where all is as it should be. */
export function differences({ expected }: Case, run: CaseRun): string[] {
  const found = new Set(run.findings.map((finding) => finding.code))
  const sentences: string[] = []
  if (run.summary.verdict !== expected.verdict) sentences.push(`verdict ${run.summary.verdict}, expected ${expected.verdict}`)
  for (const code of expected.codes) if (!found.has(code)) sentences.push(`no ${code}`)
  const allowed = new Set(expected.codes)
  for (const code of found) {
    if (expected.only === true && !allowed.has(code)) sentences.push(`unexpected ${code}`)
    if (expected.without?.includes(code) === true) sentences.push(`${code} must not occur`)
  }
  for (const wanted of expected.findings ?? []) {
    if (!run.findings.some((finding) => matches(finding, wanted))) sentences.push(`no finding ${JSON.stringify(wanted)}`)
  }
  for (const part of expected.notChecked ?? []) {
    if (!run.summary.notChecked.some((sentence) => sentence.includes(part))) sentences.push(`notChecked does not say ${part}`)
  }
  return sentences
}

function matches(finding: Finding | Gap, wanted: ExpectedFinding): boolean {
  const gap = finding.kind === 'gap' ? finding : undefined
  const eventNames = gap?.events?.map(({ eventName }) => eventName).join(' ')
  const fields: Readonly<Record<string, unknown>> = { ...finding, eventNames, acceptedBy: gap?.accepted?.by ?? null }
  return Object.entries(wanted).every(([name, value]) => fields[name] === value)
}

/** The exit code that a verdict stands for. */
export function exitCode(run: CaseRun): number {
  return { valid: 0, invalid: 1, unverified: 3 }[run.summary.verdict]
}

/** A bucket that is not there, as S3 says it. */
export function noBucket(bucket: string): Source {
  const answer = { kind: 'unreadable', reason: 'no-such-bucket', detail: 'NoSuchBucket (HTTP 404)' } as const
  const none = memorySource({ name: `s3://${bucket}`, bucket, kind: 'store', objects: new Map() })
  return {
    name: none.name,
    kind: none.kind,
    bucket,
    folders: async () => answer,
    list: none.list.bind(none),
    read: async () => answer,
  }
}

/** The objects of one bucket with the metadata that they had on S3. */
export function storedObjects(one: Case, bucket: string): Map<string, PutObject> {
  const metadata = caseMetadata(one)
  const objects = new Map<string, PutObject>()
  for (const [key, bytes] of bucketObjects(one.name, bucket)) {
    const found = metadata?.lookup(bucket, key)
    objects.set(key, { bytes, metadata: found?.kind === 'found' ? found.metadata : {} })
  }
  return objects
}
