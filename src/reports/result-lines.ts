/** One result as lines of safe text. */
import type { FindingVerdict, Verdict } from '../core/findings.js'
import type { CarriedOverResult, DigestResult, LogFileResult, Result, Summary } from '../core/results.js'
import { escapeTerminal } from './escape.js'
import { findingLines } from './finding-lines.js'
import type { Colour, Paint } from './paint.js'
import { formatCount } from './quantity.js'

export const VERDICT_COLOURS: Readonly<Record<Verdict | FindingVerdict, Colour>> = {
  valid: 'green',
  invalid: 'red',
  unverified: 'yellow',
  note: 'dim',
}

export function resultLines(result: Exclude<Result, Summary>, paint: Paint): string[] {
  switch (result.kind) {
    case 'digest':
      return [`${verdictWord(result, paint)}  digest    ${escapeTerminal(result.object)}  ${digestFacts(result)}`]
    case 'log-file':
      return [
        `${verdictWord(result, paint)}  log file  ${escapeTerminal(result.object)}${result.status === result.verdict ? '' : `  ${result.status}`}`,
      ]
    case 'carried-over':
      return [`${verdictWord({ verdict: 'valid' }, paint)}  not read again: ${carriedOver(result)}`]
    case 'finding':
    case 'gap':
      return [
        `${paint(VERDICT_COLOURS[result.verdict], result.code)}  ${result.verdict}`,
        ...findingLines(result).map((line) => `  ${line}`),
      ]
  }
}

function verdictWord({ verdict }: Pick<DigestResult | LogFileResult, 'verdict'>, paint: Paint): string {
  return paint(VERDICT_COLOURS[verdict], verdict.padEnd(10))
}

function carriedOver({ accountId, region, digests, logFiles }: CarriedOverResult): string {
  return `${formatCount(digests)} digests and ${formatCount(logFiles)} log files of account ${escapeTerminal(accountId)}, region ${escapeTerminal(region)}`
}

function digestFacts({ startTime, endTime, starting, logFiles }: DigestResult): string {
  const hour = escapeTerminal(startTime === null ? `to ${endTime}` : `${startTime} to ${endTime}`)
  return `${hour}  lists ${formatCount(logFiles)}${starting ? '  starting digest' : ''}`
}
