/** What a state says of settled days: a record for each run and each account and region of which it changed. */
import { DAY } from '../core/coverage.js'
import { type DaySpan, isWithin, NOTHING_SETTLED, type SettledDays } from '../core/settled-days.js'
import type { StateFolder, StateScope } from '../engine/run-state.js'
import type { SettledRecord, StateRecord } from './state-records.js'

/** What of `before` is not in `days`, and what of `days` was not in `before`. */
export function settledChange(run: number, scope: StateScope, before: SettledDays, days: SettledDays): SettledRecord {
  const added = {
    digests: days.digests.filter((span) => !before.digests.includes(span)),
    logFiles: days.logFiles.filter((span) => !before.logFiles.includes(span)),
  }
  const dropped = {
    digests: before.digests.filter((span) => !days.digests.includes(span)).map(({ from }) => from),
    logFiles: before.logFiles.filter((span) => !days.logFiles.includes(span)).map(({ from }) => from),
  }
  return { kind: 'settled', run, scope, added, dropped, covers: objectsOf(added) }
}

export function isChange({ added, dropped }: SettledRecord): boolean {
  return [added.digests, added.logFiles, dropped.digests, dropped.logFiles].some(({ length }) => length > 0)
}

/** What is settled after all of these, the oldest first. */
export function settledAfter(records: readonly SettledRecord[]): SettledDays {
  return records.reduce<SettledDays>(
    (days, { added, dropped }) => ({
      digests: replaced(days.digests, dropped.digests, added.digests),
      logFiles: replaced(days.logFiles, dropped.logFiles, added.logFiles),
    }),
    NOTHING_SETTLED,
  )
}

function replaced<S extends DaySpan>(spans: readonly S[], dropped: readonly number[], added: readonly S[]): S[] {
  const gone = new Set(dropped)
  const kept = spans.filter(({ from, to }) => !gone.has(from) && added.every((other) => to < other.from || other.to < from))
  return [...kept, ...added].sort((a, b) => a.from - b.from)
}

function objectsOf({ digests, logFiles }: SettledDays): number {
  const stretches = digests.flatMap((span) => span.stretches.map((stretch) => stretch.digests))
  return [...stretches, ...logFiles.map((span) => span.logFiles)].reduce((a, b) => a + b, 0)
}

/** All that is settled in a state, by folder: of what lies there and was read before, nothing else is needed. */
export class SettledFolders {
  readonly #digests: FolderSpans = new Map()
  readonly #logFiles: FolderSpans = new Map()

  add({ run, scope, added: { digests, logFiles } }: SettledRecord): void {
    for (const folder of scope.digestFolders) this.#digests.set(folderName(folder), { run, spans: digests.map(days) })
    for (const folder of scope.logFolders) this.#logFiles.set(folderName(folder), { run, spans: logFiles.map(days) })
  }

  /** Whether a record is of something that is settled. */
  has(record: StateRecord): boolean {
    if (record.kind === 'digest') return isSettled(this.#digests, record.name, record.run)
    if (record.kind === 'log-file') return isSettled(this.#logFiles, record.name, record.run)
    return record.kind === 'log-files' && isSettled(this.#logFiles, record.folder, record.run)
  }
}

type Days = Pick<DaySpan, 'from' | 'to'>
type FolderSpans = Map<string, { readonly run: number; readonly spans: readonly Days[] }>

function days({ from, to }: DaySpan): Days {
  return { from, to }
}

function isSettled(folders: FolderSpans, name: string, run: number): boolean {
  const [, folder, year, month, day] = /^(.*\/)(\d{4})\/(\d{2})\/(\d{2})\/[^/]*$/s.exec(name) ?? []
  const settled = folder === undefined ? undefined : folders.get(folder)
  if (settled === undefined || run > settled.run) return false
  const at = Math.floor(Date.UTC(Number(year), Number(month) - 1, Number(day)) / DAY) * DAY
  return settled.spans.some((span) => isWithin(span, at))
}

/** As objects are named in a state. */
function folderName({ source, key }: StateFolder): string {
  return `${source}\n${key}`
}
