/** The command line, as it is documented in docs/cli.md. Parses; opens and reads nothing. */
import type { ResultForm } from '../reports/forms.js'
import { type AttestCommand, parseAttest } from './attest-arguments.js'
import type { AwsOptions } from './aws-options.js'
import { type ClusterCommand, parseCluster } from './cluster-arguments.js'
import { completionCommand, exportCommand, keysCommand, planCommand, SHELLS, verifyCommand } from './command-options.js'
import { COMMANDS } from './commands.js'
import { completionScript } from './completion.js'
import { checkVariables, type Environment, wordsOfEnvironment } from './environment.js'
import { checkRange, type KeysFlags, type Narrowing, type VerifyFlags } from './flags.js'
import { checkSources, type PrintCommand, parseWords, usageError } from './parse-words.js'
import {
  type DiffCommand,
  type MergeCommand,
  parseDiff,
  parseMerge,
  parseReport,
  type ReportCommand,
} from './report-arguments.js'
import { type ReportTarget, reportTargets } from './report-target.js'
import { didYouMean } from './suggestion.js'
import type { Place, Shard, TrailArn } from './values.js'

/** `verify-trail [verify] <source...>` */
export interface VerifyCommand extends AwsOptions, Narrowing {
  readonly command: 'verify'
  /** The command line, for the report. */
  readonly words: readonly string[]
  readonly sources: readonly string[]
  readonly trailArn?: TrailArn
  readonly bucket?: Place
  readonly byName?: true
  readonly publicKeys?: string
  readonly metadata?: string
  /** Files of what is expected, or reports of earlier runs. */
  readonly expect: readonly string[]
  readonly unvalidatedTrails: boolean
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
  readonly form: ResultForm
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

/** `verify-trail plan <source...>` */
export interface PlanCommand extends AwsOptions, Narrowing {
  readonly command: 'plan'
  readonly sources: readonly string[]
  readonly byName?: true
  readonly json: boolean
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

/** What is to be done: what was typed, after what the environment sets. Throws `ERR_INVALID_OPTION` with a sentence for the user. */
export function parseArguments(words: readonly string[], environment: Environment = {}): CommandLine {
  const [first = '', ...rest] = words
  if (first === 'help') return parseArguments([...rest, '--help'])
  const name = COMMANDS.has(first) ? first : 'verify'
  const typed = name === first ? rest : words
  checkVariables(COMMANDS, environment)
  const make = COMMANDS.get(name)
  const all = make === undefined ? typed : [...wordsOfEnvironment(name, make, typed, environment), ...typed]
  switch (name) {
    case 'attest':
      return parseAttest(all)
    case 'cluster':
      return parseCluster(all)
    case 'completion':
      return parseCompletion(all)
    case 'diff':
      return parseDiff(all)
    case 'export':
      return parseExport(all)
    case 'keys':
      return parseKeys(all)
    case 'merge':
      return parseMerge(all)
    case 'plan':
      return parsePlan(all)
    case 'report':
      return parseReport(all)
    default:
      return parseVerify(name === first ? ['verify', ...all] : all)
  }
}

function parseVerify(words: readonly string[]): VerifyCommand | PrintCommand {
  const command = verifyCommand()
  const printed = parseWords(command, words)
  if (printed !== undefined) return { command: 'print', text: printed }
  const flags = command.opts<VerifyFlags>()
  const sources = sourcesOf(flags, command.args[0] === 'verify' ? command.args.slice(1) : command.args)
  const [misplaced = ''] = command.args
  if (misplaced !== 'verify' && COMMANDS.has(misplaced))
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

/** Those that were named, and the one that aws-cli has options for. */
function sourcesOf({ s3Bucket, s3Prefix }: VerifyFlags, named: readonly string[]): string[] {
  if (s3Bucket === undefined) {
    if (s3Prefix !== undefined) throw usageError('--s3-prefix is for --s3-bucket: give both')
    return [...named]
  }
  return [...named, s3Prefix === undefined ? `s3://${s3Bucket}` : `s3://${s3Bucket}/${s3Prefix}`]
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
  const sources = sourcesOf(flags, command.args)
  checkRange(flags)
  checkSources(sources)
  if (sources.length === 0 && flags.trailArn === undefined)
    throw usageError('no source: give s3://bucket[/prefix] or an exported bucket (a directory or an archive)')
  if (target === undefined || !/(?:\.tar|\/)$/.test(target))
    throw usageError('no place for the export: say with -o FILE.tar, or -o DIRECTORY/ with a slash at its end')
  return { command: 'export', target, verify: { ...verifyOptions(flags, sources), words: ['export', ...words] } }
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

function parseCompletion(words: readonly string[]): PrintCommand {
  const command = completionCommand()
  const printed = parseWords(command, words)
  if (printed !== undefined) return { command: 'print', text: printed }
  const [shell = ''] = command.args
  const known = SHELLS.find((each) => each === shell)
  if (known === undefined || command.args.length > 1)
    throw usageError(`completion: give one shell of ${SHELLS.join(', ')}${didYouMean(shell, SHELLS)}`)
  return { command: 'print', text: completionScript(known, COMMANDS) }
}
