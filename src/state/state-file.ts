/** The state of `--state FILE`: a journal of what was read of which object, for a run that goes on, and for the next ones. */
import { createHash, randomBytes } from 'node:crypto'
import type { CopyFact } from '../core/judge-log-file.js'
import type { CarriedOver, StateUse } from '../core/results.js'
import { type DaySpan, NOTHING_SETTLED, type SettledDays } from '../core/settled-days.js'
import type { DigestToKeep, IdentifiedObject, KeptDigest, RunState, StateScope } from '../engine/run-state.js'
import type { Carried } from '../engine/whole-body.js'
import { VerifyTrailError } from '../errors.js'
import type { Journal } from './journal.js'
import { compact, factOf, type Kept, type KeptLine, type Known, nameOf, readKnown, settledBefore } from './known-objects.js'
import { folderOf, type Pack, PackShelf, packedId } from './packed-log-files.js'
import { isChange, settledAfter, settledChange } from './settled-records.js'
import { lockState } from './state-lock.js'
import { type Binding, differences, parseRecord, type RunRecord, type StateRecord } from './state-records.js'

export interface StateOptions {
  readonly path: string
  /** Who has it not cannot write what is believed. */
  readonly key?: Uint8Array | undefined
  /** What a state is only good for. */
  readonly binding: Binding
  /** What is asked to be taken as now. */
  readonly asOf?: Date | undefined
  /** The share of what could be carried over that is read again. */
  readonly recheck?: number | undefined
}

/** Digests of more are read again. */
const MOST_DIGEST = 1024 * 1024

export class StateFile implements RunState {
  /** What the run takes as now. */
  readonly now: Date
  readonly #journal: Journal
  readonly #known: Known
  readonly #run: RunRecord
  readonly #options: Pick<StateOptions, 'path' | 'key'>
  readonly #unlock: () => Promise<void>
  readonly #carried = { digests: 0, logFiles: 0, bytes: 0, oldest: Number.POSITIVE_INFINITY, newest: 0 }
  readonly #packs: PackShelf
  /** What was settled before this run, of accounts and regions that are at work. */
  readonly #settled = new Map<string, SettledDays>()
  #ended = false
  #failure: unknown

  private constructor(
    options: Pick<StateOptions, 'path' | 'key'>,
    journal: Journal,
    known: Known,
    run: RunRecord,
    unlock: () => Promise<void>,
  ) {
    this.#options = options
    this.#unlock = unlock
    this.#journal = journal
    this.#packs = new PackShelf(journal)
    this.#known = known
    this.#run = run
    this.now = new Date(run.now)
  }

  /** Goes on with the run that broke off, or begins the next one. Throws ERR_STATE where the file is not this run's, or another has it. */
  static async open(options: StateOptions): Promise<StateFile> {
    const unlock = await lockState(options.path)
    try {
      return await StateFile.#openLocked(options, unlock)
    } catch (error) {
      await unlock()
      throw error
    }
  }

