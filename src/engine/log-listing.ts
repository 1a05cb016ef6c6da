/** Lists the log files of an account and region in one place, in byte order of their keys. */
import { compareKeys } from '../core/compare-keys.js'
import { DAY } from '../core/coverage.js'
import { VerifyTrailError } from '../errors.js'
import type { Source } from '../sources/source.js'
import { type Days, daysBelow, type Entry, type FoldersAhead, foldersAhead, listDays } from './day-listing.js'
import { floorDay } from './digest-listing.js'
import type { Scope, ScopePart } from './discover.js'
import { daysIn, isIn, type Months, monthBelow } from './months.js'
import type { Place } from './places.js'
import type { Run } from './run.js'

/** An object of the listing, under its original bucket and key. */
export interface Listed {
  readonly bucket: string
  readonly key: string
  readonly place: Place
  readonly entry: Entry
  /** The day in whose folder it lies; null without a state. */
  readonly day: number | null
}

interface LogListing {
  readonly months?: Months | undefined
  readonly ahead?: FoldersAhead | undefined
  /** Is told what is listed; what is settled is left out. */
  readonly past?: ListingListener | undefined
}

/** Is told each page of a listing, and says what of it is to be looked at. */
export interface ListingListener {
  beginListing(part: ScopePart): void
  unsettledOf(part: ScopePart, page: readonly Listed[]): readonly Listed[]
}

/** Folders that hold log files of the range, a day to each side: names and folders may disagree at midnight. */
export function logDays({ range }: Pick<Run, 'range'>, start: number): Days {
  const { askedEnd } = range
  return {
    first: start === Number.NEGATIVE_INFINITY ? null : floorDay(start - DAY),
    last: askedEnd === null ? null : floorDay(askedEnd + DAY),
  }
}

const ALL_MONTHS: Months = { from: null, to: null }

export type LogFoldersAhead = ReadonlyMap<ScopePart, FoldersAhead>

/** Families of log files that there may be. */
const MOST_FOLDERS = 8

/** Asks for what lies above the folders of days while the digests are read: before that, no log file is looked at. */
export function logFoldersAhead({ range, signal }: Run, { parts }: Scope, months: Months = ALL_MONTHS): LogFoldersAhead {
  const { askedStart, askedEnd, defaultEnd } = range
  const end = askedEnd ?? defaultEnd
  if (askedStart === null || end === null) return new Map()
  const days = daysIn(months, { first: floorDay(askedStart - DAY), last: floorDay(end + DAY) })
  return new Map(
    parts.map((part) => {
      const folders = part.logFolders.slice(0, MOST_FOLDERS)
      return [part, new Map(folders.flatMap((folder) => [...foldersAhead(part.place.source, folder, days, signal)]))]
    }),
  )
}

/** A page at a time. */
export async function* listLogFiles(
  { signal }: Pick<Run, 'signal'>,
  part: ScopePart,
  days: Days,
  { months, ahead, past }: LogListing,
): AsyncGenerator<readonly Listed[], void, undefined> {
  const { source } = part.place
  const tops: { readonly key: string; readonly entry?: Entry }[] = [
    ...part.logFolders.map((key) => ({ key })),
    ...part.logObjects.map((entry) => ({ key: entry.key, entry })),
  ].sort((a, b) => compareKeys(a.key, b.key))
  past?.beginListing(part)
  let before = ''
  for (const top of tops) {
    const pages = top.entry === undefined ? listDays(source, top.key, days, signal, ahead) : [[top.entry]]
    const dayOf = daysBelow(top.key)
    for await (const page of pages) {
      const rows: Listed[] = []
      const below = (entry: Entry): string => (top.entry === undefined ? entry.key.slice(top.key.length) : '')
      for (const entry of page) {
        // A part that could not be listed to its end is named by its folder, behind what was listed of it.
        if (entry.kind === 'object') {
          if (compareKeys(entry.key, before) < 0) throw outOfOrder(source, before, entry.key)
          before = entry.key
        }
        if (months !== undefined && !isIn(months, monthBelow(below(entry)))) continue
        const day = past === undefined || top.entry !== undefined ? null : dayOf(entry.key)
        rows.push({ bucket: part.place.bucket, key: part.place.original(entry.key), place: part.place, entry, day })
      }
      yield past === undefined ? rows : past.unsettledOf(part, rows)
    }
  }
}

function outOfOrder(source: Source, before: string, key: string): VerifyTrailError {
  const quoted = (text: string): string => JSON.stringify(text.slice(0, 200))
  return new VerifyTrailError(
    'ERR_LISTING_ORDER',
    `${source.name} lists keys out of byte order: ${quoted(key)} after ${quoted(before)}`,
  )
}
