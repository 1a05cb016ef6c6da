import { resolve } from 'node:path'
import type { Finding, Gap } from '../core/findings.js'
import type { Summary } from '../core/results.js'
import { mergeShards } from '../engine/merge-shards.js'
import type { ShardReport } from '../engine/split-scopes.js'
import { VerifyTrailError } from '../errors.js'
import { readReport } from '../reports/read-report.js'
import type { Console } from './console.js'
import { writeResults } from './report.js'
import type { MergeCommand } from './report-arguments.js'
import { EXIT_CODES, type ExitCode } from './verify.js'

/** Runs `verify-trail merge`. The exit code is that of the whole run. */
export async function runMerge(command: MergeCommand, console: Console): Promise<ExitCode> {
  const { reports, outputs: targets, words } = command
  const overwritten = reports.find((report) => targets.some(({ path }) => resolve(path) === resolve(report)))
  if (overwritten !== undefined)
    throw new VerifyTrailError('ERR_INVALID_OPTION', `the report '${overwritten}' would be overwritten`)
  const shards: ShardReport[] = []
  for (const path of reports) shards.push(await shardReport(path))
  const summary = await writeResults(mergeShards(shards, { commandLine: words }), command, console)
  return summary === undefined ? 2 : EXIT_CODES[summary.verdict]
}

/** Read twice: its summary first, its findings when their turn comes, so that not all of them are held at once. */
export async function shardReport(path: string): Promise<ShardReport> {
  let summary: Summary | undefined
  for await (const result of readReport(path)) if (result.kind === 'summary') summary = result
  if (summary === undefined) throw new VerifyTrailError('ERR_REPORT', `the report '${path}' has no summary`)
  return { name: path, summary, findings: () => findingsOf(path) }
}

async function* findingsOf(path: string): AsyncGenerator<Finding | Gap, void, undefined> {
  for await (const result of readReport(path)) if (result.kind === 'finding' || result.kind === 'gap') yield result
}