  static async #openLocked(options: StateOptions, unlock: () => Promise<void>): Promise<StateFile> {
    const { path, key, binding } = options
    const { journal, known } = await readCompacted(path, key, NONE, (was) => was && checkBinding(path, was, binding))
    const opened = (run: RunRecord): StateFile => new StateFile(options, journal, known, run, unlock)
    try {
      if (known.binding === undefined) await journal.append({ kind: 'state', form: 2, binding })
      const last = known.runs.at(-1)
      if (last !== undefined && !known.ended) {
        checkGoesOn(path, last, options)
        return opened(last)
      }
      const run = newRun(known, options)
      await journal.append(run)
      return opened(run)
    } catch (error) {
      await journal.close()
      throw error
    }
  }

  logFile(object: IdentifiedObject): CopyFact | undefined | Promise<CopyFact | undefined> {
    const name = objectName(object.source, object.key)
    const kept = this.#kept(nameOf({ kind: 'log-file', name }), object)
    const { fact } = kept ?? {}
    if (kept === undefined || fact?.kind !== 'measured') return this.#packed(name, object)
    if (this.#count(kept, fact.measurement.bytesRead)) this.#carried.logFiles++
    return fact
  }

  /** The newest of the packs of its folder that has exactly this object. */
  #packed(name: string, object: IdentifiedObject): CopyFact | undefined | Promise<CopyFact | undefined> {
    const packs = this.#known.packs.get(nameOf({ kind: 'folder', name: folderOf(name) }))
    for (const pack of packs ?? []) pack.asked = true
    const usable = packs?.filter(({ run }) => this.#isUsable(nameOf({ kind: 'log-file', name }), run, object)) ?? []
    if (usable.length === 0) return undefined
    const opened = usable.map(({ line }) => this.#packs.at(line))
    const find = (all: readonly Pack[]): CopyFact | undefined => {
      const id = packedId(name, object.identity)
      for (let at = all.length - 1; at >= 0; at--) {
        const [pack, kept] = [all[at], usable[at]]
        const row = pack?.find(id)
        if (pack === undefined || kept === undefined || row === undefined) continue
        const facts = pack.facts(row)
        if (kept.run !== this.#run.run && pack.count(row)) {
          this.#carry(kept.run, facts.bytesRead)
          this.#carried.logFiles++
        }
        return factOf(facts, kept.run)
      }
      return undefined
    }
    return opened.some((pack) => pack instanceof Promise) ? Promise.all(opened).then(find) : find(opened as Pack[])
  }

  keepLogFile({ source, key, identity }: IdentifiedObject, fact: CopyFact): number | undefined {
    if (fact.kind !== 'measured' || fact.measurement.kind !== 'measured') return undefined
    const { damage, trailing, gzip, sha256, bytesRead, bytesInflated } = fact.measurement
    // What was wrong is looked at anew each time.
    if (damage !== null || trailing !== null) return undefined
    const measured = { gzip, live: fact.live, sha256, bytesRead, bytesInflated }
    const { run } = this.#run
    this.#append({ kind: 'log-file', name: objectName(source, key), identity, run, ...measured })
    return run
  }

  async digest({ source, sourceKey, identity, size }: DigestToKeep): Promise<KeptDigest | undefined> {
    if (identity === undefined || source.kind !== 'store') return undefined
    const object = { source: source.name, key: sourceKey, identity, lasting: true }
    const kept = this.#kept(nameOf({ kind: 'digest', name: objectName(source.name, sourceKey) }), object)
    if (kept === undefined) return undefined
    const record = parseRecord(await this.#journal.readAgain(kept.line))
    if (record?.kind !== 'digest') return undefined
    const bytes = Buffer.from(record.bytes, 'base64')
    if (size !== undefined && bytes.length !== size) return undefined
    if (this.#count(kept, bytes.length)) this.#carried.digests++
    return { run: kept.run, bytes, carried: record.metadata === null ? {} : { metadata: record.metadata } }
  }

  keepDigest({ source, sourceKey, identity }: DigestToKeep, bytes: Uint8Array, carried: Carried): number | undefined {
    const isListed = identity !== undefined && carried.identity === identity && source.kind === 'store'
    if (!isListed || bytes.length > MOST_DIGEST) return undefined
    if (carried.metadataFrom !== undefined || carried.unusableMetadata !== undefined) return undefined
    const name = objectName(source.name, sourceKey)
    const { metadata = null } = carried
    const stored = Buffer.from(bytes).toString('base64')
    const { run } = this.#run
    this.#append({ kind: 'digest', name, identity, run, metadata, bytes: stored })
    return run
  }

  async settled(scope: StateScope): Promise<SettledDays> {
    const lines = this.#linesOf(scope)
    for (const line of lines) line.asked = true
    const days = settledAfter(await settledBefore(this.#journal, lines, this.#run.run))
    this.#settled.set(scope.name, days)
    const isDue = ({ from }: DaySpan): boolean => this.#isRechecked(nameOf({ kind: 'days', name: `${scope.name}\n${from}` }))
    return {
      digests: days.digests.filter((span) => !isDue(span)),
      logFiles: days.logFiles.filter((span) => !isDue(span)),
    }
  }

  settle(scope: StateScope, days: SettledDays, stands: SettledDays): void {
    const before = this.#settled.get(scope.name) ?? NOTHING_SETTLED
    this.#settled.delete(scope.name)
    const change = settledChange(this.#run.run, scope, before, days)
    // What this run said before it broke off is replaced.
    if (isChange(change) || this.#linesOf(scope).some(({ run }) => run === this.#run.run)) this.#append(change)
    for (const { stretches, read } of stands.digests) {
      for (const { digests, bytes } of stretches) {
        this.#carried.digests += digests
        this.#carried.bytes += bytes
      }
      this.#readIn(read)
    }
    for (const { logFiles, bytesRead, read } of stands.logFiles) {
      this.#carried.logFiles += logFiles
      this.#carried.bytes += bytesRead
      this.#readIn(read)
    }
  }

  use(): StateUse {
    const { digests, logFiles, bytes, oldest, newest } = this.#carried
    const time = (run: number): string | null => this.#known.runs.find((each) => each.run === run)?.startedAt ?? null
    const carriedOver: CarriedOver = { digests, logFiles, bytes, oldestRead: time(oldest), newestRead: time(newest) }
    const { run: number, recheck, seed, previousReportSha256 } = this.#run
    return {
      number,
      previousReportSha256,
      carriedOver,
      keyed: this.#options.key !== undefined,
      recheck: recheck === 0 ? null : { share: recheck, seed },
    }
  }

  /** The run is done, and its reports are written. `reportSha256`: of the JSON report that the next one names. */
  async end(reportSha256: string | null): Promise<void> {
    await this.#journal.append({ kind: 'end', run: this.#run.run, reportSha256 })
    this.#ended = true
  }

  /** Throws ERR_STATE where something could not be recorded. */
  async close(): Promise<void> {
    await this.#close().catch((error: unknown) => {
      this.#failure ??= error
    })
    await this.#unlock()
    if (this.#failure !== undefined)
      throw new VerifyTrailError(
        'ERR_STATE',
        `the state file could not be written (${reasonOf(this.#failure)}): the next run goes on from what is in it`,
      )
  }

  async #close(): Promise<void> {
    await this.#journal.close()
    if (!this.#ended || this.#failure !== undefined) return
    const { path, key } = this.#options
    const { journal } = await readCompacted(path, key, new Set(this.#known.unasked()))
    await journal.close()
  }

  #linesOf({ name }: StateScope): readonly KeptLine[] {
    return this.#known.settled.get(nameOf({ kind: 'scope', name })) ?? []
  }

  #append(record: StateRecord): void {
    this.#journal.append(record).catch((error: unknown) => {
      this.#failure ??= error
    })
  }

  #kept(name: string, object: IdentifiedObject): Kept | undefined {
    const kept = this.#known.objects.get(name)
    if (kept !== undefined) kept.asked = true
    if (kept === undefined || kept.identity !== object.identity) return undefined
    return this.#isUsable(name, kept.run, object) ? kept : undefined
  }

  /** What this run read, or another one whose object is surely the same. */
  #isUsable(name: string, run: number, { lasting }: IdentifiedObject): boolean {
    return run === this.#run.run || (lasting && !this.#isRechecked(name))
  }

  #isRechecked(name: string): boolean {
    const { recheck, seed } = this.#run
    if (recheck === 0 || recheck === 1) return recheck === 1
    return createHash('sha256').update(`${seed}\n`).update(name, 'latin1').digest().readUInt32BE(0) < recheck * 2 ** 32
  }

  /** Whether it is carried over, and was not counted yet. */
  #count(kept: Kept, bytes: number): boolean {
    const { run } = kept
    if (run === this.#run.run || kept.counted) return false
    kept.counted = true
    this.#carry(run, bytes)
    return true
  }

  #carry(run: number, bytes: number): void {
    this.#carried.bytes += bytes
    this.#readIn([run, run])
  }

  #readIn([oldest, newest]: DaySpan['read']): void {
    this.#carried.oldest = Math.min(this.#carried.oldest, oldest)
    this.#carried.newest = Math.max(this.#carried.newest, newest)
  }
}

