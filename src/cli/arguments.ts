/** The command line, as it is documented in docs/cli.md. Parses; opens and reads nothing. */
import { Command, CommanderError, Option } from 'commander'
import { VerifyTrailError } from '../errors.js'
import { VERSION } from '../version.js'
import {
  accountId,
  endpointUrl,
  type Place,
  place,
  type ReportForm,
  type ReportTarget,
  region,
  reportTargets,
  several,
  single,
  type TrailArn,
  text,
  time,
  trailArn,
  trailName,
  wholeNumber,
} from './values.js'

export const MAX_CONCURRENCY = 1024
export const MAX_WORKERS = 64

/** How AWS, or something that speaks S3, is reached. */
export interface AwsOptions {
  readonly endpointUrl?: string
  readonly profile?: string
}

/** `verify-trail [verify] <source...>` */
export interface VerifyCommand extends AwsOptions {
  readonly command: 'verify'
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
  readonly unvalidatedTrails: boolean
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
  readonly unvalidatedTrails?: true
  readonly concurrency?: number
  readonly workers?: number
  readonly json?: true
  readonly ndjson?: true
  readonly output?: readonly ReportTarget[]
  readonly verbose?: true
  readonly progress: boolean
  readonly color: boolean
}

interface KeysFlags extends SharedFlags {
  readonly output?: string
}

/** What is to be done. Throws `ERR_INVALID_OPTION` with a sentence for the user. */
export function parseArguments(words: readonly string[]): VerifyCommand | KeysCommand | PrintCommand {
  const [first, ...rest] = words
  if (first === 'help' && rest.length === 0) return parseArguments(['--help'])
  return first === 'keys' ? parseKeys(rest) : parseVerify(words)
}

function parseVerify(words: readonly string[]): VerifyCommand | PrintCommand {
  const command = verifyCommand()
  const printed = parse(command, words)
  if (printed !== undefined) return { command: 'print', text: printed }
  const flags = command.opts<VerifyFlags>()
  const sources = command.args[0] === 'verify' ? command.args.slice(1) : command.args
  if (command.args[0] === 'keys')
    throw usageError("'keys' comes first: verify-trail keys [options] (for a directory of that name: ./keys)")
  checkRange(flags)
  checkSources(sources)
  if (sources.length === 0 && flags.trailArn === undefined) {
    throw usageError('no source: give s3://bucket[/prefix] or the directory of an exported bucket, or --trail-arn')
  }
  if (flags.trailArn !== undefined && flags.trail !== undefined)
    throw usageError('--trail-arn names the trail: leave out --trail')
  return verifyOptions(flags, sources)
}

function verifyOptions(flags: VerifyFlags, sources: readonly string[]): VerifyCommand {
  const { accountId: accountIds = [], region: regions = [], trail: trails = [], output = [], json, ndjson, ...rest } = flags
  const { unvalidatedTrails = false, verbose = false, quiet = false, ...others } = rest
  const form = json ? 'json' : ndjson ? 'ndjson' : 'text'
  const given = { accountIds, regions, trails, outputs: output }
  return { ...others, ...given, command: 'verify', sources, form, unvalidatedTrails, verbose, quiet }
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
    if (source === '') throw usageError('a source is empty: give s3://bucket[/prefix] or the directory of an exported bucket')
    if (sources.indexOf(source) !== i) throw usageError(`the source '${source}' was given twice`)
  }
}

const RANGE = 'What to check:'
const EVIDENCE = 'What it is checked with:'
const RUN = 'How to run:'
const REPORT = 'Reports:'

function verifyCommand(): Command {
  const command = new Command('verify-trail')
    .usage('[verify] <source...> [options]\n       verify-trail keys (s3://… | --region R…) -o public-keys.json')
    .description('Proves, or disproves, the integrity of AWS CloudTrail logs: digest chains, signatures and every log file.')
    .argument('[source...]', 's3://bucket[/prefix], or the directory of an exported bucket')
    .version(VERSION, '--version', 'print the version')
    .helpOption('--help', 'print this help')
    .allowExcessArguments(true)
  for (const [heading, options] of verifyOptionGroups()) {
    for (const option of options) command.addOption(option.helpGroup(heading))
  }
  return command.addHelpText('after', `\n${EXIT_CODES}`)
}

