/** The PAX records by which `verify-trail export` says what a member is: read from its own tars, and from no others. */
import { createHash } from 'node:crypto'
import type { UnreadableReason } from '../core/findings.js'
import { isJsonObject, parseJson } from '../core/json.js'
import type { NoSuchObject, UnreadableObject } from './source.js'

/** Extended attributes, as far as other tools are concerned: they say nothing about what they do not know. */
const OURS = 'SCHILY.xattr.user.verify-trail.'
/** The key, where the member's name is another. */
export const KEY: string = `${OURS}key`
/** What the store answered, where that was no object. */
export const ANSWER: string = `${OURS}answer`
/** What keeps a version from being deleted. */
export const LOCK: string = `${OURS}lock`
/** Hex SHA-256 of the bytes. */
export const SHA256: string = `${OURS}sha256`
/** Where the metadata came from, where that was not the store. */
export const METADATA_FROM: string = `${OURS}metadata-from`

/** Whether a record is one of these, and no metadata of the object. */
export function isOurs(record: string): boolean {
  return record.startsWith(OURS)
}

/** The comment in the header at the beginning of the tar: what makes it an export, followed by the roots. */
const FORMAT = 'verify-trail export 1 '

export function formatRoots(roots: readonly ExportedRoot[]): Record<string, string> {
  return { comment: FORMAT + JSON.stringify(roots) }
}

/** Holds what is no object of a source. No bucket has such a name. */
export const OBJECTS_FOLDER = '_verify-trail/'

/** What may be recorded as the reason why an object could not be looked at. */
const REASONS: ReadonlySet<string> = new Set<UnreadableReason>([
  'access-denied',
  'archived',
  'kms',
  'throttled',
  'network',
  'io',
  'no-such-bucket',
  'bucket-not-given',
  'link',
  'unsafe-name',
  'altered-in-transfer',
  'too-large',
  'duplicate-name',
  'damaged-archive',
  'unsupported-member',
])

/** What the store answered; undefined where the record is none of that. */
export function parseAnswer(record: Uint8Array | undefined): NoSuchObject | UnreadableObject | undefined {
  const json = record === undefined ? undefined : parseJson(record)
  if (json?.ok !== true || !isJsonObject(json.value)) return undefined
  const { kind, reason, detail } = json.value
  if (kind === 'missing') return { kind }
  if (kind !== 'unreadable' || typeof reason !== 'string' || !isReason(reason)) return undefined
  return { kind, reason, ...(typeof detail === 'string' ? { detail } : {}) }
}

function isReason(text: string): text is UnreadableReason {
  return REASONS.has(text)
}

/** A source of an export: its folder, where to look in it, and its bucket where that was certain. */
export interface ExportedRoot {
  readonly folder: string
  readonly prefix: string
  readonly bucket: string | null
}

/** Undefined where the records are none of an export. Never throws: they are whoever's wrote the tar. */
export function parseRoots(records: ReadonlyMap<string, Uint8Array>): readonly ExportedRoot[] | undefined {
  const comment = Buffer.from(records.get('comment') ?? '').toString()
  if (!comment.startsWith(FORMAT)) return undefined
  const json = parseJson(Buffer.from(comment.slice(FORMAT.length)))
  if (!json.ok || !Array.isArray(json.value)) return undefined
  const roots: ExportedRoot[] = []
  for (const root of json.value) {
    if (!isJsonObject(root)) return undefined
    const { folder, prefix, bucket = null } = root
    if (typeof folder !== 'string' || typeof prefix !== 'string' || !folder.endsWith('/')) return undefined
    if (bucket !== null && typeof bucket !== 'string') return undefined
    roots.push({ folder, prefix, bucket })
  }
  return roots
}

/** Under which key the list of an object's versions lies, and one of them. */
export function versionsKey(key: string, versionId?: string): string {
  const hash = (text: string): string => createHash('sha256').update(text).digest('hex')
  return `${OBJECTS_FOLDER}versions/${hash(key)}/${versionId === undefined ? 'list.json' : hash(versionId)}`
}
