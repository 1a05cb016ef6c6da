/**
 * What the key of an object says. Keys are attacker-chosen: a key is one of CloudTrail's only if every part of it is exactly
 * as CloudTrail writes it, and whatever else lies in CloudTrail's folders is named as foreign, never passed over.
 * Names: https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html and
 * …/cloudtrail-log-file-validation-digest-file-structure.html
 */
import { parseCloudTrailTime } from './time.js'

/** The folders that CloudTrail delivers log files to. */
export type LogFileFamily = 'CloudTrail' | 'CloudTrail-Insight' | 'CloudTrail-NetworkActivity' | 'CloudTrail-Aggregated'

/** The exact key of a digest file. Says nothing about what the object holds. */
export interface DigestKey {
  readonly kind: 'digest'
  /** What precedes `AWSLogs/`: empty, or ends in `/`. */
  readonly prefix: string
  readonly organizationId: string | null
  readonly accountId: string
  /** The source region. */
  readonly region: string
  readonly trail: string
  readonly homeRegion: string
  readonly endTime: number
  readonly backfill: boolean
}

/** The exact key of a log file. It does not name the trail. */
export interface LogFileKey {
  readonly kind: 'log-file'
  readonly prefix: string
  readonly organizationId: string | null
  readonly accountId: string
  readonly region: string
  readonly family: LogFileFamily
  /** The name's time; null where the folder's date is another date. */
  readonly time: number | null
  /** The start of the folder's day. */
  readonly day: number
}

/** Lies in a digest or log folder, but is not a key that CloudTrail gives. */
export interface ForeignKey {
  readonly kind: 'foreign'
  readonly folder: 'digest' | 'log-file'
  readonly prefix: string
  readonly organizationId: string | null
  readonly accountId: string
  /** The folder's region; null where it has not a region's grammar. */
  readonly region: string | null
  /** The start of the folder's day; null where it is not a real date. */
  readonly day: number | null
  /** `date`: only a date is impossible or, for digests, not that of the folder. `name`: anything else. */
  readonly reason: 'name' | 'date'
}

/** Not in a folder of CloudTrail's digests or logs. */
export interface OtherKey {
  readonly kind: 'other'
}

/** What an object's key says, told by `kind`. A name is a claim: anybody who may write to the bucket may give it. */
export type ObjectKey = DigestKey | LogFileKey | ForeignKey | OtherKey

const DIGEST_FOLDER = 'CloudTrail-Digest'
const LAKE_FOLDER = 'CloudTrail-Lake'
const LOG_FILE_FAMILIES: ReadonlySet<string> = new Set<LogFileFamily>([
  'CloudTrail',
  'CloudTrail-Insight',
  'CloudTrail-NetworkActivity',
  'CloudTrail-Aggregated',
])

const ACCOUNT_ID = /^\d{12}$/
const ORGANIZATION_ID = /^o-[a-z0-9]{10,32}$/
const REGION = /^[a-z]{2,4}(?:-[a-z]{2,5})?-[a-z]{4,9}-[1-9]\d?$/
const TRAIL = /^[A-Za-z0-9._-]{3,128}$/
const DATE_FOLDERS = /^\d{4}\/\d{2}\/\d{2}$/
const DIGEST_NAME = /^(.+)_([a-z0-9-]+)_(\d{8}T\d{6}Z)(_backfill)?\.json\.gz$/
/** Old files have no underscore before their unique part. */
const LOG_FILE_NAME = /^(\d{8}T\d{4})Z_?[A-Za-z0-9]{16}\.json\.gz$/

/** One of the folders that CloudTrail delivers log files to. */
export function isLogFileFamily(text: string): text is LogFileFamily {
  return LOG_FILE_FAMILIES.has(text)
}

/** Whether a text has the grammar of a region: `us-east-1`, `us-gov-west-1`. Says nothing about whether there is one. */
export function isRegion(text: string): boolean {
  return REGION.test(text)
}

/** Whether a text has the grammar of an account id: 12 digits. */
export function isAccountId(text: string): boolean {
  return ACCOUNT_ID.test(text)
}

/** Whether a text has the grammar of an organization id. */
export function isOrganizationId(text: string): boolean {
  return ORGANIZATION_ID.test(text)
}

/** Whether a text has the grammar of a trail's name. */
export function isTrailName(text: string): boolean {
  return TRAIL.test(text)
}

/**
 * The key below a trail's prefix, and an organization's id, that a file of this name has: `ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/NAME`.
 * Undefined where the name is none that CloudTrail gives. A log file delivered around midnight may have lain in another day's folder.
 */
