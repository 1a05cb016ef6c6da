/** Whose keys, what the run cannot know, and how to run it again. */
import type { PublicKeyUse, Summary } from '../../core/results.js'
import { carriedOverSentence } from '../carried-over.js'
import { formatCount } from '../quantity.js'
import { archiveText, metadataOrigins } from '../text-summary.js'
import { trailAnswers } from '../trail-answers.js'
import { html, shownTime } from './markup.js'

const MOST_KEYS = 500

export function keySection({ publicKeys }: Summary): string {
  if (publicKeys.length === 0) return '<p>No digest was proven with any key.</p>'
  const more = publicKeys.length - MOST_KEYS
  const rows = publicKeys.slice(0, MOST_KEYS).map(keyRow)
  return (
    '<p>A key from the same hands as the trail proves nothing: see where each came from.</p>' +
    '<div class=scroll role=region tabindex=0 aria-label="Public keys"><table><thead><tr><th scope=col>Fingerprint<th scope=col>Origin<th scope=col>Valid' +
    `<th scope=col>Digests</thead><tbody>${rows.join('')}</tbody></table></div>${more > 0 ? `<p class=more>and ${formatCount(more)} more in the JSON report</p>` : ''}`
  )
}

function keyRow(key: PublicKeyUse): string {
  const from = key.validityStartTime === null ? '?' : shownTime(key.validityStartTime)
  const to = key.validityEndTime === null ? '?' : shownTime(key.validityEndTime)
  const trust = 'independent' in key ? (key.independent ? ' (asked of CloudTrail)' : ' (as it was given)') : ''
  return `<tr><td class=exact>${html(key.fingerprint)}<td>${html(key.origin)}${trust}<td>${from} to ${to}<td>${formatCount(key.digests)}`
}

export function notProvenSection({ notChecked, run }: Summary): string {
  return `<ul>${[...carriedOverSentence(run.state), ...notChecked].map((sentence) => `<li>${html(sentence)}</li>`).join('')}</ul>`
}

export function repeatSection({ run, tool, request, trails = [] }: Summary): string {
  const { commandLine, packageSha256 } = run
  const command = commandLine
    ? `<pre class=exact tabindex=0 aria-label="Command line">verify-trail ${html(commandLine.map(quoted).join(' '))}</pre>`
    : ''
  const asked = [
    ['Asked', `${request.startTime ?? 'the oldest digest'} to ${request.endTime ?? 'the newest digest'}`],
    ['Accounts', request.accountIds.join(', ')],
    ['Regions', request.regions.join(', ')],
    ['Trails', request.trails.join(', ')],
    ...trails.map((trail) => ['CloudTrail', `${trail.arn}: ${trailAnswers(trail)}`] as const),
    ...(run.archives ?? []).map((archive) => ['Archive', archiveText(archive)] as const),
    ['Metadata', metadataOrigins(run)],
    ['Run', `${run.startedAt} to ${run.finishedAt}${run.interrupted ? ', interrupted' : ''}`],
    ['Tool', `${tool.name} ${tool.version} on Node ${run.node}`],
    ['SHA-256 of the tool', packageSha256 ?? ''],
  ] as const
  const rows = asked.filter(([, value]) => value !== '').map(([label, value]) => `<dt>${label}<dd class=exact>${html(value)}`)
  return `${command}<dl>${rows.join('')}</dl>`
}

/** As a shell takes it. */
function quoted(word: string): string {
  return /^[\w./:=,@+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