const EXIT_CODES =
  'Exit code: 0 valid, 1 invalid, 2 usage or environment error, 3 unverified, or interrupted with nothing invalid.\n' +
  'Times are ISO 8601: offsets are honoured, without one it is UTC, a date is its midnight UTC.'

function verifyOptionGroups(): [string, Option[]][] {
  return [
    [RANGE, scopeOptions()],
    [EVIDENCE, evidenceOptions()],
    [RUN, [...runOptions(), ...awsOptions()]],
    [REPORT, reportOptions()],
  ]
}

function scopeOptions(): Option[] {
  return [
    ...rangeOptions(),
    option(
      '--trail-arn <arn>',
      'the trail with this ARN; where no source is given, CloudTrail is asked for its bucket',
      single(trailArn),
    ),
    option('--account-id <ids>', 'only these accounts (repeatable, or a,b,c)', several(accountId)),
    option('--region <names>', 'only these source regions (repeatable, or a,b,c)', several(region)),
    option('--trail <names>', 'only these trails (repeatable, or a,b,c)', several(trailName)),
    new Option('--unvalidated-trails', 'trails without log file validation deliver into the same folders'),
  ]
}

function rangeOptions(): Option[] {
  return [
    option('--start-time <time>', 'from here (included)', single(time)),
    option('--end-time <time>', 'to here (excluded)', single(time)),
  ]
}

function evidenceOptions(): Option[] {
  return [
    option(
      '--public-keys <file>',
      'saved list-public-keys answers, a file or a directory of them; for s3:// CloudTrail is asked',
      single(text),
    ),
    option('--metadata <file>', 'JSON with the S3 user metadata of the objects of an export', single(text)),
    option('--bucket <name[/prefix]>', 'the original place of an export or of a replica bucket', single(place)),
  ]
}

function runOptions(): Option[] {
  return [
    option('--concurrency <n>', `reads at a time, 1 to ${MAX_CONCURRENCY} (default 64)`, single(wholeNumber(1, MAX_CONCURRENCY))),
    option(
      '--workers <n>',
      `threads, 0 to ${MAX_WORKERS}; accepted, and without effect yet`,
      single(wholeNumber(0, MAX_WORKERS)),
    ),
  ]
}

function awsOptions(): Option[] {
  return [
    option(
      '--endpoint-url <url>',
      'an S3 endpoint other than AWS (path style then); CloudTrail has AWS_ENDPOINT_URL_CLOUDTRAIL',
      single(endpointUrl),
    ),
    option('--profile <name>', 'a profile of the AWS configuration', single(text)),
  ]
}

function reportOptions(): Option[] {
  return [
    new Option('--json', 'one JSON report on stdout').conflicts('ndjson'),
    new Option('--ndjson', 'one JSON record a line on stdout, as results are known'),
    new Option('-o, --output <file>', 'also a report file: .json, .ndjson or .txt (repeatable)').argParser(reportTargets),
    new Option('-v, --verbose', 'the text report names every digest and log file').conflicts('quiet'),
    new Option('-q, --quiet', 'no progress; the text report is the verdict alone'),
    new Option('--no-progress', 'no progress on stderr'),
    new Option('--no-color', 'no colours (NO_COLOR and FORCE_COLOR are honoured too)'),
  ]
}

function keysCommand(): Command {
  const command = new Command('verify-trail keys')
    .usage('(s3://bucket[/prefix]… | --region R…) -o FILE [options]')
    .description("Saves CloudTrail's public keys for use without a network, with --public-keys.")
    .argument('[source...]', 's3://bucket[/prefix]: the regions of its digests, and their time')
    .helpOption('--help', 'print this help')
    .allowExcessArguments(true)
    .addOption(option('--region <names>', 'these regions (repeatable, or a,b,c)', several(region)))
  for (const each of [...rangeOptions(), ...awsOptions()]) command.addOption(each)
  return command
    .addOption(option('-o, --output <file>', 'where to save them', single(text)))
    .addOption(new Option('-q, --quiet', 'say nothing but errors'))
}

function option<T>(flags: string, description: string, parser: (value: string, previous: T | undefined) => T): Option {
  // A previous value is what the same parser returned, or undefined; commander types it as never absent.
  return new Option(flags, description).argParser<T | undefined>(parser)
}
