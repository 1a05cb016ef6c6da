import type { MetadataOrigin } from '../core/digest-metadata.js'
import { FINDING_VERDICTS, type FindingVerdict } from '../core/findings.js'
import type { ArchiveIdentity, ChainSummary, Summary } from '../core/results.js'
import { escapeTerminal } from './escape.js'
import { acceptedGaps, CODES, openFindings } from './metrics.js'
import type { Paint } from './paint.js'
import { formatBytes, formatCount, formatCounted } from './quantity.js'
import { alignColumns } from './table.js'
import { trailAnswers } from './trail-answers.js'

/** How many public keys are listed in full. */
const SHOWN_KEYS = 20

/** The top of a text report: what was asked of which source, the public keys, and a line for each chain. */
export function overviewLines(summary: Summary, paint: Paint): string[] {
  const { tool, run, chains } = summary
  return [
    `${paint('bold', `${tool.name} ${tool.version}`)}  ${run.sources.map(escapeTerminal).join('  ')}`,
    ...rangeLines(summary),
    ...keyLines(summary, paint),
    '',
    paint('bold', 'Chains'),
    ...(chains.length === 0 ? ['  none: no valid digest in or near the range'] : chainLines(chains, paint)),
  ]
}

/** The last line of a text report. Only "valid from … to …" says that all of it is proven. */
export function verdictLine(summary: Summary, paint: Paint): string {
  const { startTime, endTime } = summary.summary
  const interrupted = summary.run.interrupted ? 'interrupted, this says nothing about what was not read; ' : ''
  if (summary.verdict === 'invalid') {
    return paint(
      'red',
      `INVALID${ofShard(summary)}: ${interrupted}${counts(summary, 'invalid') || 'see the findings'}; ${proven(summary)}`,
    )
  }
  if (summary.verdict === 'unverified' || summary.run.interrupted) {
    return paint('yellow', `UNVERIFIED${ofShard(summary)}: ${interrupted}${unverified(summary)}; ${proven(summary)}`)
  }
  const hours = `valid from ${startTime ?? '?'} to ${endTime ?? '?'}${ofShard(summary)}${exceptAccepted(summary)}`
  return paint('green', `${hours}: ${proven(summary)}`)
}

/** A part of a run says nothing of the rest. */
function ofShard({ shard }: Summary): string {
  return shard === undefined ? '' : ` in shard ${shard.index} of ${shard.of}`
}

/** What is accepted is not proven: never "valid" without it. */
function exceptAccepted(summary: Summary): string {
  const gaps = acceptedGaps(summary)
  return gaps === 0 ? '' : ` but for ${formatCounted(gaps, 'accepted gap')}`
}

function rangeLines({ request, summary, run, trails = [] }: Summary): string[] {
  const asked = request.startTime !== null || request.endTime !== null
  const range =
    summary.startTime === null || summary.endTime === null ? 'none found' : `${summary.startTime} to ${summary.endTime}`
  const rows: [string, string][] = [['range', asked ? askedRange(request) : `${range} (all there is: no range was asked)`]]
  if (request.accountIds.length > 0) rows.push(['accounts', request.accountIds.join(', ')])
  if (request.regions.length > 0) rows.push(['regions', request.regions.join(', ')])
  if (request.trails.length > 0) rows.push(['trails', request.trails.join(', ')])
  for (const trail of trails) rows.push(['asked', `${trail.arn}: ${trailAnswers(trail)}`])
  for (const archive of run.archives ?? []) rows.push(['archive', archiveText(archive)])
  const metadata = metadataOrigins(run)
  if (metadata !== '') rows.push(['metadata', metadata])
  return rows.map(([label, value]) => `${label.padEnd(10)}${escapeTerminal(value)}`)
}

/** What an archive is known by. Its name is as it was given: escape. */
export function archiveText({ name, bytes, sha256 }: ArchiveIdentity): string {
  const hash = sha256 === null ? 'not read to its end, and so without a SHA-256' : `SHA-256 ${sha256}`
  return `${name}: ${formatCounted(bytes, 'byte')}, ${hash}`
}

