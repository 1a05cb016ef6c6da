/**
 * What a run tells whoever listens in the same process, through `node:diagnostics_channel`. A message is a copy: what a subscriber
 * does to it, or throws, reaches no verdict. Where nobody listens, nothing is made.
 */
import { type Channel, channel } from 'node:diagnostics_channel'
import type { Finding, Gap } from './core/findings.js'
import type { CarriedOverResult, DigestResult, LogFileResult, Result, Summary } from './core/results.js'

/** On `verify-trail:start`, once the options of a run are checked. */
export interface StartMessage {
  /** Tells the runs of a process apart. */
  readonly run: number
  /** ISO 8601 UTC. */
  readonly startedAt: string
  readonly sources: readonly string[]
}

/** On `verify-trail:digest`, just before the run yields it. Its text was perhaps chosen by an attacker. */
export interface DigestMessage {
  readonly run: number
  readonly result: DigestResult
}

/** On `verify-trail:log-file`, just before the run yields it. Its text was perhaps chosen by an attacker. */
export interface LogFileMessage {
  readonly run: number
  readonly result: LogFileResult
}

/** On `verify-trail:carried-over`, just before the run yields it: with a state, in place of the results of what was not read again. */
export interface CarriedOverMessage {
  readonly run: number
  readonly result: CarriedOverResult
}

/** On `verify-trail:finding`, just before the run yields it: findings and gaps. Its text was perhaps chosen by an attacker. */
export interface FindingMessage {
  readonly run: number
  readonly result: Finding | Gap
}

/** On `verify-trail:end`, once for each `verify-trail:start`. */
export interface EndMessage {
  readonly run: number
  /** Null where there is none, so nothing was proven: the run threw, or whoever reads its results left before the end. */
  readonly summary: Summary | null
}

/**
 * On `verify-trail:request`: one request to S3 that was answered, refused or given up. Not of which run: runs may share a source.
 * Questions to CloudTrail are not among them.
 */
export interface RequestMessage {
  readonly bucket: string
  readonly region: string
  /** From 1. */
  readonly attempt: number
  /** From when the request was sent to when what was needed of the answer had come. */
  readonly milliseconds: number
  /** S3's error code, else Node's; null where it was answered. */
  readonly code: string | null
}

/** On `verify-trail:retry`: a request to S3 failed and will be sent again. */
export interface RetryMessage {
  readonly bucket: string
  /** The attempt that failed, from 1. */
  readonly attempt: number
  /** S3's error code, else Node's. */
  readonly code: string
  /** HTTP status; null where there was no answer. */
  readonly status: number | null
  /** In milliseconds: when it is sent again. */
  readonly pause: number
}

/** The channels by name, each with what is published on it. */
export interface ChannelMessages {
  'verify-trail:start': StartMessage
  'verify-trail:digest': DigestMessage
  'verify-trail:log-file': LogFileMessage
  'verify-trail:carried-over': CarriedOverMessage
  'verify-trail:finding': FindingMessage
  'verify-trail:end': EndMessage
  'verify-trail:request': RequestMessage
  'verify-trail:retry': RetryMessage
}

const START = open('verify-trail:start')
const END = open('verify-trail:end')
const FINDING = open('verify-trail:finding')
const RESULTS = {
  digest: open('verify-trail:digest'),
  'log-file': open('verify-trail:log-file'),
  'carried-over': open('verify-trail:carried-over'),
  finding: FINDING,
  gap: FINDING,
}
const REQUEST = open('verify-trail:request')
const RETRY = open('verify-trail:retry')

let runs = 0

/** Returns the number of the run. */
export function publishStart(message: Omit<StartMessage, 'run'>): number {
  const run = ++runs
  if (START.hasSubscribers) START.publish({ run, ...message } satisfies StartMessage)
  return run
}

/** Called for each log file. */
export function publishResult(run: number, result: Exclude<Result, Summary>): void {
  const channel = RESULTS[result.kind]
  if (channel.hasSubscribers) channel.publish({ run, result: structuredClone(result) })
}

export function publishEnd(run: number, summary: Summary | null): void {
  if (END.hasSubscribers) END.publish({ run, summary: structuredClone(summary) } satisfies EndMessage)
}

/** Called before a request: what to call after it. Undefined where nobody listens. */
export function timeRequest(bucket: string, region: string, attempt: number): ((code: string | null) => void) | undefined {
  if (!REQUEST.hasSubscribers) return undefined
  const start = performance.now()
  return (code) =>
    REQUEST.publish({ bucket, region, attempt, milliseconds: performance.now() - start, code } satisfies RequestMessage)
}

export function publishRetry(message: RetryMessage): void {
  if (RETRY.hasSubscribers) RETRY.publish({ ...message })
}

function open(name: keyof ChannelMessages): Channel {
  return channel(name)
}
