import { isAbsolute, relative, resolve, sep } from 'node:path'
import type { Result, Summary } from '../core/results.js'
import { bordersOfPlan } from '../engine/plan-trail.js'
import { type Progress, type VerifyTrailOptions, verifyTrail } from '../engine/verify-trail.js'
import { VerifyTrailError } from '../errors.js'
import { ReadList } from '../evidence/read-list.js'
import { verdictLine } from '../reports/text-summary.js'
import type { StateFile } from '../state/state-file.js'
import type { VerifyCommand } from './arguments.js'
import { type Console, say } from './console.js'
import { withEvidence } from './evidence.js'
import { given } from './given.js'
import { packageSha256 } from './package-hash.js'
import { readPlan } from './plan-file.js'
import { showProgress } from './progress.js'
import { ReportOutputs } from './report-outputs.js'
import { Seal } from './seal.js'
import { isS3Url } from './sources.js'
import { endState, openState } from './state.js'

/** 0 valid, 1 invalid, 2 nothing can be said or a report could not be written, 3 unverified or interrupted. */
export type ExitCode = 0 | 1 | 2 | 3

export const EXIT_CODES = { valid: 0, invalid: 1, unverified: 3 } as const

/** Runs `verify-trail verify`. Rejects with VerifyTrailError where nothing can be said. */
export async function runVerify(command: VerifyCommand, console: Console): Promise<ExitCode> {
  const { outputs, state } = command
  for (const { path } of outputs) checkOutput(path, command, state)
  if (state !== undefined) checkOutput(state, command)
  const seal = command.sign === undefined ? undefined : await Seal.open(command.sign, command.signPassphrase)
  const shard = await shardOptions(command)
  return withEvidence(command, console, async (evidence) =>
    withState(command, console, async (state) => {
      const options = { ...engineOptions(command), ...evidence, ...shard }
      return verifyAndReport(command, console, { ...options, ...(state && { state, now: state.now }) }, seal, state)
    }),
  )
}

async function withState<T>(
  command: VerifyCommand,
  console: Console,
  use: (state: StateFile | undefined) => Promise<T>,
): Promise<T> {
  const state = await openState(command, console)
  try {
    return await use(state)
  } finally {
    await state?.close()
  }
}

/** A report never takes the place of what it is about, nor becomes a part of it. */
function checkOutput(path: string, command: VerifyCommand, ...more: readonly (string | undefined)[]): void {
  const { sources, publicKeys, metadata, expect, stateKey, sign, signPassphrase, plan } = command
  const output = resolve(path)
  const inputs = [publicKeys, metadata, ...expect, stateKey, sign, signPassphrase, plan, ...more].filter(
    (input) => input !== undefined,
  )
  if (inputs.some((input) => resolve(input) === output)) {
    throw new VerifyTrailError('ERR_INVALID_OPTION', `'${path}' would overwrite what was given to the run`)
  }
  const within = sources.filter((source) => !isS3Url(source)).map((source) => relative(resolve(source), output))
  if (within.some((below) => !isAbsolute(below) && below.split(sep)[0] !== '..' && output.split(sep).includes('AWSLogs'))) {
    throw new VerifyTrailError('ERR_INVALID_OPTION', `the report '${path}' would lie among the files that are verified`)
  }
}

export function engineOptions(command: VerifyCommand): Omit<VerifyTrailOptions, 'sources'> {
  const { startTime, endTime, accountIds, regions, trailArn, bucket, byName, concurrency, workers } = command
  const { unvalidatedTrails, doubleCheck, asOf: now } = command
  const trails = trailArn === undefined ? command.trails : [trailArn.name]
  const startedAs = { commandLine: command.words.map(withoutPassword), ...given({ packageSha256: packageSha256() }) }
  const optional = {
    startTime,
    endTime,
    homeRegion: trailArn?.homeRegion,
    originalPlace: bucket,
    byName,
    concurrency,
    workers,
    now,
  }
  return { accountIds, regions, trails, unvalidatedTrails, doubleCheck, startedAs, ...given(optional) }
}

async function shardOptions({ shard, plan }: VerifyCommand): Promise<Pick<VerifyTrailOptions, 'shard'>> {
  if (shard === undefined) return {}
  return { shard: { ...shard, ...(plan !== undefined && { borders: bordersOfPlan(await readPlan(plan), shard.of) }) } }
}

