/** The lines of a state file, and what they may say. */

/** What a state is good for: another value of any of it needs another state. */
export type Binding = Readonly<Record<string, unknown>>

export interface RunRecord {
  readonly kind: 'run'
  readonly run: number
  /** By the clock. */
  readonly startedAt: string
  /** What it takes as now. */
  readonly now: string
  readonly recheck: number
  readonly seed: string
  readonly previousReportSha256: string | null
}

interface ObjectRecord {
  /** Source and key. */
  readonly name: string
  readonly identity: string
  /** In which run it was read. */
  readonly run: number
}

/** A log file that was read and is whole. */
export interface FileRecord extends ObjectRecord {
  readonly kind: 'log-file'
  readonly gzip: boolean
  readonly live: boolean
  readonly sha256: string
  readonly bytesRead: number
  readonly bytesInflated: number
}

interface DigestRecord extends ObjectRecord {
  readonly kind: 'digest'
  readonly metadata: Readonly<Record<string, string>> | null
  /** As stored, in base64. */
  readonly bytes: string
}

/** Log files of one folder that one run read and that are whole: `packed-log-files` writes and reads it. */
export interface PackRecord {
  readonly kind: 'log-files'
  /** Source and key, up to the last `/`. */
  readonly folder: string
  readonly run: number
  readonly objects: string
}

export type StateRecord =
  | { readonly kind: 'state'; readonly form: 1; readonly binding: Binding }
  | RunRecord
  | FileRecord
  | PackRecord
  | DigestRecord
  | { readonly kind: 'end'; readonly run: number; readonly reportSha256: string | null }

type Fields = Readonly<Record<string, unknown>>
type Check = (value: unknown) => boolean

const isText: Check = (value) => typeof value === 'string'
const isTextOrNull: Check = (value) => value === null || isText(value)
const isFlag: Check = (value) => typeof value === 'boolean'
const isCount: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0
const isShare: Check = (value) => typeof value === 'number' && value >= 0 && value <= 1
const isTime: Check = (value) => typeof value === 'string' && !Number.isNaN(Date.parse(value))
const isHash: Check = (value) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
const isFields: Check = (value) => typeof value === 'object' && value !== null && !Array.isArray(value)
const isMetadata: Check = (value) => value === null || (isFields(value) && Object.values(value as Fields).every(isText))

const OBJECT = { name: isText, identity: isText, run: isCount }
const FORMS: Readonly<Record<StateRecord['kind'], Readonly<Record<string, Check>>>> = {
  state: { form: (value) => value === 1, binding: isFields },
  run: { run: isCount, startedAt: isTime, now: isTime, recheck: isShare, seed: isText, previousReportSha256: isTextOrNull },
  'log-file': { ...OBJECT, gzip: isFlag, live: isFlag, sha256: isHash, bytesRead: isCount, bytesInflated: isCount },
  'log-files': { folder: isText, run: isCount, objects: isText },
  digest: { ...OBJECT, metadata: isMetadata, bytes: isText },
  end: { run: isCount, reportSha256: isTextOrNull },
}

/** Undefined for whatever is none of these, to the last field. */
export function parseRecord(value: unknown): StateRecord | undefined {
  if (!isFields(value)) return undefined
  const record = value as Fields
  const form = Object.hasOwn(FORMS, String(record['kind'])) ? FORMS[record['kind'] as StateRecord['kind']] : undefined
  if (form === undefined || !Object.entries(form).every(([name, check]) => check(record[name]))) return undefined
  return record as unknown as StateRecord
}

/** What is not the same in two bindings. */
export function differences(was: Binding, is: Binding): { name: string; before: unknown; after: unknown }[] {
  const names = [...new Set([...Object.keys(is), ...Object.keys(was)])]
  return names
    .map((name) => ({ name, before: was[name] ?? null, after: is[name] ?? null }))
    .filter(({ before, after }) => JSON.stringify(before) !== JSON.stringify(after))
}
