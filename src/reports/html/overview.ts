/** The first screen: the verdict in words, what was proven, what is wrong, what is not proven. */
import { FINDING_VERDICTS, type FindingCode, type FindingVerdict } from '../../core/findings.js'
import type { Summary } from '../../core/results.js'
import { parseTime } from '../../core/time.js'
import { MEANINGS } from '../meanings.js'
import { acceptedGaps, CODES, openFindings } from '../metrics.js'
import { formatBytes, formatCount, formatCounted } from '../quantity.js'
import { html, shownDuration, shownTime } from './markup.js'

/** How many codes of one verdict the first screen has. */
const SHOWN_CODES = 5

export function overview(summary: Summary): string {
  return (
    `<header class=${shownVerdict(summary)}><p class=kicker>CloudTrail integrity report</p><h1>${heading(summary)}</h1><p class=lead>${lead(summary)}</p>` +
    `<p class=source>${summary.run.sources.map((source) => `<span class=exact>${html(source)}</span>`).join(' ')}</p></header>` +
    `<div class=cards>${card('What was proven', proven(summary))}${card('What is wrong', wrong(summary))}${card('What is not proven', open(summary))}</div>`
  )
}

/** A run that was interrupted is nowhere called valid. */
export function shownVerdict({ verdict, run }: Summary): Summary['verdict'] {
  return verdict === 'valid' && run.interrupted ? 'unverified' : verdict
}

function heading(summary: Summary): string {
  const verdict = shownVerdict(summary)
  if (verdict === 'valid') return '<span class=mark aria-hidden=true>✓</span> Valid'
  return verdict === 'invalid'
    ? '<span class=mark aria-hidden=true>✕</span> Invalid'
    : '<span class=mark aria-hidden=true>?</span> Unverified'
}

function lead(summary: Summary): string {
  const interrupted = summary.run.interrupted ? ' The run was interrupted: this says nothing about what was not read.' : ''
  switch (shownVerdict(summary)) {
    case 'valid':
      return `All that was asked${ofShard(summary)} is proven ${range(summary)}${exceptAccepted(summary)}.`
    case 'invalid':
      return `${formatCounted(total(summary, 'invalid'), 'finding')} ${total(summary, 'invalid') === 1 ? 'proves' : 'prove'} that the trail is not as CloudTrail delivered it.${interrupted}`
    case 'unverified':
      if (summary.summary.digests.valid === 0) return `Nothing is proven: no digest could be verified.${interrupted}`
      return `Nothing false was found, and not all is proven.${interrupted}`
  }
}

/** A part of a run says nothing of the rest. */
function ofShard({ shard }: Summary): string {
  return shard === undefined ? '' : ` of shard ${shard.index} of ${shard.of}`
}

/** What is accepted is not proven. */
function exceptAccepted(summary: Summary): string {
  const gaps = acceptedGaps(summary)
  return gaps === 0 ? '' : `, but for ${formatCounted(gaps, 'accepted gap')}`
}

function range({ summary }: Summary): string {
  const { startTime, endTime } = summary
  if (startTime === null || endTime === null) return 'of no range'
  const length = (parseTime(endTime) ?? 0) - (parseTime(startTime) ?? 0)
  return `from <time>${shownTime(startTime)}</time> to <time>${shownTime(endTime)}</time> UTC${length > 0 ? ` (${shownDuration(length)})` : ''}`
}

function card(title: string, body: string): string {
  return `<section><h2>${title}</h2>${body}</section>`
}

function proven(summary: Summary): string {
  const { digests, logFiles, bytes, chains } = summary.summary
  const rows = [
    [`${formatCount(digests.valid)} of ${formatCount(digests.found + digests.missing)}`, 'digest files'],
    [`${formatCount(logFiles.valid)} of ${formatCount(logFiles.listed)}`, 'listed log files'],
    [hours(summary), `of the hours of ${formatCounted(chains, 'chain')}`],
    [formatBytes(bytes.read), 'read'],
  ]
  return `<p>Of the time ${range(summary)}:</p><ul class=figures>${rows.map(([figure, of]) => `<li><b>${figure}</b> ${of}</li>`).join('')}</ul>`
}

/** Rounded down: only all of it is 100 %. */
function hours({ chains }: Summary): string {
  let valid = 0
  let all = 0
  for (const { startTime, endTime, verdict } of chains.flatMap(({ coverage }) => coverage)) {
    const length = (parseTime(endTime) ?? 0) - (parseTime(startTime) ?? 0)
    all += length
    if (verdict === 'valid') valid += length
  }
  return all <= 0 ? '0 %' : `${Math.floor((valid / all) * 1000) / 10} %`
}

function wrong(summary: Summary): string {
  return codeList(summary, 'invalid') ?? '<p>Nothing was found that is false.</p>'
}

function open(summary: Summary): string {
  const codes = codeList(summary, 'unverified')
  const gaps = acceptedGaps(summary)
  const accepted = gaps === 0 ? '' : `<p>${formatCounted(gaps, 'gap')}, accepted as they are.</p>`
  const none = gaps === 0 ? '<p>All that was asked for is proven or disproven.</p>' : ''
  return `${codes ?? none}${accepted}<p>What no run can see is under <a href="#not-proven">What this does not prove</a>.</p>`
}

function codesOf(summary: Summary, verdict: FindingVerdict): { code: FindingCode; count: number }[] {
  const codes = CODES.filter((code) => FINDING_VERDICTS[code] === verdict)
  return codes.map((code) => ({ code, count: openFindings(summary, code) })).filter(({ count }) => count > 0)
}

function total(summary: Summary, verdict: FindingVerdict): number {
  return codesOf(summary, verdict).reduce((sum, { count }) => sum + count, 0)
}

function codeList(summary: Summary, verdict: FindingVerdict): string | undefined {
  const codes = codesOf(summary, verdict)
  if (codes.length === 0) return undefined
  const items = codes.slice(0, SHOWN_CODES).map(({ code, count }) => `<li>${MEANINGS[code]}: <b>${formatCount(count)}</b></li>`)
  const more = codes.length - items.length
  return `<ul class=codes>${items.join('')}${more > 0 ? `<li>and ${formatCounted(more, 'more kind')}, below</li>` : ''}</ul>`
}