/** The report names every argument; a password in a URL is none of its readers' business. */
function withoutPassword(word: string): string {
  return word.replace(/(\/\/)[^/@]*@/, '$1…@')
}

/** What was seen of a run besides its reports. */
interface Seen {
  summary?: Summary
  invalid: boolean
}

/** Verifies, and writes the reports that were asked for. */
export async function verifyAndReport(
  command: VerifyCommand,
  console: Console,
  options: VerifyTrailOptions,
  seal: Seal | undefined,
  state?: StateFile,
): Promise<ExitCode> {
  const readersGone = new AbortController()
  const signal = AbortSignal.any([console.interrupted, readersGone.signal])
  const display = showProgress(console, command.progress && !command.quiet)
  const stdout = console.stdout.isTTY === true ? display.above(console.stdout) : console.stdout
  const readList = command.outputs.some(({ form }) => form === 'hashdeep') ? new ReadList(options.sources) : undefined
  const outputs = await ReportOutputs.open(command, console, () => readersGone.abort(), { stdout, readList })
  const seen: Seen = { invalid: false }
  try {
    const onProgress = (progress: Progress) => display.update(progress)
    const results = verifyTrail({ ...options, ...(readList && { sources: readList.sources }), signal, onProgress })
    await writeAll(results, outputs, seen)
  } catch (error) {
    display.stop()
    // After a disagreement the report is whole, and says so.
    if (seen.summary?.run.disagreement === undefined) {
      await outputs.discard()
      readList?.discard()
      if (!signal.aborted || error instanceof VerifyTrailError) throw error
      return endedEarly(console, outputs, seen)
    }
  }
  display.stop()
  await outputs.complete()
  readList?.discard()
  const { summary } = seen
  warnOfUnused(command, console, options, summary)
  if (seal !== undefined && summary !== undefined) await outputs.also(outputs.jsonReports, (path) => seal.write(path, summary))
  if (state !== undefined && isDone(summary) && !outputs.failed) await endState(state, outputs.jsonReports)
  return exitCode(console, outputs, seen)
}

/** Metadata of another export, or under other names, would be missed in silence. */
function warnOfUnused(
  { metadata: path, shard }: VerifyCommand,
  console: Console,
  { metadata }: VerifyTrailOptions,
  summary: Summary | undefined,
): void {
  if (path === undefined || metadata === undefined || shard !== undefined || !isDone(summary)) return
  if ((summary?.run.metadataFrom?.file ?? 0) > 0 || summary?.summary.digests.found === 0) return
  say(
    console,
    `none of the ${metadata.size} entries of ${path} was used: no digest that was read is named so, or all have metadata of their own`,
  )
}

/** Else the next run goes on with it. */
function isDone(summary: Summary | undefined): boolean {
  return summary !== undefined && !summary.run.interrupted && summary.run.disagreement === undefined
}

async function writeAll(results: AsyncIterable<Result>, outputs: ReportOutputs, seen: Seen): Promise<void> {
  for await (const result of results) {
    if (result.kind === 'summary') seen.summary = result
    if (result.kind === 'finding' && result.verdict === 'invalid') seen.invalid = true
    const wait = outputs.write(result)
    if (wait) await wait
  }
}

function exitCode(console: Console, outputs: ReportOutputs, { summary }: Seen): ExitCode {
  if (summary === undefined) throw new Error('the run ended without a summary')
  if (outputs.failed) {
    say(console, `a report is missing; the verdict is: ${verdictLine(summary, (_, text) => text)}`)
    return 2
  }
  const { disagreement } = summary.run
  if (disagreement !== undefined) {
    say(console, `stopped, because two opinions on one thing differ: nothing is proven. ${disagreement}`)
    return 2
  }
  const code = EXIT_CODES[summary.verdict]
  return code === 0 && summary.run.interrupted ? 3 : code
}

/** Stopped before there was a summary: by the user, or because nobody reads on. */
function endedEarly(console: Console, outputs: ReportOutputs, { invalid }: Seen): ExitCode {
  if (outputs.failed) return 2
  say(console, 'interrupted: no report was written')
  return invalid ? 1 : 3
}
