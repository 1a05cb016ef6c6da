/** Joins the log files of one account and region with what digests claim of them, measures what must be checked, and judges. */

import { objectName } from '../core/check-digest.js'
import { compareKeys } from '../core/compare-keys.js'
import { digestProof } from '../core/digest-result.js'
import { makeFinding, type Observation, type Subject, verdictOf } from '../core/finding.js'
import type { Finding, Verdict } from '../core/findings.js'
import {
  type CopyFact,
  judgeLogFile,
  judgeUntrustedLogFile,
  type LogFileJudgement,
  type StandingClaim,
} from '../core/judge-log-file.js'
import { isInflatedName, type ObjectKey, parseObjectKey } from '../core/object-key.js'
import { type LogFileContext, timeOf } from '../core/reconcile.js'
import type { LogFileResult, LogFileStatus } from '../core/results.js'
import { formatTime } from '../core/time.js'
import type { ListedObject } from '../sources/source.js'
import type { Claim } from './claim-spool.js'
import { type Entry, isBetween } from './day-listing.js'
import type { Scope, ScopePart } from './discover.js'
import { mapPagesInOrder } from './in-order.js'
import type { JudgedLogFile } from './judged-log-file.js'
import { type Listed, type LogFoldersAhead, listLogFiles, logDays } from './log-listing.js'
import type { CopyToMeasure } from './measurer.js'
import { mergePages } from './merge-pages.js'
import { daysIn, isIn, type Months, monthOfKey } from './months.js'
import type { Place } from './places.js'
import type { Run } from './run.js'
import type { SettledPast } from './settled-past.js'
import { sourceLabel } from './source-label.js'

type Row = Claim | Listed

interface Group {
  readonly bucket: string
  readonly key: string
  readonly name: ObjectKey
  readonly claims: readonly Claim[]
  readonly objects: readonly Listed[]
}

interface OpenGroup extends Group {
  readonly claims: Claim[]
  readonly objects: Listed[]
}

/** In byte order of bucket and key, a page at a time; of some months, where they are given. */
export async function* walkLogFiles(
  run: Run,
  scope: Scope,
  context: LogFileContext,
  claims: AsyncIterable<readonly Claim[]>,
  ahead: LogFoldersAhead,
  { months, past }: { readonly months?: Months | undefined; readonly past?: SettledPast | undefined } = {},
): AsyncGenerator<readonly (JudgedLogFile | undefined)[], void, undefined> {
  const walk = new LogWalk(run, scope, context, ahead, months, past)
  yield* mapPagesInOrder(
    walk.groups(months === undefined ? claims : claimsIn(months, claims)),
    (group) => walk.judge(group),
    run.measurer.window,
    isUrgent,
  )
}

async function* claimsIn(months: Months, claims: AsyncIterable<readonly Claim[]>): AsyncGenerator<readonly Claim[]> {
  for await (const page of claims) yield page.filter(({ key }) => isIn(months, monthOfKey(key) ?? ''))
}

function isUrgent(judged: JudgedLogFile | undefined): boolean {
  return judged !== undefined && judged.findings.length > 0
}

function copyOf({ source }: Place, { key, size, identity }: ListedObject): CopyToMeasure {
  return { source, key, size, identity }
}

class LogWalk {
  readonly #run: Run
  readonly #scope: Scope
  readonly #context: LogFileContext
  readonly #ahead: LogFoldersAhead
  readonly #months: Months | undefined
  readonly #past: SettledPast | undefined

  constructor(
    run: Run,
    scope: Scope,
    context: LogFileContext,
    ahead: LogFoldersAhead,
    months: Months | undefined,
    past: SettledPast | undefined,
  ) {
    this.#past = past
    this.#months = months
    this.#ahead = ahead
    this.#run = run
    this.#scope = scope
    this.#context = context
  }

  /** Claims and listings, merged by their original bucket and key. */
  async *groups(claims: AsyncIterable<readonly Claim[]>): AsyncGenerator<readonly Group[], void, undefined> {
    const byKey = (a: Row, b: Row): number =>
      (a.bucket === b.bucket ? 0 : compareKeys(a.bucket, b.bucket)) || compareKeys(a.key, b.key)
    const listings = this.#scope.parts.map((part) => this.#listing(part))
    let current: OpenGroup | undefined
    let inflated: OpenGroup | undefined
    const open = this.#past === undefined ? claims : this.#past.unsettled(claims)
    for await (const rows of mergePages<Row>([open, ...listings], byKey)) {
      this.#run.signal.throwIfAborted()
      const groups: Group[] = []
      for (const row of rows) {
        if (current === undefined || current.key !== row.key || current.bucket !== row.bucket) {
          if (current !== undefined) inflated = settle(groups, inflated, current)
          current = { bucket: row.bucket, key: row.key, name: parseObjectKey(row.key), claims: [], objects: [] }
        }
        if ('entry' in row) current.objects.push(row)
        else this.#addClaim(current.claims, row)
      }
      if (groups.length > 0) yield groups
    }
    const last: Group[] = []
    if (current !== undefined) inflated = settle(last, inflated, current)
    if (inflated !== undefined) last.push(inflated)
    yield last
  }

