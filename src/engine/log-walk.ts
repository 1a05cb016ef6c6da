/** Joins the log files of one account and region with what digests claim of them, measures what must be checked, and judges. */

import { objectName } from '../core/check-digest.js'
import { compareKeys } from '../core/compare-keys.js'
import { DAY } from '../core/coverage.js'
import { makeFinding, type Observation, type Subject, verdictOf } from '../core/finding.js'
import type { Finding, Verdict } from '../core/findings.js'
import {
  type CopyFact,
  judgeLogFile,
  judgeUntrustedLogFile,
  type LogFileJudgement,
  type StandingClaim,
} from '../core/judge-log-file.js'
import { type ObjectKey, parseObjectKey } from '../core/object-key.js'
import { type LogFileContext, timeOf } from '../core/reconcile.js'
import type { LogFileResult, LogFileStatus } from '../core/results.js'
import { formatTime } from '../core/time.js'
import { VerifyTrailError } from '../errors.js'
import { BodyError, type Source } from '../sources/source.js'
import { type Days, type Entry, listDays } from './day-listing.js'
import type { Claim } from './digest-walk.js'
import { floorDay } from './digest-walk.js'
import type { Scope, ScopePart } from './discover.js'
import { mapInOrder } from './in-order.js'
import { measureBytes, measureChunks } from './measure.js'
import type { Place } from './places.js'
import type { Run } from './run.js'
import { merge } from './sorted-spool.js'

/** An object of the listing or a claim, under one original bucket and key. */
type Row =
  | { readonly bucket: string; readonly key: string; readonly claim: Claim }
  | { readonly bucket: string; readonly key: string; readonly place: Place; readonly entry: Entry }

interface Group {
  readonly bucket: string
  readonly key: string
  readonly name: ObjectKey
  readonly claims: readonly Claim[]
  readonly objects: readonly { readonly place: Place; readonly entry: Entry }[]
}

/** What became of one log file. */
export interface JudgedLogFile {
  readonly result: LogFileResult | undefined
  readonly findings: readonly Finding[]
  /** Ordinals of the vouching digests that list it. */
  readonly listedBy: readonly number[]
  readonly status: LogFileStatus
}

/** In byte order of bucket and key. */
export async function* walkLogFiles(
  run: Run,
  scope: Scope,
  context: LogFileContext,
  claims: AsyncIterable<Claim>,
): AsyncGenerator<JudgedLogFile, void, undefined> {
  const walk = new LogWalk(run, scope, context)
  const judged = mapInOrder(walk.groups(claims), (group) => walk.judge(group), run.options.concurrency * 2)
  for await (const one of judged) if (one !== undefined) yield one
}

/** Folders that hold log files of the range, a day to each side: names and folders may disagree at midnight. */
function logDays(run: Run, start: number): Days {
  const { askedEnd } = run.range
  return {
    first: start === Number.NEGATIVE_INFINITY ? null : floorDay(start - DAY),
    last: askedEnd === null ? null : floorDay(askedEnd + DAY),
  }
}

class LogWalk {
  readonly #run: Run
  readonly #scope: Scope
  readonly #context: LogFileContext

  constructor(run: Run, scope: Scope, context: LogFileContext) {
    this.#run = run
    this.#scope = scope
    this.#context = context
  }

  /** Claims and listings, merged by their original bucket and key. */
  async *groups(claims: AsyncIterable<Claim>): AsyncGenerator<Group, void, undefined> {
    const byKey = (a: Row, b: Row): number => compareKeys(a.bucket, b.bucket) || compareKeys(a.key, b.key)
    const listings = this.#scope.parts.map((part) => this.#listing(part))
    let current: { bucket: string; key: string; claims: Claim[]; objects: { place: Place; entry: Entry }[] } | undefined
    for await (const row of merge<Row>([claimRows(claims), ...listings], byKey)) {
      this.#run.signal.throwIfAborted()
      if (current === undefined || current.bucket !== row.bucket || current.key !== row.key) {
        if (current !== undefined) yield { ...current, name: parseObjectKey(current.key) }
        current = { bucket: row.bucket, key: row.key, claims: [], objects: [] }
      }
      if ('claim' in row) current.claims.push(row.claim)
      else current.objects.push({ place: row.place, entry: row.entry })
    }
    if (current !== undefined) yield { ...current, name: parseObjectKey(current.key) }
  }

