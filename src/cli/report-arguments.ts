/** The command lines of what works on saved reports. */
import type { ResultForm } from '../reports/forms.js'
import { diffCommand, mergeCommand, reportCommand } from './command-options.js'
import type { ReportFlags } from './flags.js'
import { checkSources, type PrintCommand, parseWords, usageError } from './parse-words.js'
import { type ReportTarget, resultForm, resultTargets } from './report-target.js'

/** `verify-trail report` */
export interface ReportCommand {
  readonly command: 'report'
  /** The saved report. */
  readonly source: string
  /** The form of what goes to stdout; null where files were asked for. */
  readonly form: ResultForm | null
  readonly outputs: readonly ReportTarget[]
  readonly verbose: boolean
  readonly quiet: boolean
  readonly color: boolean
}

/** Which reports: on stdout, and in files. */
export type ReportRequest = Pick<ReportCommand, 'form' | 'outputs' | 'verbose' | 'quiet' | 'color'>

/** `verify-trail diff before.json after.json` */
export interface DiffCommand {
  readonly command: 'diff'
  readonly before: string
  readonly after: string
  readonly json: boolean
  readonly color: boolean
}

/** `verify-trail merge shard-1.json shard-2.json …` */
export interface MergeCommand extends ReportRequest {
  readonly command: 'merge'
  /** The command line, for the report. */
  readonly words: readonly string[]
  /** The reports of all shards, in any order. */
  readonly reports: readonly string[]
}

export function parseReport(words: readonly string[]): ReportCommand | PrintCommand {
  const command = reportCommand()
  const printed = parseWords(command, words)
  if (printed !== undefined) return { command: 'print', text: printed }
  const { output = [], format, verbose = false, quiet = false, color } = command.opts<ReportFlags>()
  const [source, ...more] = command.args
  if (source === undefined || more.length > 0) throw usageError('give one report: verify-trail report report.json -o report.html')
  if (output.length === 0)
    return { command: 'report', source, form: resultForm(format ?? 'text'), outputs: [], verbose, quiet, color }
  return { command: 'report', source, form: null, outputs: resultTargets(output, format), verbose, quiet, color }
}

export function parseMerge(words: readonly string[]): MergeCommand | PrintCommand {
  const command = mergeCommand()
  const printed = parseWords(command, words)
  if (printed !== undefined) return { command: 'print', text: printed }
  const flags = command.opts<ReportFlags & { readonly json?: true }>()
  const { output = [], format, json, verbose = false, quiet = false, color } = flags
  const reports = command.args
  if (reports.length === 0) throw usageError('no report: give those of all shards: verify-trail merge shard-1.json shard-2.json')
  checkSources(reports)
  const outputs = resultTargets(output, format)
  const form = json ? 'json' : outputs.length === 0 ? 'text' : null
  return { command: 'merge', words: ['merge', ...words], reports, form, outputs, verbose, quiet, color }
}

export function parseDiff(words: readonly string[]): DiffCommand | PrintCommand {
  const command = diffCommand()
  const printed = parseWords(command, words)
  if (printed !== undefined) return { command: 'print', text: printed }
  const { json = false, color } = command.opts<{ json?: true; color: boolean }>()
  const [before, after, ...more] = command.args
  if (before === undefined || after === undefined || more.length > 0)
    throw usageError('give two reports: verify-trail diff before.json after.json')
  return { command: 'diff', before, after, json, color }
}
