/** The options of the commands, with their help. What they mean is in docs/cli.md. */
import { Command, Option } from 'commander'
import { REPORT_FORMS } from '../reports/forms.js'
import { VERSION } from '../version.js'
import { outputFiles, reportForm } from './report-target.js'
import {
  accountId,
  bucketName,
  endpointUrl,
  paths,
  place,
  region,
  several,
  shard,
  share,
  single,
  text,
  time,
  trailArn,
  trailName,
  wholeNumber,
} from './values.js'

const MAX_CONCURRENCY = 1024
const MAX_WORKERS = 64

export const SHELLS = ['bash', 'zsh', 'fish'] as const

const RANGE = 'What to check:'
const EVIDENCE = 'What it is checked with:'
const RUN = 'How to run:'
const REPORT = 'Reports:'

/** `verify-trail [verify]`. One command and not a subcommand: its options may stand before its name, and help shows all at once. */
export function verifyCommand(): Command {
  const command = newCommand('verify-trail')
    .usage(
      '[verify] <source...> [options]\n       verify-trail keys (s3://… | --region R…) -o public-keys.json\n       verify-trail report report.json -o report.html\n       verify-trail export <source...> -o evidence.tar\n       verify-trail plan <source...> -o plan.json\n       verify-trail diff before.json after.json\n       verify-trail merge shard-1.json shard-2.json…\n       verify-trail cluster (submit | work | status | merge) …\n       verify-trail attest (check | request | attach) …\n       verify-trail completion (bash | zsh | fish)\n       verify-trail help [command]',
    )
    .description('Proves, or disproves, the integrity of AWS CloudTrail logs: digest chains, signatures and every log file.')
    .argument(
      '[source...]',
      's3://bucket[/prefix], or an exported bucket: a directory, .tar, .tar.gz, .tar.zst, .zip, or - for a tar on stdin',
    )
    .version(VERSION, '--version', 'print the version')
  for (const [heading, options] of verifyOptionGroups()) {
    for (const option of options) command.addOption(option.helpGroup(heading))
  }
  return command.addHelpText('after', `\n${EXIT_CODES}`)
}

const EXIT_CODES =
  'Exit code: 0 valid, 1 invalid, 2 usage or environment error, 3 unverified, or interrupted with nothing invalid.\n' +
  'Each option can be set by the environment: --start-time by VERIFY_TRAIL_START_TIME. What is typed comes first.\n' +
  'Times are ISO 8601: offsets are honoured, without one it is UTC, a date is its midnight UTC.'

function verifyOptionGroups(): [string, Option[]][] {
  return [
    [RANGE, scopeOptions()],
    [EVIDENCE, evidenceOptions()],
    [RUN, [...runOptions(), ...stateOptions(), ...awsOptions(), logJson()]],
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
    ...namesOptions(),
    option('--s3-bucket <name>', 'as in aws-cli: the source s3://NAME', single(bucketName)),
    option('--s3-prefix <prefix>', 'with --s3-bucket: the source s3://NAME/PREFIX', single(text)),
    option(
      '--expect <file>',
      'JSON: accounts, regions and trails that must be there, and gaps that are accepted; or an earlier report (repeatable)',
      paths,
    ),
    unvalidatedTrails(),
    asOf(),
    option('--shard <i/n>', 'only this one of n parts, to be merged; all with the same --as-of', single(shard)),
    option('--plan <file>', 'with --shard: the plan whose work is parted evenly, the same for all shards', single(text)),
  ]
}

function namesOptions(): Option[] {
  return [
    option('--account-id <ids>', 'only these accounts (repeatable, or a,b,c)', several(accountId)),
    option('--region <names>', 'only these source regions (repeatable, or a,b,c)', several(region)),
    option('--trail <names>', 'only these trails (repeatable, or a,b,c)', several(trailName)),
  ]
}

const asOf = (): Option => option('--as-of <time>', 'what is taken as now (default: now)', single(time))
const byName = (): Option =>
  new Option('--by-name', 'the folders of an export are not the bucket’s: go by the names of the files')

function rangeOptions(): Option[] {
  return [
    option('--start-time <time>', 'from here (included)', single(time)),
    option('--end-time <time>', 'to here (excluded)', single(time)),
  ]
}

/** What objects are verified with, and how: also where a sealed report is checked against the evidence. */
export function sharedVerifyOptions(): Option[] {
  return [...evidenceOptions(), unvalidatedTrails(), ...runOptions(), ...awsOptions()]
}

