/** `verify-trail plan`: what a run would read. */
import { type PlannedScope, planTrail, type TrailPlan } from '../engine/plan-trail.js'
import { escapeTerminal } from '../reports/escape.js'
import { formatBytes, formatCount, formatCounted } from '../reports/quantity.js'
import { alignColumns } from '../reports/table.js'
import type { Source } from '../sources/source.js'
import { joinParts } from '../sources/split-archive.js'
import type { PlanCommand } from './arguments.js'
import type { Console } from './console.js'
import { given } from './given.js'
import { formatPlan } from './plan-file.js'
import { openSource } from './sources.js'
import { WrittenFile } from './written-file.js'

/** 0 where all could be listed, 3 where not. */
export async function runPlan(command: PlanCommand, console: Console): Promise<0 | 3> {
  const { startTime, endTime, accountIds, regions, trails, byName, asOf: now, json, output } = command
  const sources: Source[] = []
  try {
    for (const source of joinParts(command.sources)) sources.push(await openSource(source, command, console.interrupted))
    const asked = { accountIds, regions, trails, signal: console.interrupted }
    const plan = await planTrail({ sources, ...asked, ...given({ startTime, endTime, byName, now }) })
    if (output !== undefined) await WrittenFile.write(output, formatPlan(plan))
    if (json) console.stdout.write(formatPlan(plan))
    else if (output === undefined) console.stdout.write(`${planLines(plan).join('\n')}\n`)
    return plan.scopes.some(({ unreadable }) => unreadable > 0) ? 3 : 0
  } finally {
    await Promise.allSettled(sources.map((source) => source.close?.()))
  }
}

const HEADINGS = ['account', 'region', 'trail', 'first digest', 'last digest', 'digests', 'gaps', 'log files', 'bytes']

function planLines({ startTime, endTime, scopes, digests, logFiles }: TrailPlan): string[] {
  const range = `${startTime ?? 'the oldest digest'} to ${endTime ?? 'the newest digest'}`
  const unreadable = scopes.reduce((all, scope) => all + scope.unreadable, 0)
  const read = `${formatCounted(digests.objects, 'digest')} (${formatBytes(digests.bytes)}) and ${formatCounted(logFiles.objects, 'log file')} (${formatBytes(logFiles.bytes)})`
  return [
    `range  ${range}`,
    '',
    ...alignColumns([HEADINGS, ...scopes.flatMap(rowsOf)], [5, 6, 7, 8]),
    '',
    ...gapLines(scopes),
    `${read} in ${formatCounted(scopes.length, 'account and region', 'accounts and regions')}`,
    ...(unreadable > 0 ? [`${formatCounted(unreadable, 'folder or object', 'folders and objects')} could not be listed`] : []),
    'By names and sizes alone: nothing was read, and nothing is proven.',
  ]
}

/** A row for each chain; what is counted together stands with the first. */
function rowsOf({ organizationId, accountId, region, chains, digests, logFiles }: PlannedScope): string[][] {
  const account = escapeTerminal(organizationId === null ? accountId : `${organizationId}/${accountId}`)
  const counted = [formatCount(logFiles.objects), formatBytes(digests.bytes + logFiles.bytes)]
  const place = [account, escapeTerminal(region ?? '-')]
  if (chains.length === 0) return [[...place, '-', '-', '-', formatCount(digests.objects), '0', ...counted]]
  return chains.map((chain, i) => [
    ...place,
    escapeTerminal(chain.kind === 'backfill' ? `${chain.trail} (backfill)` : chain.trail),
    chain.firstEndTime,
    chain.lastEndTime,
    formatCount(chain.digests),
    formatCount(chain.gaps.length),
    ...(i === 0 ? counted : ['', '']),
  ])
}

/** How many gaps are named. */
const NAMED_GAPS = 20

function gapLines(scopes: readonly PlannedScope[]): string[] {
  const all = scopes.flatMap(({ accountId, region, chains }) =>
    chains.flatMap(({ trail, gaps }) =>
      gaps.map(({ startTime, endTime }) => `  ${startTime} to ${endTime}  ${accountId} ${region ?? ''} ${escapeTerminal(trail)}`),
    ),
  )
  if (all.length === 0) return []
  const more = all.length - NAMED_GAPS
  return ['Hours without a digest', ...all.slice(0, NAMED_GAPS), ...(more > 0 ? [`  and ${formatCount(more)} more`] : []), '']
}
