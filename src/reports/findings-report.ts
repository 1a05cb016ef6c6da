import type { Writable } from 'node:stream'
import type { Finding, Gap } from '../core/findings.js'
import type { Result, Summary } from '../core/results.js'
import { FindingSpool } from './finding-spool.js'
import { type ReportWriter, Sink } from './report.js'

/** What a form that needs the summary beside each finding writes. */
export interface FindingsForm {
  readonly before: string
  /** Written between two findings. */
  readonly separator: string
  readonly after: string
  /** Null: this finding has no place in this form. */
  readonly finding: (finding: Finding | Gap, summary: Summary) => string | null
}

/** A report that is a list of findings, each told with what only the end of the run knows. Nothing is written before that. */
export function findingsReport(stream: Writable, form: FindingsForm): ReportWriter {
  const sink = new Sink(stream)
  const findings = new FindingSpool()
  const writeAll = async (summary: Summary) => {
    let separator = form.before
    for await (const finding of findings.all()) {
      const text = form.finding(finding, summary)
      if (text === null) continue
      await sink.write(separator + text)
      separator = form.separator
    }
    await sink.write(separator === form.before ? form.before + form.after : form.after)
  }
  return {
    write(result: Result) {
      if (result.kind === 'finding' || result.kind === 'gap') return findings.append(result)
      if (result.kind === 'summary') return writeAll(result)
    },
    async end() {
      await findings.discard()
      await sink.end()
    },
  }
}