const unvalidatedTrails = (): Option =>
  new Option('--unvalidated-trails', 'trails without log file validation deliver into the same folders')

function evidenceOptions(): Option[] {
  return [
    option(
      '--public-keys <file>',
      'saved list-public-keys answers, a file or a directory of them; for s3:// CloudTrail is asked',
      single(text),
    ),
    option('--metadata <file>', 'JSON with the S3 user metadata of the objects of an export', single(text)),
    option('--bucket <name[/prefix]>', 'the original place of an export or of a replica bucket', single(place)),
    byName(),
  ]
}

function runOptions(): Option[] {
  return [
    option(
      '--concurrency <n>',
      `reads at a time, 1 to ${MAX_CONCURRENCY} (default 128)`,
      single(wholeNumber(1, MAX_CONCURRENCY)),
    ),
    option(
      '--workers <n>',
      `threads that measure log files, 0 to ${MAX_WORKERS} (default: one a processor, for large runs)`,
      single(wholeNumber(0, MAX_WORKERS)),
    ),
    new Option('--double-check', 'every signature and log file in a second, independent way; a difference ends the run'),
  ]
}

function stateOptions(): Option[] {
  return [
    option('--state <file>', 'go on where a run broke off; and read nothing again that a store has unchanged', single(text)),
    option(
      '--state-key <file>',
      'a secret that the state is bound with: who has it not cannot change it unnoticed',
      single(text),
    ),
    option('--recheck <share>', 'with --state: read so much again all the same: 1%, or all', single(share)),
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
    ...fileOptions(),
    option('--sign <pem>', 'seal each JSON report with this private key: FILE.json.dsse.json beside it', single(text)),
    option('--sign-passphrase <file>', "the key's passphrase is the first line of this file", single(text)),
    new Option('-v, --verbose', 'the text report names every digest and log file').conflicts('quiet'),
    new Option('-q, --quiet', 'no progress; the text report is the verdict alone'),
    new Option('--no-progress', 'no progress on stderr'),
    noColor(),
  ]
}

/** A command with what all have. */
export function newCommand(name: string): Command {
  return new Command(name).helpOption('--help', 'print this help').allowExcessArguments(true)
}

const noColor = (): Option => new Option('--no-color', 'no colours (NO_COLOR and FORCE_COLOR are honoured too)')

export const logJson = (): Option => new Option('--log-json', 'messages and progress on stderr are JSON, one object a line')

/** What a run over many machines is about. */
export function submittedOptions(): Option[] {
  const place = ['bucket', 'byName', 'publicKeys', 'metadata']
  const evidence = evidenceOptions().filter((each) => place.includes(each.attributeName()))
  return [...rangeOptions(), ...namesOptions(), asOf(), unvalidatedTrails(), ...evidence]
}

/** What each worker has of its own. */
export function ownOptions(): Option[] {
  return [...runOptions().filter((each) => each.attributeName() !== 'doubleCheck'), ...awsOptions()]
}

/** `verify-trail export`. */
export function exportCommand(): Command {
  const command = newCommand('verify-trail export')
    .usage('<source...> -o (FILE.tar | DIRECTORY/) [options]')
    .description(
      'Verifies, and copies what it reads: digests and log files with their metadata, hashes and the report in one tar or directory, the public keys beside it.',
    )
    .argument('[source...]', 's3://bucket[/prefix], or an exported bucket')
    .addOption(
      option(
        '-o, --output <target>',
        'evidence.tar, or evidence/ for a directory; what is there of it is gone on with',
        single(text),
      ),
    )
  const isOfReports = (each: Option): boolean =>
    ['output', 'format', 'sign', 'signPassphrase', 'shard', 'plan', 'state', 'stateKey', 'recheck'].includes(each.attributeName())
  for (const [heading, options] of verifyOptionGroups()) {
    for (const each of options) if (!isOfReports(each)) command.addOption(each.helpGroup(heading))
  }
  return command.addHelpText('after', `\n${EXIT_CODES}`)
}

