/** The command line, as it is documented in docs/cli.md. Parses; opens and reads nothing. */
import type { ReportForm } from '../reports/forms.js'
import { type AttestCommand, parseAttest } from './attest-arguments.js'
import type { AwsOptions } from './aws-options.js'
import { type ClusterCommand, parseCluster } from './cluster-arguments.js'
import {
  diffCommand,
  exportCommand,
  keysCommand,
  mergeCommand,
  planCommand,
  reportCommand,
  verifyCommand,
} from './command-options.js'
import { checkSources, type PrintCommand, parseWords, usageError } from './parse-words.js'
import { type NamedOutput, type ReportTarget, reportTargets } from './report-target.js'
import type { Place, Shard, TrailArn } from './values.js'

/** `verify-trail [verify] <source...>` */
export interface VerifyCommand extends AwsOptions {
  readonly command: 'verify'
  /** The command line, for the report. */
  readonly words: readonly string[]
  readonly sources: readonly string[]
  readonly startTime?: Date
  readonly endTime?: Date
  readonly trailArn?: TrailArn
  readonly accountIds: readonly string[]
  readonly regions: readonly string[]
  readonly trails: readonly string[]
  readonly bucket?: Place
  readonly byName?: true
  readonly publicKeys?: string
  readonly metadata?: string
  /** Files of what is expected, or reports of earlier runs. */
  readonly expect: readonly string[]
  readonly unvalidatedTrails: boolean
  /** What is taken as now. */
  readonly asOf?: Date
  readonly shard?: Shard
  /** File of the plan that says where shards begin. */
  readonly plan?: string
  readonly state?: string
  readonly stateKey?: string
  /** From 0 to 1: of what the state would carry over. */
  readonly recheck?: number
  readonly doubleCheck: boolean
  readonly concurrency?: number
  readonly workers?: number
  /** The form of the report on stdout. */
  readonly form: ReportForm
  readonly outputs: readonly ReportTarget[]
  /** PEM file of the key that seals each JSON report, and the file with its passphrase. */
  readonly sign?: string
  readonly signPassphrase?: string
  readonly verbose: boolean
  readonly quiet: boolean
  readonly progress: boolean
  readonly color: boolean
}

/** `verify-trail export` */
export interface ExportCommand {
  readonly command: 'export'
  /** A `.tar`, or a directory (with `/` at its end). */
  readonly target: string
  /** What is verified while it is copied. */
  readonly verify: VerifyCommand
}

/** `verify-trail keys` */
export interface KeysCommand extends AwsOptions {
  readonly command: 'keys'
  readonly sources: readonly string[]
  readonly regions: readonly string[]
  readonly startTime?: Date
  readonly endTime?: Date
  readonly output: string
  readonly quiet: boolean
}

/** `verify-trail report` */
export interface ReportCommand {
  readonly command: 'report'
  /** The saved report. */
  readonly source: string
  /** The form of what goes to stdout; null where files were asked for. */
  readonly form: ReportForm | null
  readonly outputs: readonly ReportTarget[]
  readonly verbose: boolean
  readonly quiet: boolean
  readonly color: boolean
}

/** `verify-trail diff before.json after.json` */
export interface DiffCommand {
  readonly command: 'diff'
  readonly before: string
  readonly after: string
  readonly json: boolean
  readonly color: boolean
}

/** `verify-trail merge shard-1.json shard-2.json …` */
export interface MergeCommand extends Omit<ReportCommand, 'command' | 'source'> {
  readonly command: 'merge'
  /** The command line, for the report. */
  readonly words: readonly string[]
  /** The reports of all shards, in any order. */
  readonly reports: readonly string[]
}

/** `verify-trail plan <source...>` */
export interface PlanCommand extends AwsOptions {
  readonly command: 'plan'
  readonly sources: readonly string[]
  readonly startTime?: Date
  readonly endTime?: Date
  readonly accountIds: readonly string[]
  readonly regions: readonly string[]
  readonly trails: readonly string[]
  readonly asOf?: Date
  readonly byName?: true
  readonly json: boolean
  readonly output?: string
}

interface SharedFlags extends AwsOptions {
  readonly startTime?: Date
  readonly endTime?: Date
  readonly region?: readonly string[]
  readonly quiet?: true
}

