/** What a run is over: the accounts and regions of all sources, by their folders or by the names of their files. */
import type { Source } from '../sources/source.js'
import { byName, type NamedSource } from './by-name.js'
import { type Discovery, discover } from './discover.js'
import type { ResolvedOptions } from './options.js'
import { foundAs, sourceLabel } from './source-label.js'

export interface Found {
  readonly discovery: Discovery
  /** What is to be said of exports that were looked at by names, or might be. */
  readonly byName: readonly string[]
  /** Files there that may have been log files. */
  readonly strays: readonly string[]
}

/** Exports without an account's folder, or that the operator says so of, are looked at by the names of their files. */
export async function find(options: ResolvedOptions, signal: AbortSignal): Promise<Found> {
  const { accountIds, regions, sources, byName: asked } = options
  const discovery = await discover(sources, { accountIds, regions, signal })
  const rebuilt = new Map<Source, NamedSource>()
  for (const source of sources) {
    if (source.kind === 'store' || (discovery.withAccounts.has(source) && !asked)) continue
    const named = await byName(source, signal)
    if (named !== undefined) rebuilt.set(source, named)
  }
  const outside = sources.flatMap((source) => {
    const files = rebuilt.has(source) ? 0 : (discovery.outside.get(source) ?? 0)
    const refused = rebuilt.has(source) ? 0 : (discovery.refusedOutside.get(source) ?? 0)
    const label = sourceLabel(source, sources)
    return [...(files === 0 ? [] : [outsideSentence(label, files)]), ...(refused === 0 ? [] : [refusedSentence(label, refused)])]
  })
  if (rebuilt.size === 0) return { discovery, byName: outside, strays: [] }
  const all = [...rebuilt]
  return {
    discovery: await discover(
      sources.map((source) => rebuilt.get(source) ?? source),
      { accountIds, regions, signal },
    ),
    byName: [...outside, ...all.map(([source, named]) => named.sentence(sourceLabel(source, sources)))],
    strays: all.flatMap(([source, { strays }]) => strays.map((stray) => foundAs(source, stray, sources))),
  }
}

function outsideSentence(label: string, files: number): string {
  return `In ${label}, ${files} files with names of CloudTrail's lie outside of an account's folders of log files and digests: they were not looked at. With --by-name, each is put where its name says.`
}

function refusedSentence(label: string, count: number): string {
  return `In ${label}, ${count} links, devices and names that lead elsewhere lie outside of an account's folders: they were not looked at.`
}
