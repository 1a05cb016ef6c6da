/** Archives that were split into parts, as `split` and others name them: `x.tar.aa`, `x.tar.ab`; `x.zip.001`, `x.zip.002`. */
import { closeSync, openSync, statSync } from 'node:fs'
import { VerifyTrailError } from '../errors.js'
import { archiveForm, HEAD_BYTES } from './archive-form.js'
import { readAtOf } from './read-at.js'

const PART = /^(.+)\.([a-z]{1,4}|\d{1,4})$/s
/** What ends a tar. */
const TAR_END_BYTES = 1024

interface Named {
  readonly path: string
  readonly base: string
  readonly suffix: string
}

/**
 * What was given as sources, with the parts of one archive put together in their order. Parts are told by their names, which count from `aa`,
 * `00` or `01`, and by the second one, which does not begin as an archive does. Throws ERR_SOURCE where one is missing between others.
 */
export function joinParts(sources: readonly string[]): (string | readonly string[])[] {
  const sets = new Map<string, Named[]>()
  for (const path of new Set(sources)) {
    const [, base, suffix] = PART.exec(path) ?? []
    if (base === undefined || suffix === undefined || !isFile(path)) continue
    const name = `${base}\n${/\d/.test(suffix)}\n${suffix.length}`
    const set = sets.get(name)
    if (set === undefined) sets.set(name, [{ path, base, suffix }])
    else set.push({ path, base, suffix })
  }
  const joined = new Map<string, readonly string[]>()
  for (const set of sets.values()) {
    const paths = partsOf(set)
    for (const path of paths ?? []) joined.set(path, paths ?? [])
  }
  const said = new Set<readonly string[]>()
  return sources.flatMap((source): (string | readonly string[])[] => {
    const paths = joined.get(source)
    if (paths === undefined) return [source]
    if (said.has(paths)) return []
    said.add(paths)
    return [paths]
  })
}

function partsOf(set: Named[]): readonly string[] | undefined {
  set.sort((a, b) => (a.suffix < b.suffix ? -1 : 1))
  const [first, second] = set
  if (first === undefined) return undefined
  // By itself it would be taken for an archive that begins with a member cut off.
  const before = firstsOf(first).find(isFile)
  if (before !== undefined && goesOn(before, first.path))
    throw new VerifyTrailError(
      'ERR_SOURCE',
      `'${first.path}' is a part of the archive that begins in '${before}': give all its parts`,
    )
  if (second === undefined || !isFirst(first.suffix) || !goesOn(first.path, second.path)) return undefined
  let expected = first.suffix
  for (const { path, base, suffix } of set) {
    if (suffix !== expected)
      throw new VerifyTrailError(
        'ERR_SOURCE',
        `'${path}': '${base}.${expected}' is missing before it: give all parts of the archive`,
      )
    expected = next(suffix)
  }
  return set.map(({ path }) => path)
}

function isFirst(suffix: string): boolean {
  return /^(?:a+|0+|0*1)$/.test(suffix)
}

/** What the first part may be called, before this one. */
function firstsOf({ base, suffix }: Named): string[] {
  const { length } = suffix
  return (/\d/.test(suffix) ? ['0'.repeat(length), '1'.padStart(length, '0')] : ['a'.repeat(length)])
    .filter((first) => first < suffix)
    .map((first) => `${base}.${first}`)
}

/** Whether the second begins in the middle of what the first one begins. */
function goesOn(first: string, second: string): boolean {
  const head = bytesOf(second, 0, HEAD_BYTES)
  try {
    if (archiveForm(head, second) !== 'tar') return false
  } catch {
    return true
  }
  // A member may begin where a part does.
  const { size } = statSync(first)
  return bytesOf(first, Math.max(0, size - TAR_END_BYTES), TAR_END_BYTES).some((byte) => byte !== 0)
}

function bytesOf(path: string, at: number, length: number): Uint8Array {
  const file = openSync(path, 'r')
  try {
    const bytes = Buffer.alloc(length)
    return bytes.subarray(0, readAtOf(file)(bytes, at))
  } finally {
    closeSync(file)
  }
}

/** `ab` after `aa`, `10` after `09`. */
function next(suffix: string): string {
  if (/^\d/.test(suffix)) return String(Number(suffix) + 1).padStart(suffix.length, '0')
  const last = suffix.charCodeAt(suffix.length - 1)
  if (last < 'z'.charCodeAt(0)) return suffix.slice(0, -1) + String.fromCharCode(last + 1)
  return suffix.length === 1 ? '' : `${next(suffix.slice(0, -1))}a`
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true
}

/** As a shell takes it: `x.tar.{aa..ad}`. */
export function partsName(paths: readonly string[]): string {
  const [first = '', last] = [paths[0], paths.length > 1 ? paths.at(-1) : undefined]
  const [, base] = PART.exec(first) ?? []
  if (last === undefined) return first
  return base === undefined || !last.startsWith(`${base}.`)
    ? `${first} and ${paths.length - 1} more parts`
    : `${base}.{${first.slice(base.length + 1)}..${last.slice(base.length + 1)}}`
}

/** What a whole archive of that name would be called. */
export function baseOfParts(name: string): string {
  return name.replace(/\.\{(?:[a-z]+\.\.[a-z]+|\d+\.\.\d+)\}$/, '')
}
