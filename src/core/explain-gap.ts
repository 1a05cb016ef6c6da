/** Which events explain a gap: those on the trail or its bucket around where the gap begins and ends. */
import { HOUR, MINUTE } from './coverage.js'
import type { ChainId, GapEvent, GapReason } from './findings.js'
import type { LogEvent } from './log-events.js'
import type { OpenHours } from './open-hours.js'
import { formatTime } from './time.js'

/** An event and where it was found: in a log file whose bytes have the hash that a valid digest lists. */
export interface ProvenEvent extends LogEvent {
  /** `s3://bucket/key` */
  readonly logFile: string
  readonly sha256: string
}

/** A digest speaks of deliveries, an event of the call before it: the final digest may end this long after the call. */
export const BEFORE_EDGE: number = 75 * MINUTE
/** How long after an edge an event may still be about it. */
export const AFTER_EDGE: number = 15 * MINUTE
const MOST_EVENTS = 20

const STOPS: ReadonlySet<string> = new Set(['StopLogging', 'DeleteTrail'])
const STARTS: ReadonlySet<string> = new Set(['StartLogging', 'CreateTrail'])
/** Of what a stop may be the reason: elsewhere the digests themselves say more. */
const MAY_BE_STOPPED: ReadonlySet<GapReason> = new Set(['chain-restarted', 'after-last'])

/** Where a gap begins or ends because of something that happened: not at an end of the range, nor of what may yet come. */
export function gapEdges({ start, end, reason }: OpenHours): readonly number[] {
  switch (reason) {
    case 'before-first':
      return [end]
    case 'after-last':
      return [start]
    case 'too-recent':
    case 'not-found':
      return []
    case 'chain-restarted':
    case 'logging-stopped':
    case 'digests-missing':
    case 'digest-invalid':
      return [start, end]
  }
}

/**
 * A gap with the events that explain it, in order of time. `logging-stopped` says that the trail was stopped or deleted when the
 * gap began, not that it stayed so: nothing proves what was not recorded. `buckets`: those of the chain's valid digests.
 */
export function explainGap(
  gap: OpenHours,
  id: ChainId,
  buckets: ReadonlySet<string>,
  events: readonly ProvenEvent[],
): OpenHours & { readonly events: readonly GapEvent[] } {
  const edges = gapEdges(gap)
  const near = events.filter((event) => edges.some((edge) => isNear(event.time, edge)) && concerns(event, id, buckets))
  const unique = [...new Map(near.map((event) => [identity(event), event])).values()].sort(byTime)
  const reason = MAY_BE_STOPPED.has(gap.reason) && wasStopped(unique, gap.start) ? 'logging-stopped' : gap.reason
  return { ...gap, reason, events: mostTelling(unique).map(toGapEvent) }
}

function isNear(time: number, edge: number): boolean {
  return time >= edge - BEFORE_EDGE && time <= edge + AFTER_EDGE
}

/** A trail is named by its name, in its home region, or by its ARN; an organization's trail is its management account's. */
function concerns({ target, region }: LogEvent, id: ChainId, buckets: ReadonlySet<string>): boolean {
  if (target.kind === 'bucket') return buckets.has(target.bucket) && (target.key === null || target.key.includes('AWSLogs/'))
  if (!target.name.startsWith('arn:')) return target.name === id.trail && region === id.homeRegion
  const [, , service, home, account, resource] = target.name.split(':')
  const ours = account === id.accountId || id.organizationId !== null
  return service === 'cloudtrail' && home === id.homeRegion && ours && resource === `trail/${id.trail}`
}

/** Two trails record one event twice. */
function identity({ eventId, eventName, time, logFile }: ProvenEvent): string {
  return eventId ?? `${eventName}\n${time}\n${logFile}`
}

function byTime(a: ProvenEvent, b: ProvenEvent): number {
  return a.time - b.time || (identity(a) < identity(b) ? -1 : 1)
}

/** The last that was said before the digests end must be a stop: where it is a start, logging was on. */
function wasStopped(events: readonly ProvenEvent[], start: number): boolean {
  const said = events.filter(({ eventName, time }) => isSwitch(eventName) && isNear(time, start))
  const before = said.filter(({ time }) => time <= start)
  const [first] = before.length === 0 ? said : []
  const last = before.at(-1) ?? first
  return last !== undefined && said.filter(({ time }) => time === last.time).every(({ eventName }) => STOPS.has(eventName))
}

function isSwitch(eventName: string): boolean {
  return STOPS.has(eventName) || STARTS.has(eventName)
}

/** What switched the trail counts most, then what changed it, then its bucket, then single objects. */
function mostTelling(events: readonly ProvenEvent[]): readonly ProvenEvent[] {
  if (events.length <= MOST_EVENTS) return events
  const kept = new Set([...events].sort((a, b) => weight(b) - weight(a) || byTime(a, b)).slice(0, MOST_EVENTS))
  return events.filter((event) => kept.has(event))
}

function weight({ eventName, target }: ProvenEvent): number {
  if (isSwitch(eventName)) return 3
  if (target.kind === 'trail') return 2
  return eventName.startsWith('DeleteObject') ? 0 : 1
}

function toGapEvent({
  eventName,
  eventSource,
  time,
  eventId,
  userArn,
  sourceIpAddress,
  target,
  logFile,
  sha256,
}: ProvenEvent): GapEvent {
  const named =
    target.kind === 'trail' ? target.name : target.key === null ? target.bucket : `s3://${target.bucket}/${target.key}`
  return {
    eventName,
    eventTime: formatTime(time),
    eventSource,
    eventId,
    userArn,
    sourceIpAddress,
    target: named,
    logFile,
    sha256,
  }
}

/** The log files that may hold what happened around an edge, by the times in their names. */
export const LOG_FILES_BEFORE: number = BEFORE_EDGE + 5 * MINUTE
export const LOG_FILES_AFTER: number = AFTER_EDGE + HOUR / 2
