import { resolve } from 'node:path'
import type { Summary } from '../core/results.js'
import { VerifyTrailError } from '../errors.js'
import { readReport } from '../reports/read-report.js'
import type { ReportCommand } from './arguments.js'
import type { Console } from './console.js'
import { ReportOutputs } from './report-outputs.js'

/** Runs `verify-trail report`: a saved report in other forms. 0 says that they were written, not that the trail is valid. */
export async function runReport(command: ReportCommand, console: Console): Promise<0 | 2> {
  const { source, outputs: targets } = command
  if (targets.some(({ path }) => resolve(path) === resolve(source)))
    throw new VerifyTrailError('ERR_INVALID_OPTION', `the report '${source}' would overwrite itself`)
  const outputs = await ReportOutputs.open(command, console, () => undefined)
  let summary: Summary | undefined
  try {
    for await (const result of readReport(source)) {
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
  return outputs.failed ? 2 : 0
}