/** `verify-trail report`. */
export function reportCommand(): Command {
  const command = newCommand('verify-trail report')
    .usage('(report.json | report.ndjson) [-o FILE…]')
    .description('A saved report in other forms. It reads no log file and verifies nothing again. Without -o: to stdout.')
    .argument('[report]', 'the JSON report of a run, or its NDJSON (.ndjson, .jsonl)')
  for (const each of fileOptions()) command.addOption(each)
  return command
    .addOption(new Option('-v, --verbose', 'the text report names every finding').conflicts('quiet'))
    .addOption(new Option('-q, --quiet', 'the text report is the verdict alone'))
    .addOption(noColor())
    .addOption(logJson())
    .addHelpText('after', '\nExit code: 0 written, 2 not.')
}

/** `verify-trail diff`. */
export function diffCommand(): Command {
  return newCommand('verify-trail diff')
    .usage('before.json after.json [--json]')
    .description('What changed between two runs: findings that came and went, hours proven now or no more, other keys.')
    .argument('[before]', 'the JSON report of a run, or its NDJSON')
    .argument('[after]', 'that of a later run')
    .addOption(new Option('--json', 'one JSON object on stdout'))
    .addOption(noColor())
    .addOption(logJson())
    .addHelpText('after', '\nExit code: 0 nothing is worse, 1 something is, 2 a report cannot be read.')
}

/** `verify-trail plan`. */
export function planCommand(): Command {
  const command = newCommand('verify-trail plan')
    .usage('<source...> [-o plan.json] [options]')
    .description(
      'What a run would read: chains, hours without a digest, objects and bytes, by their names. No log file is read, and no digest.',
    )
    .argument('[source...]', 's3://bucket[/prefix], or an exported bucket')
  for (const each of [...rangeOptions(), ...namesOptions(), asOf(), byName(), ...awsOptions()]) command.addOption(each)
  return command
    .addOption(new Option('--json', 'the plan as JSON on stdout'))
    .addOption(option('-o, --output <file>', 'the plan as JSON, for --plan', single(text)))
    .addOption(logJson())
    .addHelpText('after', '\nExit code: 0 listed, 2 not, 3 something could not be listed.')
}

/** `verify-trail merge`. */
export function mergeCommand(): Command {
  const command = newCommand('verify-trail merge')
    .usage('<report.json...> [-o FILE…]')
    .description(
      'Makes one report of those of all shards of a run, as if it had been verified in one piece. Without -o: to stdout.',
    )
    .argument('[report...]', 'the JSON reports that --shard made')
    .addOption(new Option('--json', 'one JSON report on stdout'))
  for (const each of fileOptions()) command.addOption(each)
  return command
    .addOption(new Option('-v, --verbose', 'the text report names every finding').conflicts('quiet'))
    .addOption(new Option('-q, --quiet', 'the text report is the verdict alone'))
    .addOption(noColor())
    .addOption(logJson())
    .addHelpText('after', `\n${EXIT_CODES}`)
}

export function fileOptions(): Option[] {
  return [
    new Option('-o, --output <[form:]file>', 'also a report file; its name says the form (repeatable)').argParser(outputFiles),
    option('--format <form>', `the form of the one -o file: ${REPORT_FORMS.join(', ')}`, single(reportForm)),
  ]
}

/** `verify-trail keys`. */
export function keysCommand(): Command {
  const command = newCommand('verify-trail keys')
    .usage('(s3://bucket[/prefix]… | --region R…) -o FILE [options]')
    .description("Saves CloudTrail's public keys for use without a network, with --public-keys.")
    .argument('[source...]', 's3://bucket[/prefix]: the regions of its digests, and their time')
    .addOption(option('--region <names>', 'these regions (repeatable, or a,b,c)', several(region)))
  for (const each of [...rangeOptions(), ...awsOptions()]) command.addOption(each)
  return command
    .addOption(option('-o, --output <file>', 'where to save them', single(text)))
    .addOption(new Option('-q, --quiet', 'say nothing but errors'))
    .addOption(logJson())
}

export function option<T>(flags: string, description: string, parser: (value: string, previous: T | undefined) => T): Option {
  // A previous value is what the same parser returned, or undefined; commander types it as never absent.
  return new Option(flags, description).argParser<T | undefined>(parser)
}

/** `verify-trail completion`. */
export function completionCommand(): Command {
  return newCommand('verify-trail completion')
    .usage(`(${SHELLS.join(' | ')})`)
    .description(
      'Prints what completes this command in a shell. bash: source <(verify-trail completion bash). fish: verify-trail completion fish | source. zsh: as a file _verify-trail in a directory of $fpath.',
    )
    .argument('[shell]', SHELLS.join(', '))
}
