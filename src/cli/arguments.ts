/** The command line, as it is documented in docs/cli.md. Parses; opens and reads nothing. */
import { type Command, CommanderError } from 'commander'
import { VerifyTrailError } from '../errors.js'
import type { ReportForm } from '../reports/forms.js'
import { keysCommand, reportCommand, verifyCommand } from './command-options.js'
import { type NamedOutput, type ReportTarget, reportTargets } from './report-target.js'
import type { Place, TrailArn } from './values.js'

/** How AWS, or something that speaks S3, is reached. */
export interface AwsOptions {
  readonly endpointUrl?: string
  readonly profile?: string
}

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
  readonly publicKeys?: string
  readonly metadata?: string
  /** Files of what is expected, or reports of earlier runs. */
  readonly expect: readonly string[]
  readonly unvalidatedTrails: boolean
  readonly doubleCheck: boolean
  readonly concurrency?: number
  readonly workers?: number
  /** The form of the report on stdout. */
  readonly form: ReportForm
  readonly outputs: readonly ReportTarget[]
  readonly verbose: boolean
  readonly quiet: boolean
  readonly progress: boolean
  readonly color: boolean
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

/** Help or version: printed, and done. */
export interface PrintCommand {
  readonly command: 'print'
  readonly text: string
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
  readonly publicKeys?: string
  readonly metadata?: string
  readonly expect?: readonly string[]
  readonly unvalidatedTrails?: true
  readonly doubleCheck?: true
  readonly concurrency?: number
  readonly workers?: number
  readonly json?: true
  readonly ndjson?: true
  readonly output?: readonly NamedOutput[]
  readonly format?: ReportForm
  readonly verbose?: true
  readonly progress: boolean
  readonly color: boolean
}

type ReportFlags = Pick<VerifyFlags, 'output' | 'format' | 'verbose' | 'quiet' | 'color'>

interface KeysFlags extends SharedFlags {
  readonly output?: string
}

/** What is to be done. Throws `ERR_INVALID_OPTION` with a sentence for the user. */
export function parseArguments(words: readonly string[]): VerifyCommand | KeysCommand | ReportCommand | PrintCommand {
  const [first, ...rest] = words
  if (first === 'help' && rest.length === 0) return parseArguments(['--help'])
  if (first === 'keys') return parseKeys(rest)
  return first === 'report' ? parseReport(rest) : parseVerify(words)
}

function parseVerify(words: readonly string[]): VerifyCommand | PrintCommand {
  const command = verifyCommand()
  const printed = parse(command, words)
  if (printed !== undefined) return { command: 'print', text: printed }
  const flags = command.opts<VerifyFlags>()
  const sources = command.args[0] === 'verify' ? command.args.slice(1) : command.args
  const [first = ''] = command.args
  if (first === 'keys' || first === 'report')
    throw usageError(`'${first}' comes first: verify-trail ${first} [options] (for a directory of that name: ./${first})`)
  checkRange(flags)
  checkSources(sources)
  if (sources.length === 0 && flags.trailArn === undefined) {
    throw usageError('no source: give s3://bucket[/prefix] or an exported bucket (a directory or an archive), or --trail-arn')
  }
  if (flags.trailArn !== undefined && flags.trail !== undefined)
    throw usageError('--trail-arn names the trail: leave out --trail')
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
  const given = { accountIds, regions, trails, outputs: reportTargets(output, format), expect }
  return { ...others, ...given, command: 'verify', sources, form, unvalidatedTrails, doubleCheck, verbose, quiet }
}

function parseReport(words: readonly string[]): ReportCommand | PrintCommand {
  const command = reportCommand()
  const printed = parse(command, words)
  if (printed !== undefined) return { command: 'print', text: printed }
  const { output = [], format, verbose = false, quiet = false, color } = command.opts<ReportFlags>()
  const [source, ...more] = command.args
  if (source === undefined || more.length > 0) throw usageError('give one report: verify-trail report report.json -o report.html')
  if (output.length === 0) return { command: 'report', source, form: format ?? 'text', outputs: [], verbose, quiet, color }
  return { command: 'report', source, form: null, outputs: reportTargets(output, format), verbose, quiet, color }
}

function parseKeys(words: readonly string[]): KeysCommand | PrintCommand {
  const command = keysCommand()
  const printed = parse(command, words)
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

/** The text of `--help` or `--version` where that was asked for. */
function parse(command: Command, words: readonly string[]): string | undefined {
  let printed = ''
  command.exitOverride().configureOutput({
    writeOut: (out) => {
      printed += out
    },
    outputError: () => undefined,
  })
  try {
    command.parse(words, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    if (error.exitCode === 0) return printed
    throw usageError(error.message.replace(/^error: /, ''))
  }
  return undefined
}

function usageError(message: string): VerifyTrailError {
  return new VerifyTrailError('ERR_INVALID_OPTION', `${message} (see verify-trail --help)`)
}

function checkRange({ startTime, endTime }: SharedFlags): void {
  if (startTime === undefined || endTime === undefined || startTime < endTime) return
  throw usageError(`the start ${startTime.toISOString()} is not before the end ${endTime.toISOString()}`)
}

function checkSources(sources: readonly string[]): void {
  for (const [i, source] of sources.entries()) {
    if (source === '')
      throw usageError('a source is empty: give s3://bucket[/prefix] or an exported bucket (a directory or an archive)')
    if (sources.indexOf(source) !== i) throw usageError(`the source '${source}' was given twice`)
  }
}