interface VerifyFlags extends SharedFlags {
  readonly trailArn?: TrailArn
  readonly accountId?: readonly string[]
  readonly trail?: readonly string[]
  readonly bucket?: Place
  readonly byName?: true
  readonly publicKeys?: string
  readonly metadata?: string
  readonly expect?: readonly string[]
  readonly unvalidatedTrails?: true
  readonly asOf?: Date
  readonly shard?: Shard
  readonly plan?: string
  readonly state?: string
  readonly stateKey?: string
  readonly recheck?: number
  readonly doubleCheck?: true
  readonly concurrency?: number
  readonly workers?: number
  readonly json?: true
  readonly ndjson?: true
  readonly output?: readonly NamedOutput[]
  readonly format?: ReportForm
  readonly sign?: string
  readonly signPassphrase?: string
  readonly verbose?: true
  readonly progress: boolean
  readonly color: boolean
}

type ReportFlags = Pick<VerifyFlags, 'output' | 'format' | 'verbose' | 'quiet' | 'color'>

interface KeysFlags extends SharedFlags {
  readonly output?: string
}

export type CommandLine =
  | VerifyCommand
  | ExportCommand
  | KeysCommand
  | ReportCommand
  | DiffCommand
  | MergeCommand
  | PlanCommand
  | AttestCommand
  | ClusterCommand
  | PrintCommand

/** What is to be done. Throws `ERR_INVALID_OPTION` with a sentence for the user. */
export function parseArguments(words: readonly string[]): CommandLine {
  const [first, ...rest] = words
  if (first === 'help' && rest.length === 0) return parseArguments(['--help'])
  switch (first) {
    case 'attest':
      return parseAttest(rest)
    case 'cluster':
      return parseCluster(rest)
    case 'diff':
      return parseDiff(rest)
    case 'export':
      return parseExport(rest)
    case 'keys':
      return parseKeys(rest)
    case 'merge':
      return parseMerge(rest)
    case 'plan':
      return parsePlan(rest)
    case 'report':
      return parseReport(rest)
    default:
      return parseVerify(words)
  }
}

function parseVerify(words: readonly string[]): VerifyCommand | PrintCommand {
  const command = verifyCommand()
  const printed = parseWords(command, words)
  if (printed !== undefined) return { command: 'print', text: printed }
  const flags = command.opts<VerifyFlags>()
  const sources = command.args[0] === 'verify' ? command.args.slice(1) : command.args
  const [misplaced = ''] = command.args
  if (['attest', 'cluster', 'diff', 'export', 'keys', 'merge', 'plan', 'report'].includes(misplaced))
    throw usageError(
      `'${misplaced}' comes first: verify-trail ${misplaced} [options] (for a directory of that name: ./${misplaced})`,
    )
  checkRange(flags)
  checkSources(sources)
  if (sources.length === 0 && flags.trailArn === undefined) {
    throw usageError('no source: give s3://bucket[/prefix] or an exported bucket (a directory or an archive), or --trail-arn')
  }
  if (flags.trailArn !== undefined && flags.trail !== undefined)
    throw usageError('--trail-arn names the trail: leave out --trail')
  if (flags.shard !== undefined && flags.asOf === undefined)
    throw usageError('--shard needs --as-of T, the same for all shards: it is what they take as now')
  if (flags.plan !== undefined && flags.shard === undefined) throw usageError('--plan is for --shard: give both')
  if (flags.state === undefined && (flags.stateKey !== undefined || flags.recheck !== undefined))
    throw usageError(`--${flags.recheck === undefined ? 'state-key' : 'recheck'} is for --state: give both`)
  return { ...verifyOptions(flags, sources), words }
}

function verifyOptions(flags: VerifyFlags, sources: readonly string[]): Omit<VerifyCommand, 'words'> {
  const {
    accountId: accountIds = [],
    region: regions = [],
    trail: trails = [],
    output = [],
    expect = [],
    format,
    json,
    ndjson,
    ...rest
  } = flags
  const { unvalidatedTrails = false, doubleCheck = false, verbose = false, quiet = false, ...others } = rest
  const form = json ? 'json' : ndjson ? 'ndjson' : 'text'
  const outputs = reportTargets(output, format)
  checkSign(flags, outputs)
  const given = { accountIds, regions, trails, outputs, expect }
  return { ...others, ...given, command: 'verify', sources, form, unvalidatedTrails, doubleCheck, verbose, quiet }
}