const NONE: ReadonlySet<string> = new Set()

/** What a state says; written anew first, where what is still of use takes much less. `useless`: records of these names. */
async function readCompacted(
  path: string,
  key: Uint8Array | undefined,
  useless: ReadonlySet<string>,
  check: (binding: Binding | undefined) => void = () => undefined,
): Promise<{ journal: Journal; known: Known }> {
  const read = await readKnown(path, key)
  try {
    check(read.known.binding)
    if (!read.known.isWorthCompacting(useless.size)) return read
    await compact(path, key, read.journal, read.known, useless)
  } catch (error) {
    await read.journal.close()
    throw error
  }
  await read.journal.close()
  return readKnown(path, key)
}

function newRun({ runs, previousReportSha256 }: Known, { asOf, recheck = 0 }: StateOptions): RunRecord {
  const startedAt = new Date().toISOString()
  const seed = randomBytes(16).toString('hex')
  const now = asOf?.toISOString() ?? startedAt
  return { kind: 'run', run: (runs.at(-1)?.run ?? 0) + 1, startedAt, now, recheck, seed, previousReportSha256 }
}

function checkBinding(path: string, was: Binding, is: Binding): void {
  const [different] = differences(was, is)
  if (different === undefined) return
  const { name, before, after } = different
  refuse(path, `it is of another ${name}: ${JSON.stringify(before)} there, ${JSON.stringify(after)} now. Give another file`)
}

function checkGoesOn(path: string, { now, recheck }: RunRecord, { asOf, recheck: asked = 0 }: StateOptions): void {
  const goesOn = 'it has a run that broke off, and goes on with it first'
  if (asOf !== undefined && asOf.toISOString() !== now)
    refuse(path, `${goesOn}: as of ${JSON.stringify(now)} there, ${JSON.stringify(asOf.toISOString())} now`)
  if (recheck !== asked) refuse(path, `${goesOn}: --recheck ${recheck * 100}% there, ${asked * 100}% now`)
}

function refuse(path: string, why: string): never {
  throw new VerifyTrailError('ERR_STATE', `the state file '${path}' cannot be used: ${why}`)
}

/** No key of one source is a name in another: `s3://b` and `s3://b/p` may be given together. */
function objectName(source: string, key: string): string {
  return `${source}\n${key}`
}

/** What the system says, without its codes. */
function reasonOf(failure: unknown): string {
  return failure instanceof Error ? failure.message.replace(/^[A-Z]+: (.+?), \w+$/s, '$1') : String(failure)
}
