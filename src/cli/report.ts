import { resolve } from 'node:path'
import type { Summary } from '../core/results.js'
import { VerifyTrailError } from '../errors.js'
import { readReport } from '../reports/read-report.js'
import type { ReportCommand } from './arguments.js'
import type { Console } from './console.js'
import { ReportOutputs, type ReportRequest } from './report-outputs.js'

/** Runs `verify-trail report`: a saved report in other forms. 0 says that they were written, not that the trail is valid. */
export async function runReport(command: ReportCommand, console: Console): Promise<0 | 2> {
  const { source, outputs } = command
  if (outputs.some(({ path }) => resolve(path) === resolve(source)))
    throw new VerifyTrailError('ERR_INVALID_OPTION', `the report '${source}' would overwrite itself`)
  return (await writeAgain(source, command, console)) === undefined ? 2 : 0
}

/** Undefined where a report could not be written. */
export async function writeAgain(path: string, request: ReportRequest, console: Console): Promise<Summary | undefined> {
  const outputs = await ReportOutputs.open(request, console, () => undefined)
  let summary: Summary | undefined
  try {
    for await (const result of readReport(path)) {
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
