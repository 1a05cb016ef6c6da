import type { Finding } from '../core/findings.js'
import type { PublicKeyUse } from '../core/results.js'
import type { ChainHours, ComparedReport, ReportDifference } from './compare-reports.js'
import { escapeTerminal } from './escape.js'
import { findingFacts } from './finding-lines.js'
import type { Paint } from './paint.js'
import { formatCount, formatCounted } from './quantity.js'
import { alignColumns } from './table.js'

/** How many entries of a kind are shown. */
const SHOWN = 50

/** The difference for people, as lines: what is worse first, and a last line that says it in one. */
export function differenceLines(difference: ReportDifference, paint: Paint): string[] {
  const { before, after, findings, coverage, chains, publicKeys } = difference
  const restored = findings.gone.filter(({ code }) => code.endsWith('_MISSING'))
  const others = findings.gone.filter(({ code }) => !code.endsWith('_MISSING'))
  const outside =
    findings.notLookedAt === 0
      ? []
      : [
          '',
          `${formatCounted(findings.notLookedAt, 'finding')} of the first report lie outside of what the second run was asked about.`,
        ]
  return [
    `before    ${reportLine(before)}`,
    `after     ${reportLine(after)}`,
    ...section('New findings', findings.new.flatMap(findingEntry), findings.new.length, paint),
    ...section('Changed again', findings.changed.flatMap(findingEntry), findings.changed.length, paint),
    ...section('No longer proven', hoursLines(coverage.noLongerProven), coverage.noLongerProven.length, paint),
    ...section('Chains that are gone', hoursLines(chains.gone), chains.gone.length, paint),
    ...section('Restored', restored.flatMap(nameOnly), restored.length, paint),
    ...section('No longer found', others.flatMap(nameOnly), others.length, paint),
    ...section('Newly proven', hoursLines(coverage.newlyProven), coverage.newlyProven.length, paint),
    ...section('New chains', hoursLines(chains.new), chains.new.length, paint),
    ...section('Other public keys', keyLines(publicKeys), publicKeys.new.length + publicKeys.gone.length, paint),
    ...outside,
    '',
    lastLine(difference, paint),
  ]
}

function reportLine({ verdict, startTime, endTime, startedAt }: ComparedReport): string {
  return escapeTerminal(`${verdict}, ${startTime ?? '?'} to ${endTime ?? '?'}, run of ${startedAt}`)
}

function section(heading: string, lines: readonly string[], count: number, paint: Paint): string[] {
  if (count === 0) return []
  const more = count > SHOWN ? [`  … and ${formatCount(count - SHOWN)} more (--json has all)`] : []
  return ['', paint('bold', `${heading} (${formatCount(count)})`), ...lines, ...more]
}

function findingEntry(finding: Finding, index: number): string[] {
  if (index >= SHOWN) return []
  const facts = findingFacts(finding).map(([label, value]) => `    ${label.padEnd(12)}${escapeTerminal(value)}`)
  return [`  ${finding.code}  ${escapeTerminal(finding.object)}`, ...facts]
}

function nameOnly({ code, object }: Finding, index: number): string[] {
  return index >= SHOWN ? [] : [`  ${code}  ${escapeTerminal(object)}`]
}

function hoursLines(hours: readonly ChainHours[]): string[] {
  const rows = hours
    .slice(0, SHOWN)
    .map(({ accountId, region, trail, startTime, endTime }) =>
      [`  ${accountId}`, region, trail, `${startTime} to ${endTime}`].map(escapeTerminal),
    )
  return alignColumns(rows)
}

function keyLines({ new: added, gone }: ReportDifference['publicKeys']): string[] {
  const line = (word: string, { fingerprint, sha256, origin }: PublicKeyUse): string =>
    `  ${word}  ${escapeTerminal(fingerprint)}  SHA-256 ${escapeTerminal(sha256)}  from ${escapeTerminal(origin)}`
  return [...added.map((key) => line('now ', key)), ...gone.map((key) => line('then', key))].slice(0, SHOWN)
}

function lastLine({ worse, findings, coverage, chains }: ReportDifference, paint: Paint): string {
  const parts = [
    [findings.new.length, 'new finding'],
    [findings.changed.length, 'changed finding'],
    [findings.gone.length, 'finding gone', 'findings gone'],
    [coverage.noLongerProven.length, 'stretch no longer proven', 'stretches no longer proven'],
    [coverage.newlyProven.length, 'stretch newly proven', 'stretches newly proven'],
    [chains.gone.length, 'chain gone', 'chains gone'],
    [chains.new.length, 'new chain'],
  ] as const
  const told = parts.flatMap(([count, noun, plural]) => (count === 0 ? [] : [formatCounted(count, noun, plural)])).join(', ')
  if (worse) return paint('red', `WORSE: ${told || 'the verdict'}`)
  return told === '' ? paint('green', 'no difference') : paint('green', `not worse: ${told}`)
}