export function keyOfName(name: string): string | undefined {
  const [, accountId = '', folder = '', region = '', rest = ''] = FILE_NAME.exec(name) ?? []
  const stamp = folder === DIGEST_FOLDER ? DIGEST_NAME.exec(rest)?.[3] : LOG_FILE_NAME.exec(rest)?.[1]
  if (stamp === undefined) return undefined
  const day = `${stamp.slice(0, 4)}/${stamp.slice(4, 6)}/${stamp.slice(6, 8)}`
  const key = `${accountId}/${folder}/${region}/${day}/${name}`
  return parseObjectKey(`AWSLogs/${key}`).kind === 'foreign' ? undefined : key
}

const FILE_NAME = /^(\d{12})_(CloudTrail(?:-[A-Za-z]+)?)_([a-z0-9-]+)_(.+)$/

/** Whether a file is named as one of CloudTrail's is once it was inflated (`gunzip`): without `.gz`. */
export function isInflatedName(name: string): boolean {
  return name.endsWith('.json') && keyOfName(`${name}.gz`) !== undefined
}

/**
 * Tells what a key is. Never throws. A digest or log file key is so to the letter, its folders agree with its name, and
 * building it again from its parts gives the same key. Everything else below a digest or log folder is `foreign`, at any depth.
 */
export function parseObjectKey(key: string): ObjectKey {
  return parseInLastFolder(key) ?? parseWhole(key)
}

/** How keys of the log file's day that was read last begin: nearly all keys lie in the folder of the one before. */
let last: { readonly head: string; readonly parts: Omit<LogFileKey, 'time'> } | undefined

/** What follows the date in a log file's name. */
const LOG_FILE_REST = /([01]\d|2[0-3])[0-5]\dZ_?[A-Za-z0-9]{16}\.json\.gz$/y

/** As `parseWhole`, where only the minute and the unique part can differ from the key before; undefined anywhere else. */
function parseInLastFolder(key: string): LogFileKey | undefined {
  if (last === undefined || !key.startsWith(last.head)) return undefined
  const at = last.head.length
  LOG_FILE_REST.lastIndex = at
  if (!LOG_FILE_REST.test(key)) return undefined
  const { parts } = last
  return { ...parts, time: parts.day + (digits(key, at) * 60 + digits(key, at + 2)) * 60_000 }
}

/** `name` has the day of its folder: its date is what other names of that day begin with. */
function rememberFolder(key: string, name: LogFileKey): void {
  const { time: _, ...parts } = name
  const head = key.slice(0, key.lastIndexOf('/') + `/${name.accountId}_${name.family}_${name.region}_YYYYMMDDT`.length)
  last = { head, parts }
}

/** The number that two digits write. */
function digits(text: string, at: number): number {
  return (text.charCodeAt(at) - 0x30) * 10 + text.charCodeAt(at + 1) - 0x30
}

function parseWhole(key: string): ObjectKey {
  const segments = key.split('/')
  // The outermost folder counts: a path like a digest's, nested in a log folder, is still ingested with those logs.
  for (let at = 0; at < segments.length; at++) {
    if (segments[at] !== 'AWSLogs') continue
    const place = parsePlace(segments, at)
    if (place === undefined) {
      const misplaced = parseMisplaced(segments, at)
      if (misplaced === undefined) continue
      return foreignKey(misplaced, misplaced.folder === DIGEST_FOLDER ? 'digest' : 'log-file')
    }
    if (place.folder === DIGEST_FOLDER) return parseDigestKey(place) ?? foreignKey(place, 'digest')
    const name = parseLogFileKey(place) ?? foreignKey(place, 'log-file')
    if (name.kind === 'log-file' && name.time !== null) rememberFolder(key, name)
    return name
  }
  return { kind: 'other' }
}

/** A key taken apart at `AWSLogs/[ORGANIZATION/]ACCOUNT/FOLDER/`. */
interface Place {
  readonly prefix: string
  readonly organizationId: string | null
  readonly accountId: string
  /** `CloudTrail`, or a name that begins so. */
  readonly folder: string
  /** The folders below `folder`. */
  readonly below: readonly string[]
  readonly name: string
}

