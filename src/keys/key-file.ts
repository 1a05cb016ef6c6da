/** Public keys out of files: saved answers of `aws cloudtrail list-public-keys`. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { mergePublicKeys, type PublicKeyList, parsePublicKeyList } from '../core/public-keys.js'
import { asUtf8 } from '../core/text-file.js'
import { VerifyTrailError } from '../errors.js'
import type { KeyAnswer, PublicKeySource } from './key-source.js'

/**
 * Reads a file of public keys, or all `*.json` files directly in a directory, as one list. The keys are trusted as given: a file
 * that comes from the same hands as the trail proves nothing. A key that may not be used is an answer to its lookup, and no
 * key at all is a list like any other. Rejects with `ERR_PUBLIC_KEYS`, naming file and entry, where a file cannot be read or
 * has another shape, and where a directory holds no such file.
 */
export async function readPublicKeyFile(path: string): Promise<PublicKeySource> {
  const lists: PublicKeyList[] = []
  const origins = new Map<string, string>()
  for (const file of await filesOf(path)) {
    const list = await readList(file)
    for (const { fingerprint } of list.keys) if (!origins.has(fingerprint)) origins.set(fingerprint, file)
    lists.push(list)
  }
  const answers = answersOf(mergePublicKeys(lists), origins)
  return { lookup: ({ fingerprint }) => answers.get(fingerprint.toLowerCase()) ?? { kind: 'unknown' } }
}

async function filesOf(path: string): Promise<readonly string[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [path]
    const names = (await readdir(path)).filter((name) => name.endsWith('.json')).sort()
    if (names.length > 0) return names.map((name) => join(path, name))
  } catch (error) {
    throw cannotRead(path, error)
  }
  throw new VerifyTrailError('ERR_PUBLIC_KEYS', `no public key file in the directory ${JSON.stringify(path)}: none ends in .json`)
}

async function readList(file: string): Promise<PublicKeyList> {
  let bytes: Uint8Array
  try {
    bytes = await readFile(file)
  } catch (error) {
    throw cannotRead(file, error)
  }
  const answer = parsePublicKeyList(asUtf8(bytes))
  if (answer.ok) return answer
  throw new VerifyTrailError('ERR_PUBLIC_KEYS', `not a list of public keys: ${JSON.stringify(file)}: ${answer.reason}`)
}

function cannotRead(path: string, cause: unknown): VerifyTrailError {
  const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause)
  const said = reason === 'ENOENT' ? 'no such file' : reason
  return new VerifyTrailError('ERR_PUBLIC_KEYS', `cannot read public keys from ${JSON.stringify(path)}: ${said}`, { cause })
}

function answersOf(list: PublicKeyList, origins: ReadonlyMap<string, string>): ReadonlyMap<string, KeyAnswer> {
  const answers = new Map<string, KeyAnswer>()
  for (const key of list.keys) answers.set(key.fingerprint, { kind: 'key', key, origin: origins.get(key.fingerprint) ?? '' })
  for (const { fingerprint, kind, reason } of list.problems) {
    answers.set(fingerprint, kind === 'mismatch' ? { kind, reason } : { kind: 'unknown', reason })
  }
  return answers
}
