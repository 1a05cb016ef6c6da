/** Settled days of a month that is over become one span: what a state keeps of them follows chains and months. */
import { createHash } from 'node:crypto'
import { DAY } from './coverage.js'
import type { DaySpan, ListingChain, SettledDays, SettledDigests, SettledLogFiles, Stretch, StretchKey } from './settled-days.js'

/**
 * Neighbours of one month that ended before `before` and began after the month of `oldest`: there days expire one after the other, and a
 * span is read again as a whole. What is folded stays as it is.
 */
export function foldMonths({ digests, logFiles }: SettledDays, oldest: number, before: number): SettledDays {
  const isFolded = (month: string): boolean => month > monthOf(oldest) && month < monthOf(before)
  return { digests: fold(digests, isFolded, joinDigests), logFiles: fold(logFiles, isFolded, joinLogFiles) }
}

function monthOf(day: number): string {
  return new Date(day).toISOString().slice(0, 7)
}

function fold<S extends DaySpan>(
  spans: readonly S[],
  isFolded: (month: string) => boolean,
  join: (days: readonly S[]) => S,
): S[] {
  const folded: S[] = []
  let days: S[] = []
  const close = (): void => {
    const [first] = days
    if (first !== undefined) folded.push(days.length === 1 ? first : join(days))
    days = []
  }
  for (const span of spans) {
    const last = days.at(-1)
    const isDay = span.from === span.to && isFolded(monthOf(span.from))
    if (!isDay || last === undefined || last.to + DAY !== span.from || monthOf(last.from) !== monthOf(span.from)) close()
    if (isDay) days.push(span)
    else folded.push(span)
  }
  close()
  return folded
}

function joinSpans(days: readonly DaySpan[]): DaySpan {
  const [first, last] = [days[0], days.at(-1)] as [DaySpan, DaySpan]
  const read = [
    Math.min(...days.map(({ read: [oldest] }) => oldest)),
    Math.max(...days.map(({ read: [, newest] }) => newest)),
  ] as const
  return { from: first.from, to: last.to, listing: joinHashes(days.map(({ listing }) => listing)), read }
}

/** Of several days, one after the other. */
export function joinHashes(hashes: readonly string[]): string {
  const [first] = hashes
  return hashes.length === 1 && first !== undefined ? first : createHash('sha256').update(hashes.join('\n')).digest('hex')
}

function joinDigests(days: readonly SettledDigests[]): SettledDigests {
  const lists = [
    Math.min(...days.map(({ lists: [first] }) => first)),
    Math.max(...days.map(({ lists: [, last] }) => last)),
  ] as const
  return { ...joinSpans(days), lists, stretches: joinStretches(days.flatMap(({ stretches }) => stretches)) }
}

/** In order of time. */
function joinStretches(stretches: readonly Stretch[]): Stretch[] {
  const joined: Stretch[] = []
  for (const stretch of stretches) {
    const at = joined.findIndex((one) => follows(stretch, one))
    const before = joined[at]
    if (before === undefined) joined.push(stretch)
    else joined[at] = joinTwo(before, stretch)
  }
  return joined
}

/** In the same place: of what lies in it, digests there tell. */
function follows({ place, previous, last: { bucket, key } }: Stretch, { place: before, last }: Stretch): boolean {
  const root = (name: string): string => name.slice(0, name.indexOf('AWSLogs/'))
  return (
    place === before &&
    bucket === last.bucket &&
    previous.s3Bucket === last.bucket &&
    previous.s3Object === last.key &&
    previous.hashValue === last.sha256 &&
    previous.signature === last.signature &&
    root(key) === root(last.key)
  )
}

function joinTwo(before: Stretch, after: Stretch): Stretch {
  return {
    ...before,
    digests: before.digests + after.digests,
    bytes: before.bytes + after.bytes,
    logFiles: before.logFiles + after.logFiles,
    families: [...new Set([...before.families, ...after.families])].sort(),
    keys: joinKeys(before.keys, after.keys),
    last: after.last,
  }
}

function joinKeys(before: readonly StretchKey[], after: readonly StretchKey[]): StretchKey[] {
  const keys = new Map(before.map((key) => [key.fingerprint, key]))
  for (const key of after) {
    const known = keys.get(key.fingerprint)
    keys.set(key.fingerprint, known === undefined ? key : { ...known, digests: known.digests + key.digests, to: key.to })
  }
  return [...keys.values()]
}

function joinLogFiles(days: readonly SettledLogFiles[]): SettledLogFiles {
  const sum = (of: (day: SettledLogFiles) => number): number => days.reduce((total, day) => total + of(day), 0)
  return {
    ...joinSpans(days),
    logFiles: sum(({ logFiles }) => logFiles),
    bytesRead: sum(({ bytesRead }) => bytesRead),
    bytesInflated: sum(({ bytesInflated }) => bytesInflated),
    listedBy: joinLists(days.flatMap(({ listedBy }) => listedBy)),
    claimants: joinClaimants(days.map(({ claimants }) => claimants)),
  }
}

function joinLists(lists: readonly ListingChain[]): ListingChain[] {
  const joined = new Map<string, ListingChain>()
  for (const list of lists) {
    const name = `${list.kind}/${list.homeRegion}/${list.trail}`
    joined.set(name, { ...list, logFiles: list.logFiles + (joined.get(name)?.logFiles ?? 0) })
  }
  return [...joined.values()]
}

/** Of days one after the other: of each day of digests, what they list on all of these. */
export function joinClaimants(days: readonly SettledLogFiles['claimants'][]): SettledLogFiles['claimants'] {
  const hashes = new Map<number, string[]>()
  for (const [day, hash] of days.flat()) hashes.set(day, [...(hashes.get(day) ?? []), hash])
  return [...hashes].sort(([a], [b]) => a - b).map(([day, list]) => [day, joinHashes(list)])
}