/** `at`: where `AWSLogs` is; `from`: what is taken for the organization or the account. */
function parsePlace(segments: readonly string[], at: number, from: number = at + 1): Place | undefined {
  const first = segments[from] ?? ''
  const organizationId = isOrganizationId(first) ? first : null
  const next = organizationId === null ? from : from + 1
  const accountId = segments[next] ?? ''
  const folder = segments[next + 1] ?? ''
  const name = segments.at(-1)
  if (!isAccountId(accountId) || !folder.startsWith('CloudTrail') || folder === LAKE_FOLDER) return undefined
  if (name === undefined || segments.length <= next + 2) return undefined
  const prefix = at === 0 ? '' : `${segments.slice(0, at).join('/')}/`
  return { prefix, organizationId, accountId, folder, below: segments.slice(next + 2, -1), name }
}

/** An account's folder further down than CloudTrail has it: readers of all that lies in this `AWSLogs/` take what is in it. */
function parseMisplaced(segments: readonly string[], at: number): Place | undefined {
  for (let next = at + 1; next < segments.length && segments[next] !== 'AWSLogs'; next++) {
    const place = parsePlace(segments, at, next)
    if (place === undefined) continue
    const first = segments[at + 1] ?? ''
    return { ...place, organizationId: isOrganizationId(first) ? first : null }
  }
  return undefined
}

function parseDigestKey(place: Place): DigestKey | ForeignKey | undefined {
  const { prefix, organizationId, accountId, below } = place
  const region = below[0] ?? ''
  const head = `${accountId}_${DIGEST_FOLDER}_${region}_`
  if (!hasDayFolders(below) || !place.name.startsWith(head)) return undefined
  const match = DIGEST_NAME.exec(place.name.slice(head.length))
  const [, trail = '', homeRegion = '', stamp = '', backfill] = match ?? []
  if (!TRAIL.test(trail) || !isRegion(homeRegion)) return undefined
  const day = folderDay(below)
  const endTime = parseStamp(stamp)
  if (day === null || endTime === undefined || !isOfDay(endTime, day)) return foreignKey(place, 'digest', 'date')
  return {
    kind: 'digest',
    prefix,
    organizationId,
    accountId,
    region,
    trail,
    homeRegion,
    endTime,
    backfill: backfill !== undefined,
  }
}

function parseLogFileKey(place: Place): LogFileKey | ForeignKey | undefined {
  const { prefix, organizationId, accountId, folder, below } = place
  const region = below[0] ?? ''
  const head = `${accountId}_${folder}_${region}_`
  if (!isFamily(folder) || !hasDayFolders(below) || !place.name.startsWith(head)) return undefined
  const stamp = LOG_FILE_NAME.exec(place.name.slice(head.length))?.[1]
  if (stamp === undefined) return undefined
  const day = folderDay(below)
  const time = parseStamp(`${stamp}00Z`)
  if (day === null || time === undefined) return foreignKey(place, 'log-file', 'date')
  return {
    kind: 'log-file',
    prefix,
    organizationId,
    accountId,
    region,
    family: folder,
    time: isOfDay(time, day) ? time : null,
    day,
  }
}

function foreignKey(place: Place, folder: ForeignKey['folder'], reason: ForeignKey['reason'] = 'name'): ForeignKey {
  const { prefix, organizationId, accountId, below } = place
  const region = isRegion(below[0] ?? '') ? (below[0] ?? null) : null
  return { kind: 'foreign', folder, prefix, organizationId, accountId, region, day: folderDay(below), reason }
}

function isFamily(folder: string): folder is LogFileFamily {
  return LOG_FILE_FAMILIES.has(folder)
}

/** Exactly REGION/YYYY/MM/DD; whether there is such a day is another question. */
function hasDayFolders(below: readonly string[]): boolean {
  return below.length === 4 && isRegion(below[0] ?? '') && DATE_FOLDERS.test(below.slice(1).join('/'))
}

function folderDay(below: readonly string[]): number | null {
  const date = below.slice(1, 4).join('/')
  return DATE_FOLDERS.test(date) ? (parseCloudTrailTime(`${date.replaceAll('/', '-')}T00:00:00Z`) ?? null) : null
}

/** `YYYYMMDDTHHMMSSZ` */
function parseStamp(stamp: string): number | undefined {
  const date = `${stamp.slice(0, 4)}-${stamp.slice(4, 6)}-${stamp.slice(6, 8)}`
  return parseCloudTrailTime(`${date}T${stamp.slice(9, 11)}:${stamp.slice(11, 13)}:${stamp.slice(13, 15)}Z`)
}

function isOfDay(time: number, day: number): boolean {
  return time >= day && time < day + 86_400_000
}