  async *#listing(part: ScopePart): AsyncGenerator<Row, void, undefined> {
    const { place } = part
    const days = logDays(this.#run, this.#context.start)
    const tops: { readonly key: string; readonly entry?: Entry }[] = [
      ...part.logFolders.map((key) => ({ key })),
      ...part.logObjects.map((entry) => ({ key: entry.key, entry })),
    ].sort((a, b) => compareKeys(a.key, b.key))
    let before = ''
    for (const top of tops) {
      const entries = top.entry === undefined ? listDays(place.source, top.key, days, this.#run.signal) : [top.entry]
      for await (const entry of entries) {
        if (compareKeys(entry.key, before) < 0) {
          const message = `${place.source.name} lists keys out of byte order: ${JSON.stringify(entry.key.slice(0, 200))} after ${JSON.stringify(before.slice(0, 200))}`
          throw new VerifyTrailError('ERR_LISTING_ORDER', message)
        }
        before = entry.key
        yield { bucket: place.bucket, key: place.original(entry.key), place, entry }
      }
    }
  }

  judge(group: Group): Promise<JudgedLogFile | undefined> | JudgedLogFile | undefined {
    const { name } = group
    const claims = this.#standing(group)
    const [claim] = claims
    const place = group.objects[0]?.place.index ?? (claim === undefined ? -1 : (this.#context.record(claim.ordinal)?.place ?? -1))
    if (!this.#context.isClaimed(claims, name, place)) return this.#unclaimed(group, place)
    if (!this.#context.isChecked(claims, name)) return undefined
    const vouching = claims.filter((claim) => claim.standing === 'vouching')
    if (vouching.length > 0) return this.#trusted(group, vouching)
    const weighty = claims.filter((claim) => claim.standing === 'unverified' || claim.standing === 'invalid')
    if (weighty.length > 0) return this.#untrusted(group, weighty)
    const observation: Observation = { code: 'LOG_FILE_PENDING', fields: { reason: 'digest-unproven' } }
    const judgement = { status: 'pending' as const, expected: claims[0]?.hash ?? null, found: null, observations: [observation] }
    return this.#result(group, claims, judgement, { read: 0, inflated: 0 })
  }

  /** What the claims are worth. An invalid digest's claims count only within its own bucket, account and region. */
  #standing(group: Group): StandingClaim[] {
    const { name } = group
    return group.claims
      .map((claim) => this.#context.claim(claim))
      .filter((claim) => {
        if (claim.standing !== 'invalid') return true
        const digest = this.#context.record(claim.ordinal)
        const own = name.kind === 'log-file' || name.kind === 'foreign' ? name : undefined
        return digest?.bucket === group.bucket && digest.name.accountId === own?.accountId && digest.name.region === own?.region
      })
  }

  #unclaimed(group: Group, place: number): JudgedLogFile | undefined {
    const { name, objects } = group
    const [object] = objects
    if (object === undefined || (name.kind !== 'log-file' && name.kind !== 'foreign')) return undefined
    if (object.entry.kind === 'unreadable' && object.entry.key.endsWith('/')) return this.#unreadableFolder(group, object.entry)
    if (!this.#context.inRange(name)) return undefined
    const { status, observation } = this.#context.judgeUnclaimed(name, place)
    return this.#result(group, [], { status, expected: null, found: null, observations: [observation] }, { read: 0, inflated: 0 })
  }

  #unreadableFolder(group: Group, entry: Extract<Entry, { kind: 'unreadable' }>): JudgedLogFile {
    const { reason, detail } = entry
    const fields = { reason, ...(detail === undefined ? {} : { detail }) }
    const findings = [makeFinding(this.#subject(group), { code: 'LOG_FILE_UNREADABLE', fields })]
    return { result: undefined, findings, listedBy: [], status: 'unverified' }
  }

  async #trusted(group: Group, claims: readonly StandingClaim[]): Promise<JudgedLogFile | undefined> {
    const beforeRange = this.#context.isBeforeRange(group.name)
    const { copies, read, inflated } = await this.#measure(group, true)
    const judgement = judgeLogFile(claims, copies, { beforeRange })
    return this.#result(group, claims, judgement, { read, inflated })
  }

  async #untrusted(group: Group, claims: readonly StandingClaim[]): Promise<JudgedLogFile | undefined> {
    const { copies, read, inflated } = await this.#measure(group, false)
    return this.#result(group, claims, judgeUntrustedLogFile(claims, copies), { read, inflated })
  }

  /** All copies in the listing; else where the claim points: only a read says that something is not there. */
  async #measure(group: Group, trusted: boolean): Promise<{ copies: CopyFact[]; read: number; inflated: number }> {
    const copies: CopyFact[] = []
    for (const { place, entry } of group.objects) {
      if (entry.kind === 'object') copies.push(await this.#copy(place.source, entry.key, entry.size))
      else
        copies.push({ kind: 'unreadable', reason: entry.reason, ...(entry.detail === undefined ? {} : { detail: entry.detail }) })
    }
    if (copies.length === 0) copies.push(await this.#fetch(group.bucket, group.key, trusted))
    let read = 0
    let inflated = 0
    for (const copy of copies) {
      if (copy.kind !== 'measured') continue
      read += copy.measurement.bytesRead
      inflated += copy.measurement.kind === 'measured' ? copy.measurement.bytesInflated : 0
    }
    return { copies, read, inflated }
  }

  async #fetch(bucket: string, key: string, trusted: boolean): Promise<CopyFact> {
    let answer: CopyFact = { kind: 'unreadable', reason: 'bucket-not-given' }
    for (const location of this.#run.places.locate(bucket, key, trusted)) {
      const copy = await this.#copy(location.source, location.key, undefined)
      if (copy.kind === 'measured') return copy
      if (answer.kind !== 'unreadable' || answer.reason === 'bucket-not-given') answer = copy
    }
    return answer
  }

  async #copy(source: Source, key: string, size: number | undefined): Promise<CopyFact> {
    const { signal, limit, options } = this.#run
    signal.throwIfAborted()
    const live = source.kind === 'store'
    try {
      return await limit(async (): Promise<CopyFact> => {
        const answer = await source.read(key, { signal, ...(size === undefined ? {} : { size }) })
        if (answer.kind !== 'object') return answer
        const { body } = answer
        const measurement =
          body instanceof Uint8Array
            ? measureBytes(body, options.maxInflatedBytes)
            : await measureChunks(body, options.maxInflatedBytes)
        return { kind: 'measured', measurement, live }
      })
    } catch (error) {
      if (error instanceof BodyError) return { kind: 'unreadable', reason: error.reason, detail: error.message }
      throw error
    }
  }

  #subject(group: Group): Subject {
    const { organizationId, accountId, region } = this.#scope
    const time = timeOf(group.name)
    return { object: objectName(group), organizationId, accountId, region, time: time === null ? null : formatTime(time.start) }
  }

  #result(
    group: Group,
    claims: readonly StandingClaim[],
    judgement: LogFileJudgement,
    bytes: { readonly read: number; readonly inflated: number },
  ): JudgedLogFile {
    const { status, expected, found, observations } = judgement
    const subject = this.#subject(group)
    const findings = observations.map((observation) => makeFinding(subject, observation))
    const vouching = claims.filter((claim) => claim.standing === 'vouching').map((claim) => claim.ordinal)
    // Named before the range and not there: a note, and nothing that was checked.
    const note = status === 'missing' && observations.every((observation) => verdictOf(observation) === 'note')
    if (note) return { result: undefined, findings, listedBy: [], status }
    const result: LogFileResult = {
      kind: 'log-file',
      verdict: VERDICTS[status],
      status,
      ...subject,
      accountId: this.#scope.accountId,
      listedBy: [...new Set(claims.map((claim) => claim.digest))],
      expected,
      found,
      bytesRead: bytes.read,
      bytesInflated: bytes.inflated,
      findings: observations.map((observation) => observation.code),
    }
    return { result, findings, listedBy: vouching, status }
  }
}

const VERDICTS: Readonly<Record<LogFileStatus, Verdict>> = {
  valid: 'valid',
  invalid: 'invalid',
  missing: 'invalid',
  unlisted: 'invalid',
  unverified: 'unverified',
  uncovered: 'unverified',
  pending: 'unverified',
}

async function* claimRows(claims: AsyncIterable<Claim>): AsyncGenerator<Row, void, undefined> {
  for await (const claim of claims) yield { bucket: claim.bucket, key: claim.key, claim }
}