  /** Planted digests may list one log file any number of times: what valid ones say of it is kept, and enough of the rest. */
  #addClaim(claims: Claim[], claim: Claim): void {
    const last = claims.at(-1)
    if (last?.ordinal === claim.ordinal && last.hash === claim.hash) return
    if (claims.length < CLAIMS_KEPT || this.#context.claim(claim).standing === 'vouching') claims.push(claim)
  }

  async *#listing(part: ScopePart): AsyncGenerator<readonly Row[], void, undefined> {
    const days = logDays(this.#run, this.#context.start)
    const past = this.#past
    const held = past?.heldOf(part, days)
    if (held === undefined) {
      const months = this.#months
      const wanted = months === undefined ? days : daysIn(months, days)
      yield* listLogFiles(this.#run, part, wanted, { months, ahead: this.#ahead.get(part), past })
    } else for (const page of held) yield page.filter(({ day }) => day === null || isBetween(day, days))
  }

  judge(group: Group): Promise<JudgedLogFile | undefined> | JudgedLogFile | undefined {
    const { name } = group
    const claims = this.#standing(group)
    const [claim] = claims
    const place = group.objects[0]?.place.index ?? (claim === undefined ? -1 : (this.#context.record(claim.ordinal)?.place ?? -1))
    if (!this.#context.isClaimed(claims, name, place)) return this.#unclaimed(group, place)
    const waits = claims.every(({ standing }) => standing === 'unsigned') && this.#context.mayWait(claims, name, place)
    if (waits) return this.#pending(group, claims)
    if (!this.#context.isChecked(claims, name)) return undefined
    const vouching = claims.filter((claim) => claim.standing === 'vouching')
    if (vouching.length > 0) return this.#measured(group, vouching, true)
    return this.#measured(group, claims, false)
  }

  /** Listed only by digests after the default end that lack only a signature. */
  #pending(group: Group, claims: readonly StandingClaim[]): JudgedLogFile | undefined {
    if (!this.#context.inRange(group.name)) return undefined
    const observation: Observation = { code: 'LOG_FILE_PENDING', fields: { reason: 'digest-unproven' } }
    const judgement = { status: 'pending' as const, expected: claims[0]?.hash ?? null, found: null, observations: [observation] }
    return this.#result(group, claims, judgement, { read: 0, inflated: 0 })
  }

  /** What the claims are worth. An invalid digest's claims count only within its own bucket, account and region. */
  #standing(group: Group): StandingClaim[] {
    const claims: StandingClaim[] = []
    for (const written of group.claims) {
      const claim = this.#context.claim(written)
      if (claim.standing !== 'invalid' || this.#isOwn(group, claim)) claims.push(claim)
    }
    return claims
  }

  #isOwn({ bucket, name }: Group, claim: StandingClaim): boolean {
    const digest = this.#context.record(claim.ordinal)
    if (digest === undefined || (name.kind !== 'log-file' && name.kind !== 'foreign')) return false
    return digest.bucket === bucket && digest.name.accountId === name.accountId && digest.name.region === name.region
  }

  #unclaimed(group: Group, place: number): JudgedLogFile | undefined {
    const { name, objects } = group
    const [object] = objects
    if (object === undefined || (name.kind !== 'log-file' && name.kind !== 'foreign')) return undefined
    if (object.entry.kind === 'unreadable' && object.entry.key.endsWith('/')) return this.#unreadable(group, object.entry)
    const inflated = object.entry.kind === 'object' ? this.#unclaimedInflated(group, place) : undefined
    if (inflated !== undefined) return inflated
    if (!this.#context.inRange(name)) return undefined
    if (object.entry.kind === 'unreadable') return this.#unreadable(group, object.entry)
    const { status, observation } = this.#context.judgeUnclaimed(name, place)
    return this.#result(group, [], { status, expected: null, found: null, observations: [observation] }, { read: 0, inflated: 0 })
  }

  /** An inflated object of an export that lost the `.gz` of its name, where no chain could have listed it. Else it is a file of another name. */
  #unclaimedInflated({ key, ...group }: Group, place: number): JudgedLogFile | undefined {
    if (!isInflatedName(baseName(key)) || !group.objects.every((object) => object.place.source.kind === 'export'))
      return undefined
    const name = parseObjectKey(`${key}.gz`)
    if (name.kind !== 'log-file' || !this.#context.inRange(name)) return undefined
    const { status, observation } = this.#context.judgeUnclaimed(name, place)
    if (status === 'unlisted') return undefined
    const judgement = { status, expected: null, found: null, observations: [observation] }
    return this.#result({ ...group, key: `${key}.gz`, name }, [], judgement, { read: 0, inflated: 0 })
  }

  #unreadable(group: Group, entry: Extract<Entry, { kind: 'unreadable' }>): JudgedLogFile {
    const { reason, detail } = entry
    const fields = { reason, ...(detail === undefined ? {} : { detail }) }
    const findings = [makeFinding(this.#subject(group), { code: 'LOG_FILE_UNREADABLE', fields })]
    return { result: undefined, findings, listedBy: [], status: 'unverified', day: dayOfName(group.name) }
  }

  #measured(group: Group, claims: readonly StandingClaim[], trusted: boolean): Promise<JudgedLogFile> | JudgedLogFile {
    const copies = this.#copies(group, trusted)
    return copies instanceof Promise
      ? copies.then((facts) => this.#judgeCopies(group, claims, facts, trusted))
      : this.#judgeCopies(group, claims, copies, trusted)
  }

  #judgeCopies(group: Group, claims: readonly StandingClaim[], copies: readonly CopyFact[], trusted: boolean): JudgedLogFile {
    const judgement = trusted
      ? judgeLogFile(claims, copies, {
          beforeRange: this.#context.isBeforeRange(group.name),
          firstIsExact: copies.length > group.objects.length,
        })
      : judgeUntrustedLogFile(claims, copies)
    let read = 0
    let inflated = 0
    for (const copy of copies) {
      if (copy.kind !== 'measured') continue
      read += copy.measurement.bytesRead
      inflated += copy.measurement.kind === 'measured' ? copy.measurement.bytesInflated : 0
    }
    const [only] = copies
    const keptIn = copies.length === 1 && only?.kind === 'measured' ? only.keptIn : undefined
    const judged = this.#result(group, claims, judgement, { read, inflated })
    return keptIn === undefined ? judged : { ...judged, keptIn }
  }

  /**
   * All copies in the listing; else where the claim points: only a read says that something is not there. Where an exact
   * place should have it and does not list it, that place is read first, whatever lies elsewhere.
   */
  #copies(group: Group, trusted: boolean): Promise<CopyFact[]> | CopyFact[] {
    const { bucket, key, objects } = group
    // Nobody's word orders a request for what no listing has.
    if (objects.length === 0) return trusted ? this.#fetch(bucket, key) : [{ kind: 'missing' }]
    const [only] = objects
    if (only?.entry.kind === 'object' && objects.length === 1 && this.#run.places.all.length === 1) {
      const fact = this.#run.measurer.measure(copyOf(only.place, only.entry))
      return fact instanceof Promise ? fact.then((copy) => [copy]) : [fact]
    }
    const copies = objects.map(({ place, entry }) => {
      if (entry.kind === 'object') return this.#run.measurer.measure(copyOf(place, entry))
      const { reason, detail } = entry
      return { kind: 'unreadable', reason, ...(detail === undefined ? {} : { detail }) } as const
    })
    const known = objects.map(({ place }) => place.index)
    const exact = trusted ? this.#run.places.exact(bucket, key, known) : undefined
    if (exact !== undefined) copies.unshift(this.#run.measurer.measure({ ...exact, size: undefined }))
    return copies.some((copy) => copy instanceof Promise) ? Promise.all(copies) : (copies as CopyFact[])
  }

  async #fetch(bucket: string, key: string): Promise<CopyFact[]> {
    let answer: CopyFact = { kind: 'unreadable', reason: 'bucket-not-given' }
    for (const { source, key: at, place } of this.#run.places.locate(bucket, key)) {
      // What its own place answered stands: a copy elsewhere is none of its.
      if (answer.kind === 'missing' && this.#run.places.all[place]?.isExact !== true) break
      const copy = await this.#run.measurer.measure({ source, key: at, size: undefined })
      if (copy.kind === 'measured') return [copy]
      if (answer.kind !== 'unreadable' || answer.reason === 'bucket-not-given') answer = copy
    }
    return [answer.kind === 'missing' ? await this.#missing(bucket, key) : answer]
  }

  /** What lies in a part of an export that may be of any bucket is not said to be missing: only the operator can tell. */
  async #missing(bucket: string, key: string): Promise<CopyFact> {
    for (const { source, key: at } of this.#run.places.perhaps(bucket, key)) {
      const copy = await this.#run.measurer.measure({ source, key: at, size: undefined })
      if (copy.kind === 'missing') continue
      const detail = `${sourceLabel(source, this.#run.options.sources)} has a ${at}, and may be a part of any bucket: --bucket ${bucket} says that it is of this one`
      return { kind: 'unreadable', reason: 'bucket-not-given', detail: detail.slice(0, MOST_DETAIL) }
    }
    return { kind: 'missing' }
  }

  #subject(group: Group): Subject {
    const { organizationId, accountId, region } = this.#scope
    const time = timeOf(group.name)
    return { object: objectName(group), organizationId, accountId, region, time: time === null ? null : formatTime(time.start) }
  }

  /** Where digests list the log file: with what these are worth. */
  #findings(subject: Subject, observations: readonly Observation[], claims: readonly StandingClaim[]): Finding[] {
    const digests = [...new Set(claims.map((claim) => claim.ordinal))].slice(0, PROOFS_KEPT).flatMap((ordinal) => {
      const record = this.#context.record(ordinal)
      return (record && digestProof(record)) ?? []
    })
    return observations.map((observation) => {
      const finding = makeFinding(subject, observation)
      const lists = 'listedBy' in finding || finding.code === 'LOG_FILE_CONFLICTING'
      return lists && digests.length > 0 ? { ...finding, digests } : finding
    })
  }

  #result(
    group: Group,
    claims: readonly StandingClaim[],
    judgement: LogFileJudgement,
    bytes: { readonly read: number; readonly inflated: number },
  ): JudgedLogFile {
    const { status, expected, found, observations } = judgement
    const subject = this.#subject(group)
    const findings = observations.length === 0 ? NONE : this.#findings(subject, observations, claims)
    const vouching = claims.filter((claim) => claim.standing === 'vouching').map((claim) => claim.ordinal)
    // Named before the range and not there: a note, and nothing that was checked.
    const note = status === 'missing' && observations.every((observation) => verdictOf(observation) === 'note')
    const day = dayOfName(group.name)
    if (note) return { result: undefined, findings, listedBy: [], status, day }
    const [only] = claims
    const result: LogFileResult = {
      kind: 'log-file',
      verdict: VERDICTS[status],
      status,
      object: subject.object,
      organizationId: subject.organizationId,
      accountId: this.#scope.accountId,
      region: subject.region,
      time: subject.time,
      listedBy: only !== undefined && claims.length === 1 ? [only.digest] : [...new Set(claims.map((claim) => claim.digest))],
      expected,
      found,
      bytesRead: bytes.read,
      bytesInflated: bytes.inflated,
      findings: observations.map((observation) => observation.code),
    }
    return { result, findings, listedBy: vouching, status, day }
  }
}

/**
 * An object that was inflated and lost the `.gz` of its name stands, in an export, for the one that is claimed and is not listed. `held`: what
 * may be such an object, of the key before; returns this one if it may be.
 */
function settle(groups: Group[], held: OpenGroup | undefined, group: OpenGroup): OpenGroup | undefined {
  const stands = held !== undefined && group.key === `${held.key}.gz` && group.bucket === held.bucket
  if (stands && group.claims.length > 0 && group.objects.length === 0) group.objects.push(...held.objects)
  else if (held !== undefined) groups.push(held)
  const mayStand = group.name.kind === 'foreign' && group.claims.length === 0 && isInflatedName(baseName(group.key))
  if (mayStand && group.objects.every(({ place }) => place.source.kind === 'export')) return group
  groups.push(group)
  return undefined
}

function dayOfName(name: ObjectKey): number | null {
  return name.kind === 'log-file' || name.kind === 'foreign' ? name.day : null
}

function baseName(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1)
}

const NONE: readonly Finding[] = []

const VERDICTS: Readonly<Record<LogFileStatus, Verdict>> = {
  valid: 'valid',
  invalid: 'invalid',
  missing: 'invalid',
  unlisted: 'invalid',
  unverified: 'unverified',
  uncovered: 'unverified',
  pending: 'unverified',
}

const CLAIMS_KEPT = 64
/** Of a log file, how many digests are told with what they are worth. */
const PROOFS_KEPT = 5
const MOST_DETAIL = 1024
