import { resolve } from 'node:path'
import type { Result, Summary } from '../core/results.js'
import { VerifyTrailError } from '../errors.js'
import { readReport } from '../reports/read-report.js'
import type { Console } from './console.js'
import type { ReportCommand, ReportRequest } from './report-arguments.js'
import { ReportOutputs } from './report-outputs.js'

/** Runs `verify-trail report`: a saved report in other forms. 0 says that they were written, not that the trail is valid. */
export async function runReport(command: ReportCommand, console: Console): Promise<0 | 2> {
  const { source, outputs } = command
  if (outputs.some(({ path }) => resolve(path) === resolve(source)))
    throw new VerifyTrailError('ERR_INVALID_OPTION', `the report '${source}' would overwrite itself`)
  return (await writeResults(readReport(source), command, console)) === undefined ? 2 : 0
}

/** Results that are there already, in the forms that were asked for; undefined where one could not be written. */
export async function writeResults(
  results: AsyncIterable<Result>,
  request: ReportRequest,
  console: Console,
): Promise<Summary | undefined> {
  const outputs = await ReportOutputs.open(request, console, () => undefined)
  let summary: Summary | undefined
  try {
    for await (const result of results) {
      console.interrupted.throwIfAborted()
      if (result.kind === 'summary') summary = result
      const wait = outputs.write(result)
      if (wait) await wait
    }
  } catch (error) {
    await outputs.discard()
    throw error
  }
  if (summary !== undefined) await outputs.complete()
  return outputs.failed ? undefined : summary
}