function parseExport(words: readonly string[]): ExportCommand | PrintCommand {
  const command = exportCommand()
  const printed = parseWords(command, words)
  if (printed !== undefined) return { command: 'print', text: printed }
  const { output: target, ...flags } = command.opts<Omit<VerifyFlags, 'output'> & { readonly output?: string }>()
  const sources = command.args
  checkRange(flags)
  checkSources(sources)
  if (sources.length === 0 && flags.trailArn === undefined)
    throw usageError('no source: give s3://bucket[/prefix] or an exported bucket (a directory or an archive)')
  if (target === undefined || !/(?:\.tar|\/)$/.test(target))
    throw usageError('no place for the export: say with -o FILE.tar, or -o DIRECTORY/ with a slash at its end')
  return { command: 'export', target, verify: { ...verifyOptions(flags, sources), words: ['export', ...words] } }
}

function parseReport(words: readonly string[]): ReportCommand | PrintCommand {
  const command = reportCommand()
  const printed = parseWords(command, words)
  if (printed !== undefined) return { command: 'print', text: printed }
  const { output = [], format, verbose = false, quiet = false, color } = command.opts<ReportFlags>()
  const [source, ...more] = command.args
  if (source === undefined || more.length > 0) throw usageError('give one report: verify-trail report report.json -o report.html')
  if (output.length === 0) return { command: 'report', source, form: format ?? 'text', outputs: [], verbose, quiet, color }
  return { command: 'report', source, form: null, outputs: reportTargets(output, format), verbose, quiet, color }
}

function parsePlan(words: readonly string[]): PlanCommand | PrintCommand {
  const command = planCommand()
  const printed = parseWords(command, words)
  if (printed !== undefined) return { command: 'print', text: printed }
  const flags = command.opts<Omit<VerifyFlags, 'output'> & { readonly output?: string }>()
  const { accountId: accountIds = [], region: regions = [], trail: trails = [], json = false, ...others } = flags
  const sources = command.args
  checkRange(others)
  checkSources(sources)
  if (sources.length === 0)
    throw usageError('no source: give s3://bucket[/prefix] or an exported bucket (a directory or an archive)')
  return { ...others, command: 'plan', sources, accountIds, regions, trails, json }
}

function parseMerge(words: readonly string[]): MergeCommand | PrintCommand {
  const command = mergeCommand()
  const printed = parseWords(command, words)
  if (printed !== undefined) return { command: 'print', text: printed }
  const flags = command.opts<ReportFlags & { readonly json?: true }>()
  const { output = [], format, json, verbose = false, quiet = false, color } = flags
  const reports = command.args
  if (reports.length === 0) throw usageError('no report: give those of all shards: verify-trail merge shard-1.json shard-2.json')
  checkSources(reports)
  const outputs = reportTargets(output, format)
  const form = json ? 'json' : outputs.length === 0 ? 'text' : null
  return { command: 'merge', words: ['merge', ...words], reports, form, outputs, verbose, quiet, color }
}

function parseDiff(words: readonly string[]): DiffCommand | PrintCommand {
  const command = diffCommand()
  const printed = parseWords(command, words)
  if (printed !== undefined) return { command: 'print', text: printed }
  const { json = false, color } = command.opts<{ json?: true; color: boolean }>()
  const [before, after, ...more] = command.args
  if (before === undefined || after === undefined || more.length > 0)
    throw usageError('give two reports: verify-trail diff before.json after.json')
  return { command: 'diff', before, after, json, color }
}

function checkSign({ sign, signPassphrase }: VerifyFlags, outputs: readonly ReportTarget[]): void {
  if (sign === undefined && signPassphrase !== undefined) throw usageError('--sign-passphrase is for --sign: give both')
  if (sign !== undefined && !outputs.some(({ form }) => form === 'json'))
    throw usageError('--sign seals a JSON report: say where with -o FILE.json')
}

function parseKeys(words: readonly string[]): KeysCommand | PrintCommand {
  const command = keysCommand()
  const printed = parseWords(command, words)
  if (printed !== undefined) return { command: 'print', text: printed }
  const { region: regions = [], output, quiet = false, ...others } = command.opts<KeysFlags>()
  const sources = command.args
  checkRange(others)
  checkSources(sources)
  if (sources.length === 0 && regions.length === 0)
    throw usageError('no region: give s3://bucket[/prefix], or --region once or more')
  const directory = sources.find((source) => !source.startsWith('s3://'))
  if (directory !== undefined)
    throw usageError(`'${directory}' is no s3:// URL: for an exported bucket, name its regions with --region`)
  if (output === undefined) throw usageError('no file: say with -o FILE where to save the keys')
  return { ...others, command: 'keys', sources, regions, output, quiet }
}

function checkRange({ startTime, endTime }: SharedFlags): void {
  if (startTime === undefined || endTime === undefined || startTime < endTime) return
  throw usageError(`the start ${startTime.toISOString()} is not before the end ${endTime.toISOString()}`)
}
