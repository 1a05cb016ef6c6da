/**
 * Events of a log file that can tell why a trail's digests end, begin or are gone. Whoever made a call chose much of what is
 * in its event: its texts are bounded here and escaped where they are shown.
 */
import { isJsonObject, parseJson } from './json.js'
import { parseCloudTrailTime } from './time.js'

/** An event that changed a trail, its bucket, or what lies there. */
export interface LogEvent {
  readonly eventName: string
  readonly eventSource: string
  /** Milliseconds since the epoch. */
  readonly time: number
  readonly eventId: string | null
  /** Who: the ARN of the identity, else the service that it was done for. */
  readonly userArn: string | null
  readonly sourceIpAddress: string | null
  readonly region: string | null
  /** What it was done to. `name`: a trail's name or ARN, as the caller gave it. */
  readonly target:
    | { readonly kind: 'trail'; readonly name: string }
    | { readonly kind: 'bucket'; readonly bucket: string; readonly key: string | null }
}

/** Event names by the field of `requestParameters` that names the trail. */
const TRAIL_EVENTS: ReadonlyMap<string, 'name' | 'trailName'> = new Map([
  ['CreateTrail', 'name'],
  ['DeleteTrail', 'name'],
  ['StartLogging', 'name'],
  ['StopLogging', 'name'],
  ['UpdateTrail', 'name'],
  ['PutEventSelectors', 'trailName'],
  ['PutInsightSelectors', 'trailName'],
])

const BUCKET_EVENTS: ReadonlySet<string> = new Set([
  'CreateBucket',
  'DeleteBucket',
  'DeleteBucketEncryption',
  'DeleteBucketLifecycle',
  'DeleteBucketPolicy',
  'DeleteBucketReplication',
  'DeleteObject',
  'DeleteObjects',
  'PutBucketAcl',
  'PutBucketEncryption',
  'PutBucketLifecycle',
  'PutBucketLifecycleConfiguration',
  'PutBucketObjectLockConfiguration',
  'PutBucketPolicy',
  'PutBucketReplication',
  'PutBucketVersioning',
])

const NAMED = new RegExp(`"(?:${[...TRAIL_EVENTS.keys(), ...BUCKET_EVENTS].join('|')})"`)
/** Looked through at a time, with so much of it again that no name is cut. */
const STRETCH = 1024 * 1024
const OVERLAP = 64
const TEXT = 1024
/** Of each kind of target in one log file: a million deletions must not hide who stopped the trail, nor fill the memory. */
const KEPT = 256

/**
 * The events of a log file's inflated bytes, as they come, that succeeded and changed a trail or a bucket. Never throws; what
 * is not as CloudTrail writes it yields nothing. Says nothing about whether the bytes are CloudTrail's.
 */
export function parseLogEvents(inflated: Uint8Array): LogEvent[] {
  const bytes = Buffer.from(inflated.buffer, inflated.byteOffset, inflated.byteLength)
  if (!namesAny(bytes)) return []
  const events: LogEvent[] = []
  const kept = { trail: 0, bucket: 0 }
  for (const record of records(bytes)) {
    const event = namesAny(record) ? parseRecord(record) : undefined
    if (event !== undefined && kept[event.target.kind]++ < KEPT) events.push(event)
  }
  return events
}

function namesAny(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += STRETCH - OVERLAP)
    if (NAMED.test(bytes.toString('latin1', at, at + STRETCH))) return true
  return false
}

const RECORDS = /^\s*\{\s*"Records"\s*:\s*\[/
const QUOTE = 0x22
const BACKSLASH = 0x5c

/** The elements of `Records`, unparsed: a whole log file as objects would take ten times its size. */
function* records(bytes: Buffer): Generator<Buffer, void, undefined> {
  const opening = RECORDS.exec(bytes.toString('latin1', 0, 256))
  if (opening === null) return
  let depth = 0
  let start = 0
  for (let at = opening[0].length; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte === QUOTE) {
      at = closingQuote(bytes, at)
    } else if (byte === 0x7b || byte === 0x5b) {
      if (depth++ === 0) start = at
    } else if (byte === 0x7d || byte === 0x5d) {
      if (--depth < 0) return
      if (depth === 0) yield bytes.subarray(start, at + 1)
    }
  }
}

function closingQuote(bytes: Buffer, open: number): number {
  for (let at = open + 1; at < bytes.length; at++) {
    const byte = bytes[at]
    if (byte === QUOTE) return at
    if (byte === BACKSLASH) at++
  }
  return bytes.length
}

type Fields = Readonly<Record<string, unknown>>

function parseRecord(record: Uint8Array): LogEvent | undefined {
  const json = parseJson(record)
  if (!json.ok || !isJsonObject(json.value)) return undefined
  const { value } = json
  const eventName = text(value, 'eventName')
  const eventSource = text(value, 'eventSource')
  const time = parseCloudTrailTime(text(value, 'eventTime') ?? '')
  const target = eventName === null || eventSource === null ? undefined : targetOf(eventName, eventSource, value)
  if (eventName === null || eventSource === null || time === undefined || target === undefined || failed(value)) return undefined
  const identity = fields(value, 'userIdentity')
  return {
    eventName,
    eventSource,
    time,
    eventId: text(value, 'eventID'),
    userArn: text(identity, 'arn') ?? text(identity, 'invokedBy'),
    sourceIpAddress: text(value, 'sourceIPAddress'),
    region: text(value, 'awsRegion'),
    target,
  }
}

/** A call that was refused changed nothing. */
function failed(event: Fields): boolean {
  return ['errorCode', 'errorMessage'].some((name) => own(event, name) !== undefined && own(event, name) !== null)
}

function targetOf(eventName: string, eventSource: string, event: Fields): LogEvent['target'] | undefined {
  const request = fields(event, 'requestParameters')
  const trailField = TRAIL_EVENTS.get(eventName)
  if (trailField !== undefined && eventSource === 'cloudtrail.amazonaws.com') {
    const name = text(request, trailField)
    return name === null ? undefined : { kind: 'trail', name }
  }
  if (!BUCKET_EVENTS.has(eventName) || eventSource !== 's3.amazonaws.com') return undefined
  const bucket = text(request, 'bucketName')
  return bucket === null ? undefined : { kind: 'bucket', bucket, key: text(request, 'key') }
}

function own(values: Fields, name: string): unknown {
  return Object.hasOwn(values, name) ? values[name] : undefined
}

function fields(values: Fields, name: string): Fields {
  const value = own(values, name)
  return isJsonObject(value) ? value : {}
}

function text(values: Fields, name: string): string | null {
  const value = own(values, name)
  return typeof value === 'string' && value !== '' ? value.slice(0, TEXT) : null
}
