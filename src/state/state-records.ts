/** The lines of a state file, and what they may say. */
import { DAY } from '../core/coverage.js'
import type { SettledDays } from '../core/settled-days.js'
import type { StateScope } from '../engine/run-state.js'

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

/** What one run settled of an account and region, and what of it is settled no more: `settled-records` writes and reads it. */
export interface SettledRecord {
  readonly kind: 'settled'
  readonly run: number
  readonly scope: StateScope
  readonly added: SettledDays
  /** By their first days. */
  readonly dropped: { readonly digests: readonly number[]; readonly logFiles: readonly number[] }
  /** How many objects' records are of no use any more. */
  readonly covers: number
}

export type StateRecord =
  | { readonly kind: 'state'; readonly form: 2; readonly binding: Binding }
  | RunRecord
  | FileRecord
  | PackRecord
  | DigestRecord
  | SettledRecord
  | { readonly kind: 'end'; readonly run: number; readonly reportSha256: string | null }

type Fields = Readonly<Record<string, unknown>>
type Check = (value: unknown) => boolean

const isText: Check = (value) => typeof value === 'string'
const isTextOrNull: Check = (value) => value === null || isText(value)
const isFlag: Check = (value) => typeof value === 'boolean'
const isCount: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0
/** One each minute for two thousand years: so that the next number is one, too. */
const isRun: Check = (value) => isCount(value) && Number(value) <= 1e9
const isShare: Check = (value) => typeof value === 'number' && value >= 0 && value <= 1
const isTime: Check = (value) => typeof value === 'string' && !Number.isNaN(Date.parse(value))
const isHash: Check = (value) => typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
const isFields: Check = (value) => typeof value === 'object' && value !== null && !Array.isArray(value)
const isMetadata: Check = (value) => value === null || (isFields(value) && Object.values(value as Fields).every(isText))

const isListOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check)
const hasFields =
  (form: Readonly<Record<string, Check>>): Check =>
  (value) =>
    isFields(value) && Object.entries(form).every(([name, check]) => check((value as Fields)[name]))
const isTexts = isListOf(isText)
const isCounts = isListOf(isCount)
const isPair: Check = (value) => isCounts(value) && (value as unknown[]).length === 2
const isFolders = isListOf(hasFields({ source: isText, key: isText }))
const isScope = hasFields({ name: isText, digestFolders: isFolders, logFolders: isFolders })
const isDropped = hasFields({ digests: isCounts, logFiles: isCounts })
const SPAN = { from: isCount, to: isCount, listing: isHash, read: isPair }
const CHAIN = { trail: isText, homeRegion: isText, logFiles: isCount }
const isStretch = hasFields({
  ...CHAIN,
  place: isCount,
  digests: isCount,
  bytes: isCount,
  families: isTexts,
  keys: isListOf(hasFields({ fingerprint: isText, sha256: isHash, digests: isCount, from: isCount, to: isCount })),
  startTime: isCount,
  previous: hasFields({ s3Bucket: isText, s3Object: isText, hashValue: isText, hashAlgorithm: isText, signature: isText }),
  last: hasFields({
    bucket: isText,
    key: isText,
    endTimeText: isText,
    sha256: isHash,
    fingerprint: isText,
    algorithm: isText,
    previousSignature: isText,
    signature: isText,
  }),
})
const isClaimant: Check = (value) => Array.isArray(value) && value.length === 2 && isCount(value[0]) && isHash(value[1])
/** Days of one month at most. */
const isSpan = (form: Readonly<Record<string, Check>>): Check => {
  const hasForm = hasFields({ ...SPAN, ...form })
  const spans = ({ from, to }: Fields): boolean => Number(to) >= Number(from) && Number(to) - Number(from) < 31 * DAY
  return (value) => hasForm(value) && spans(value as Fields)
}
/** One after another. */
const areSpans = (form: Readonly<Record<string, Check>>): Check => {
  const areAll = isListOf(isSpan(form))
  const isAfter = (span: Fields, before: Fields | undefined): boolean =>
    before === undefined || Number(span['from']) > Number(before['to'])
  return (value) => areAll(value) && (value as Fields[]).every((span, i, all) => isAfter(span, all[i - 1]))
}
const isSettledDays = hasFields({
  digests: areSpans({ lists: isPair, stretches: isListOf(isStretch) }),
  logFiles: areSpans({
    logFiles: isCount,
    bytesRead: isCount,
    bytesInflated: isCount,
    listedBy: isListOf(hasFields({ ...CHAIN, kind: (value) => value === 'standard' || value === 'backfill' })),
    claimants: isListOf(isClaimant),
  }),
})

const OBJECT = { name: isText, identity: isText, run: isRun }
const FORMS: Readonly<Record<StateRecord['kind'], Readonly<Record<string, Check>>>> = {
  state: { form: (value) => value === 2, binding: isFields },
  run: { run: isRun, startedAt: isTime, now: isTime, recheck: isShare, seed: isText, previousReportSha256: isTextOrNull },
  'log-file': { ...OBJECT, gzip: isFlag, live: isFlag, sha256: isHash, bytesRead: isCount, bytesInflated: isCount },
  'log-files': { folder: isText, run: isRun, objects: isText },
  digest: { ...OBJECT, metadata: isMetadata, bytes: isText },
  settled: { run: isRun, scope: isScope, added: isSettledDays, dropped: isDropped, covers: isCount },
  end: { run: isRun, reportSha256: isTextOrNull },
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
