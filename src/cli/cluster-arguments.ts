/** `verify-trail cluster`: one run on many machines. */
import { type Command, Option } from 'commander'
import type { AwsOptions } from './aws-options.js'
import { fileOptions, logJson, newCommand, option, ownOptions, submittedOptions } from './command-options.js'
import { checkRange, type Narrowing, type ReportFlags, type VerifyFlags } from './flags.js'
import { given } from './given.js'
import { checkSources, type PrintCommand, parseWords, usageError } from './parse-words.js'
import type { ReportRequest } from './report-arguments.js'
import { resultTargets } from './report-target.js'
import { didYouMean } from './suggestion.js'
import { type Place, single, text, wholeNumber } from './values.js'

/** How Redis is reached; a password may be in VERIFY_TRAIL_REDIS_PASSWORD. */
export interface RedisFlags {
  readonly redis: string
  readonly redisCa?: string
  readonly redisPrefix?: string
}

/** `verify-trail cluster submit <source...>` */
export interface SubmitCommand extends AwsOptions, RedisFlags, Narrowing {
  readonly command: 'cluster'
  readonly action: 'submit'
  readonly sources: readonly string[]
  readonly results: string
  readonly shards: number
  readonly bucket?: Place
  readonly byName?: true
  readonly unvalidatedTrails: boolean
  readonly publicKeys?: string
  readonly metadata?: string
}

/** `verify-trail cluster work <source...>` */
export interface WorkCommand extends AwsOptions, RedisFlags {
  readonly command: 'cluster'
  readonly action: 'work'
  /** The command line, for the reports of shards. */
  readonly words: readonly string[]
  /** What this worker may be asked to verify. */
  readonly sources: readonly string[]
  readonly results: string
  readonly run?: string
  /** In seconds. */
  readonly lostAfter?: number
  readonly publicKeys?: string
  readonly metadata?: string
  readonly concurrency?: number
  readonly workers?: number
}

/** `verify-trail cluster status` */
export interface StatusCommand extends RedisFlags {
  readonly command: 'cluster'
  readonly action: 'status'
  readonly run?: string
  readonly json: boolean
}

/** `verify-trail cluster merge` */
export interface ClusterMergeCommand extends AwsOptions, ReportRequest {
  readonly command: 'cluster'
  readonly action: 'merge'
  readonly run: string
  readonly results: string
}

export type ClusterCommand = SubmitCommand | WorkCommand | StatusCommand | ClusterMergeCommand

const USAGE = [
  'submit <source...> --redis URL --results PLACE --shards N [options]',
  'verify-trail cluster work <source...> --redis URL --results PLACE [options]',
  'verify-trail cluster status --redis URL [--run ID]',
  'verify-trail cluster merge --run ID --results PLACE [-o FILE…]',
].join('\n       ')

export const CLUSTER_ACTIONS = ['submit', 'work', 'status', 'merge'] as const

const MOST_SHARDS = 1_000_000
const MOST_SECONDS = 3600

export function clusterCommand(): Command {
  const command = newCommand('verify-trail cluster')
    .usage(USAGE)
    .description(
      'Verifies one run on many machines: shards are handed out by BullMQ over Redis, reports are kept in a bucket or a shared directory.',
    )
    .argument('[action]', 'submit a run; work on shards; status; merge: the report of a run')
    .argument('[source...]', 'submit: what to verify; work: what this worker may be asked to verify')
    .addOption(
      option(
        '--redis <url>',
        'redis://[user@]host[:port][/db], rediss:// for TLS; the password: VERIFY_TRAIL_REDIS_PASSWORD',
        single(text),
      ),
    )
    .addOption(option('--redis-ca <file>', 'PEM of the authority that signed its certificate', single(text)))
    .addOption(option('--redis-prefix <name>', 'before the name of each key (default verify-trail)', single(text)))
    .addOption(option('--results <place>', 's3://bucket[/prefix], or a directory that all machines share', single(text)))
    .addOption(option('--shards <n>', 'submit: in how many parts', single(wholeNumber(1, MOST_SHARDS))))
    .addOption(option('--run <id>', 'the run that submit named; work: stop when it is merged', single(text)))
    .addOption(
      option(
        '--lost-after <seconds>',
        'work: a shard of a worker that is not heard of for so long is another’s (default 30; the same for all)',
        single(wholeNumber(1, MOST_SECONDS)),
      ),
    )
  for (const each of submittedOptions())
    command.addOption(each.helpGroup('What to check (submit), and with what (submit, and the same with work):'))
  for (const each of [...ownOptions(), logJson()]) command.addOption(each.helpGroup('Each machine for itself:'))
  for (const each of [new Option('--json', 'status, merge: as JSON'), ...fileOptions()])
    command.addOption(each.helpGroup('Reports:'))
  return command
    .addOption(new Option('-v, --verbose', 'merge: the text report names every finding').conflicts('quiet').helpGroup('Reports:'))
    .addOption(new Option('-q, --quiet', 'merge: the text report is the verdict alone').helpGroup('Reports:'))
    .addOption(new Option('--no-color', 'no colours').helpGroup('Reports:'))
    .addHelpText('after', `\n${EXIT_CODES}`)
}

