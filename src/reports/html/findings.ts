/** The findings with what proves them, by code, the worst first. */
import { FINDING_VERDICTS, type Finding, type FindingCode, type FindingVerdict, type Gap } from '../../core/findings.js'
import type { Summary } from '../../core/results.js'
import { type Fact, findingFacts } from '../finding-lines.js'
import { MEANINGS } from '../meanings.js'
import { formatCount } from '../quantity.js'
import type { WorstFindings } from '../worst-findings.js'
import { html } from './markup.js'

/** Where the key of a fingerprint came from. */
type KeyOrigins = ReadonlyMap<string, string>

const VERDICTS: readonly FindingVerdict[] = ['invalid', 'unverified', 'note']

export function findingSection(findings: WorstFindings, { summary, publicKeys }: Summary): string {
  const origins = new Map(publicKeys.map(({ fingerprint, origin }) => [fingerprint, origin]))
  const worst = findings.worst()
  if (worst.length === 0) return '<p>There are none.</p>'
  const groups = VERDICTS.flatMap((verdict) =>
    (Object.keys(FINDING_VERDICTS) as FindingCode[]).flatMap((code) => {
      const group = worst.filter((finding) => finding.code === code && finding.verdict === verdict)
      return group.length === 0 ? [] : [codeGroup(code, verdict, group, summary.findings[code] ?? group.length, origins)]
    }),
  )
  const more =
    findings.more > 0
      ? `<p class=more>${formatCount(findings.more)} more in <code>findings.csv</code> (<code>-o findings.csv</code>): this page holds the worst ${formatCount(worst.length)}.</p>`
      : ''
  return groups.join('') + more
}

function codeGroup(
  code: FindingCode,
  verdict: FindingVerdict,
  group: readonly (Finding | Gap)[],
  total: number,
  origins: KeyOrigins,
): string {
  const count = total > group.length ? `${formatCount(group.length)} of ${formatCount(total)}` : formatCount(total)
  return (
    `<section class="group ${verdict}"><h3><code>${code}</code> <span class=tag>${verdict}</span> <span class=count>${count}</span></h3>` +
    `<p class=meaning>${MEANINGS[code]}</p>${group.map((finding) => article(finding, origins)).join('')}</section>`
  )
}

/** Facts that are hashes, names and keys are shown letter by letter. */
const PLAIN = new Set(['where', 'hours', 'reason', 'trail', 'signature'])

function article(finding: Finding | Gap, origins: KeyOrigins): string {
  const facts = [...findingFacts(finding), ...proofFacts(finding, origins)].map(
    ([label, value]) => `<dt>${html(label) || '&nbsp;'}<dd${PLAIN.has(label) ? '' : ' class=exact'}>${html(value)}`,
  )
  return `<article><h4 class=exact>${html(finding.object)}</h4><dl>${facts.join('')}</dl></article>`
}

const SIGNATURES = { metadata: 'in its own metadata', successor: 'in the next digest' }

/** What the digests are worth that a finding rests on, and whose key it is. */
function proofFacts(finding: Finding | Gap, origins: KeyOrigins): Fact[] {
  const keyed = 'fingerprint' in finding ? origins.get(finding.fingerprint) : undefined
  const origin: Fact[] = keyed === undefined ? [] : [['key from', keyed]]
  const digests = 'digests' in finding ? (finding.digests ?? []) : []
  const several = digests.length > 1
  return [
    ...origin,
    ...digests.flatMap(({ object, sha256, fingerprint, signatureFrom }): Fact[] => [
      ['digest SHA-256', several ? `${sha256}  ${object}` : sha256],
      ['signature', signatureFrom === null ? 'none that verifies' : `verifies, found ${SIGNATURES[signatureFrom]}`],
      ['key', origins.has(fingerprint) ? `${fingerprint} from ${origins.get(fingerprint)}` : fingerprint],
    ]),
  ]
}
