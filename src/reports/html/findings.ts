/** The findings with what proves them, by code, the worst first. */
import { FINDING_VERDICTS, type Finding, type FindingCode, type FindingVerdict, type Gap } from '../../core/findings.js'
import type { Summary } from '../../core/results.js'
import { findingFacts } from '../finding-lines.js'
import { MEANINGS } from '../meanings.js'
import { formatCount } from '../quantity.js'
import type { WorstFindings } from '../worst-findings.js'
import { html } from './markup.js'

const VERDICTS: readonly FindingVerdict[] = ['invalid', 'unverified', 'note']

export function findingSection(findings: WorstFindings, { summary }: Summary): string {
  const worst = findings.worst()
  if (worst.length === 0) return '<p>There are none.</p>'
  const groups = VERDICTS.flatMap((verdict) =>
    (Object.keys(FINDING_VERDICTS) as FindingCode[]).flatMap((code) => {
      const group = worst.filter((finding) => finding.code === code && finding.verdict === verdict)
      return group.length === 0 ? [] : [codeGroup(code, verdict, group, summary.findings[code] ?? group.length)]
    }),
  )
  const more =
    findings.more > 0
      ? `<p class=more>${formatCount(findings.more)} more in <code>findings.csv</code> (<code>-o findings.csv</code>): this page holds the worst ${formatCount(worst.length)}.</p>`
      : ''
  return groups.join('') + more
}

function codeGroup(code: FindingCode, verdict: FindingVerdict, group: readonly (Finding | Gap)[], total: number): string {
  const count = total > group.length ? `${formatCount(group.length)} of ${formatCount(total)}` : formatCount(total)
  return (
    `<section class="group ${verdict}"><h3><code>${code}</code> <span class=tag>${verdict}</span> <span class=count>${count}</span></h3>` +
    `<p class=meaning>${MEANINGS[code]}</p>${group.map(article).join('')}</section>`
  )
}

/** Facts that are hashes, names and keys are shown letter by letter. */
const PLAIN = new Set(['where', 'hours', 'reason', 'trail'])

function article(finding: Finding | Gap): string {
  const facts = findingFacts(finding).map(
    ([label, value]) => `<dt>${html(label) || '&nbsp;'}<dd${PLAIN.has(label) ? '' : ' class=exact'}>${html(value)}`,
  )
  return `<article><h4 class=exact>${html(finding.object)}</h4><dl>${facts.join('')}</dl></article>`
}