const EXIT_CODES =
  'Exit code of merge: that of the run, 0 valid, 1 invalid, 3 unverified. Of the others 0; 2: usage or environment error, or a worker that must not do what it was given.'

type SharedWithVerify =
  | 'startTime'
  | 'endTime'
  | 'accountId'
  | 'region'
  | 'trail'
  | 'asOf'
  | 'bucket'
  | 'byName'
  | 'unvalidatedTrails'
  | 'publicKeys'
  | 'metadata'
  | 'concurrency'
  | 'workers'
  | 'json'

interface ClusterFlags extends AwsOptions, Partial<RedisFlags>, ReportFlags, Pick<VerifyFlags, SharedWithVerify> {
  readonly lostAfter?: number
  readonly results?: string
  readonly shards?: number
  readonly run?: string
}

export function parseCluster(words: readonly string[]): ClusterCommand | PrintCommand {
  const command = clusterCommand()
  const printed = parseWords(command, words)
  if (printed !== undefined) return { command: 'print', text: printed }
  const [action, ...sources] = command.args
  const flags = command.opts<ClusterFlags>()
  checkSources(sources)
  switch (action) {
    case 'submit':
      return parseSubmit(sources, flags)
    case 'work':
      return parseWork(sources, flags, words)
    case 'status':
      return {
        command: 'cluster',
        action,
        ...redisOf(action, flags),
        ...(flags.run !== undefined && { run: flags.run }),
        json: flags.json ?? false,
      }
    case 'merge':
      return parseMerge(flags)
    default:
      throw usageError(
        `cluster ${action === undefined ? 'what' : `'${action}'`}: give submit, work, status or merge${didYouMean(action ?? '', CLUSTER_ACTIONS)}`,
      )
  }
}

function redisOf(action: string, { redis, redisCa, redisPrefix }: ClusterFlags): RedisFlags {
  if (redis === undefined) throw usageError(`cluster ${action}: no Redis: say with --redis redis://host`)
  return { redis, ...(redisCa !== undefined && { redisCa }), ...(redisPrefix !== undefined && { redisPrefix }) }
}

function resultsOf(action: string, { results }: ClusterFlags): string {
  if (results === undefined)
    throw usageError(`cluster ${action}: no place for the results: say with --results s3://bucket/prefix or a directory`)
  return results
}

function parseSubmit(sources: readonly string[], flags: ClusterFlags): SubmitCommand {
  const { accountId: accountIds = [], region: regions = [], trail: trails = [], unvalidatedTrails = false, shards } = flags
  const { startTime, endTime, asOf, bucket, byName, publicKeys, metadata, endpointUrl, profile } = flags
  if (sources.length === 0) throw usageError('cluster submit: no source')
  if (shards === undefined) throw usageError('cluster submit: in how many parts? Say with --shards N')
  checkRange(flags)
  const common = { ...redisOf('submit', flags), results: resultsOf('submit', flags) }
  const optional = { startTime, endTime, asOf, bucket, byName, publicKeys, metadata, endpointUrl, profile }
  return {
    command: 'cluster',
    action: 'submit',
    ...common,
    sources,
    shards,
    accountIds,
    regions,
    trails,
    unvalidatedTrails,
    ...given(optional),
  }
}

function parseWork(sources: readonly string[], flags: ClusterFlags, words: readonly string[]): WorkCommand {
  const { run, lostAfter, publicKeys, metadata, endpointUrl, profile, concurrency, workers } = flags
  if (sources.length === 0) throw usageError('cluster work: no source: name what this worker may be asked to verify')
  const common = { ...redisOf('work', flags), results: resultsOf('work', flags) }
  const optional = { run, lostAfter, publicKeys, metadata, endpointUrl, profile, concurrency, workers }
  return { command: 'cluster', action: 'work', words: ['cluster', ...words], sources, ...common, ...given(optional) }
}

function parseMerge(flags: ClusterFlags): ClusterMergeCommand {
  const { run, output = [], format, json, verbose = false, quiet = false, color, endpointUrl, profile } = flags
  if (run === undefined) throw usageError('cluster merge: of which run? Say with --run ID')
  const outputs = resultTargets(output, format)
  const form = json ? 'json' : outputs.length === 0 ? 'text' : null
  const results = resultsOf('merge', flags)
  return {
    command: 'cluster',
    action: 'merge',
    run,
    results,
    form,
    outputs,
    verbose,
    quiet,
    color,
    ...given({ endpointUrl, profile }),
  }
}