/** Where digests had their metadata from, where that is not the store itself. */
export function metadataOrigins({ metadataFrom = {} }: Summary['run']): string {
  const rows = Object.entries(METADATA_ORIGINS).map(
    ([origin, from]) => [metadataFrom[origin as MetadataOrigin] ?? 0, from] as const,
  )
  return rows.flatMap(([count, from]) => (count > 0 ? [`of ${formatCounted(count, 'digest')} from ${from}`] : [])).join(', ')
}

const METADATA_ORIGINS = {
  tar: 'tar headers',
  xattr: 'extended attributes',
  sidecar: 'files beside them',
  file: 'the metadata file',
} satisfies Partial<Record<MetadataOrigin, string>>

function askedRange({ startTime, endTime }: Summary['request']): string {
  return `${startTime ?? 'the oldest digest'} to ${endTime ?? 'the newest digest'}`
}

/** Keys with their fingerprints: a key file out of the same hands as the trail proves nothing, so a person must see whose they are. */
function keyLines({ publicKeys }: Summary, paint: Paint): string[] {
  if (publicKeys.length === 0) return []
  const rows = publicKeys
    .slice(0, SHOWN_KEYS)
    .map((key) => [
      `  ${escapeTerminal(key.fingerprint)}`,
      formatCounted(key.digests, 'digest'),
      `from ${escapeTerminal(key.origin)}`,
    ])
  const more = publicKeys.length - SHOWN_KEYS
  const rest = more > 0 ? [`  … and ${formatCount(more)} more`] : []
  return ['', paint('bold', 'Public keys'), ...alignColumns(rows, [1]), ...rest]
}

const CHAIN_HEADINGS = ['  account', 'region', 'trail', 'from', 'to', 'digests', 'log files', 'verdict']

function chainLines(chains: readonly ChainSummary[], paint: Paint): string[] {
  const rows = chains.map((chain) => [
    `  ${escapeTerminal(chain.organizationId === null ? chain.accountId : `${chain.organizationId}/${chain.accountId}`)}`,
    escapeTerminal(chain.region),
    escapeTerminal(chain.kind === 'backfill' ? `${chain.trail} (backfill)` : chain.trail),
    escapeTerminal(chain.startTime),
    escapeTerminal(chain.endTime),
    `${formatCount(chain.digests.valid)}/${formatCount(chain.digests.found + chain.digests.missing)}`,
    `${formatCount(chain.logFiles.valid)}/${formatCount(chain.logFiles.listed)}`,
    chain.verdict,
  ])
  const [headings = '', ...lines] = alignColumns([CHAIN_HEADINGS, ...rows], [5, 6])
  return [paint('dim', headings), ...lines.map((line, i) => paintChain(line, chains[i], paint))]
}

function paintChain(line: string, chain: ChainSummary | undefined, paint: Paint): string {
  if (chain === undefined || chain.verdict === 'valid') return line
  return paint(chain.verdict === 'invalid' ? 'red' : 'yellow', line)
}

function proven({ summary }: Summary): string {
  const { digests, logFiles, bytes } = summary
  const whole = digests.found + digests.missing
  return (
    `${formatCount(digests.valid)} of ${formatCount(whole)} digests and ${formatCount(logFiles.valid)} of ` +
    `${formatCount(logFiles.listed)} listed log files proven, ${formatBytes(bytes.read)} read`
  )
}

function unverified(summary: Summary): string {
  const codes = counts(summary, 'unverified')
  if (summary.summary.digests.found > 0) return codes || 'not all could be checked'
  return `no digest was checked, nothing is proven${codes === '' ? '' : ` (${codes})`}`
}

/** `LOG_FILE_MODIFIED 2, DIGEST_MISSING 1`, in the order of the table of codes. */
function counts(summary: Summary, verdict: FindingVerdict): string {
  const found = CODES.filter((code) => FINDING_VERDICTS[code] === verdict && openFindings(summary, code) > 0)
  return found.map((code) => `${code} ${formatCount(openFindings(summary, code))}`).join(', ')
}
