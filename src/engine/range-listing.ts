/** Every object that a run over a range may list: what an export of that range must hold, read or not. */
import { DAY, DELIVERY_DELAY } from '../core/coverage.js'
import { keyOfName } from '../core/object-key.js'
import type { Source } from '../sources/source.js'
import { type Days, type Entry, listDays } from './day-listing.js'
import { digestDays, floorDay } from './digest-listing.js'
import { discover, type ScopePart } from './discover.js'
import { resolveOptions, type VerifyTrailOptions } from './options.js'

/** An object, or a folder: that it is there is told too, whatever days it holds. */
export type InRange = { readonly source: Source; readonly entry: Entry } | { readonly source: Source; readonly folder: string }

/** In no order that is promised; an object may come twice. Throws as `verifyTrail` does. */
export async function* listRange(options: VerifyTrailOptions, signal: AbortSignal): AsyncGenerator<InRange> {
  const { accountIds, regions, sources, startTime, endTime, now, byName } = resolveOptions(options)
  const discovery = await discover(sources, { accountIds, regions, signal })
  const live = sources.some(({ kind }) => kind === 'store')
  const digests = digestDays(startTime, endTime ?? (live ? now - DELIVERY_DELAY : null))
  const logs = {
    first: startTime === null ? null : floorDay(startTime - 2 * DAY),
    last: endTime === null ? null : floorDay(endTime + DAY),
  }
  yield* discovery.passedOver
  for (const { parts } of discovery.scopes) for (const part of parts) yield* listPart(part, digests, logs, signal)
  for (const source of sources) {
    if (source.kind === 'store' || (discovery.withAccounts.has(source) && !byName)) continue
    for await (const entry of source.list('', { signal })) if (isNamed(entry.key)) yield { source, entry }
  }
}

async function* listPart(part: ScopePart, digests: Days, logs: Days, signal: AbortSignal): AsyncGenerator<InRange> {
  const { source } = part.place
  for (const entry of [...part.digestObjects, ...part.logObjects]) yield { source, entry }
  for (const [folders, days] of [
    [part.digestFolders, digests],
    [part.logFolders, logs],
  ] as const) {
    for (const folder of folders) {
      yield { source, folder }
      for await (const page of listDays(source, folder, days, signal)) for (const entry of page) yield { source, entry }
    }
  }
}

function isNamed(key: string): boolean {
  const name = key.slice(key.lastIndexOf('/') + 1)
  return keyOfName(name) !== undefined || keyOfName(`${name}.gz`) !== undefined
}
