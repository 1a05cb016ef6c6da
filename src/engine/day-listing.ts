/**
 * Lists a folder of the form REGION/YYYY/MM/DD/ between two days, and all in it that lies in no day folder: for that every
 * month is looked into, whatever the days.
 */

import { compareKeys } from '../core/compare-keys.js'
import { DAY } from '../core/coverage.js'
import { formatTime } from '../core/time.js'
import type { FolderListing, ListedObject, Source, UnlistedPart, UnreadableObject } from '../sources/source.js'
import { concatInOrder } from './in-order.js'

/** First and last day, as the start of the day; null: no limit. */
export interface Days {
  readonly first: number | null
  readonly last: number | null
}

export type Entry = ListedObject | UnlistedPart

/** In byte order of the keys, a page at a time. Folder markers (0 bytes, ending in `/`) are left out. */
export async function* listDays(
  source: Source,
  folder: string,
  days: Days,
  signal: AbortSignal,
  ahead: FoldersAhead = foldersAhead(source, folder, days, signal),
): AsyncGenerator<readonly Entry[], void, undefined> {
  if (days.first === null && days.last === null) yield* listAll(source, folder, signal)
  else yield* listLevel({ source, ahead, days, signal }, folder, [])
}

interface Listing {
  readonly source: Source
  readonly ahead: FoldersAhead
  readonly days: Days
  readonly signal: AbortSignal
}

const PAGE = 1000

async function* listAll(source: Source, prefix: string, signal: AbortSignal): AsyncGenerator<readonly Entry[], void, undefined> {
  if (source.pages !== undefined) {
    for await (const page of source.pages(prefix, { signal }))
      yield page.some(isMarker) ? page.filter((entry) => !isMarker(entry)) : page
    return
  }
  let page: Entry[] = []
  for await (const entry of source.list(prefix, { signal })) {
    if (isMarker(entry)) continue
    page.push(entry)
    if (page.length < PAGE) continue
    yield page
    page = []
  }
  yield page
}

/** 0-byte keys ending in `/`: CloudTrail and the console write them; they hold nothing. */
export function isMarker(entry: Entry): boolean {
  return entry.kind === 'object' && entry.size === 0 && entry.key.endsWith('/')
}

async function* listLevel(
  listing: Listing,
  folder: string,
  date: readonly number[],
): AsyncGenerator<readonly Entry[], void, undefined> {
  const { source, ahead, days, signal } = listing
  const below = await (ahead.get(folder) ?? source.folders(folder, { signal }))
  ahead.delete(folder)
  if (!('folders' in below)) {
    yield [
      { kind: 'unreadable', key: folder, reason: below.reason, ...(below.detail === undefined ? {} : { detail: below.detail }) },
    ]
    return
  }
  const children: { readonly key: string; readonly entry?: Entry }[] = [
    ...below.folders.map((key) => ({ key })),
    ...below.objects.filter((entry) => !isMarker(entry)).map((entry) => ({ key: entry.key, entry })),
  ].sort((a, b) => compareKeys(a.key, b.key))
  const pagesOf = async function* ({ key, entry }: (typeof children)[number]): AsyncGenerator<readonly Entry[], void, undefined> {
    const next = entry === undefined ? extend(date, key.slice(folder.length, -1)) : undefined
    if (entry !== undefined) yield [entry]
    else if (next === undefined) yield* listAll(source, key, signal)
    else if (next.length < 3) yield* listLevel(listing, key, next)
    else yield* listAll(source, key, signal)
  }
  // In a store each folder is a request to wait for.
  const wanted = children.filter(
    ({ key, entry }) => entry !== undefined || !isOutside(extend(date, key.slice(folder.length, -1)), days),
  )
  yield* concatInOrder(wanted, pagesOf, { ahead: source.kind === 'store' ? FOLDERS_AHEAD : 1, buffered: 1 }, () => undefined)
}

const FOLDERS_AHEAD = 8

/** What is directly below the folders above those of days. */
export type FoldersAhead = Map<string, Promise<FolderListing | UnreadableObject>>

/** Years and months whose folders are asked for before it is known that they are there. */
const MOST_AHEAD = 16

/**
 * Asks for a folder, and for those of the years and months between two days, all at once: in a store each level is a request to
 * wait for. None where a day is open, or where there is nothing to wait for.
 */
export function foldersAhead(source: Source, folder: string, { first, last }: Days, signal: AbortSignal): FoldersAhead {
  const ahead: FoldersAhead = new Map()
  if (source.kind !== 'store' || first === null || last === null) return ahead
  const names = new Set([folder])
  for (let day = first; day <= last && names.size < MOST_AHEAD; day += DAY) {
    const [year = '', month = ''] = formatTime(day).split('-')
    names.add(`${folder}${year}/`).add(`${folder}${year}/${month}/`)
  }
  for (const name of names) {
    const listing = source.folders(name, { signal })
    // A rejection is met by whoever needs the answer.
    listing.catch(() => undefined)
    ahead.set(name, listing)
  }
  return ahead
}

/** Tells the day in whose folder a key below the folder of a region lies; null where it lies in none. */
export function daysBelow(folder: string): (key: string) => number | null {
  // Neighbours mostly lie in one.
  let head = '\n'
  let day: number | null = null
  return (key) => {
    if (key.startsWith(head)) return day
    const [names = '', year = '', month = '', date = ''] = /^(\d{4})\/(\d{2})\/(\d{2})\//.exec(key.slice(folder.length)) ?? []
    const parts = [year, month, date].reduce<number[] | undefined>((before, name) => before && extend(before, name), [])
    day = parts === undefined ? null : Date.UTC(parts[0] ?? 0, (parts[1] ?? 1) - 1, parts[2])
    head = day === null ? '\n' : folder + names
    return day
  }
}

/** A real day, and not one of those asked for. */
function isOutside(date: readonly number[] | undefined, days: Days): boolean {
  return date?.length === 3 && !touches(date, days)
}

/** A further part of a date; undefined where it is none: then it is no day folder, whatever it is called. */
function extend(date: readonly number[], name: string): number[] | undefined {
  const form = date.length === 0 ? /^\d{4}$/ : /^\d{2}$/
  if (!form.test(name)) return undefined
  const next = [...date, Number(name)]
  const [year = 0, month = 1, day = 1] = next
  const at = new Date(Date.UTC(year, month - 1, day))
  return year >= 100 && at.getUTCMonth() === month - 1 && at.getUTCDate() === day ? next : undefined
}

function touches([year = 0, month = 1, day = 1]: readonly number[], days: Days): boolean {
  return isBetween(Date.UTC(year, month - 1, day), days)
}

/** Whether a day, by its start, is one of them. */
export function isBetween(day: number, { first, last }: Days): boolean {
  return (last === null || day <= last) && (first === null || day + DAY > first)
}
