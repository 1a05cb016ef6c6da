import type { Writable } from 'node:stream'
import type { Finding, Gap } from '../core/findings.js'
import type { Result, Summary } from '../core/results.js'
import { type ReportWriter, Sink } from './report.js'
import { Spool } from './spool.js'
import { stableJson } from './stable-json.js'

/**
 * One JSON object: the summary, and all findings and gaps in the order of the run. Equal results give equal bytes outside
 * `run`. Nothing is written before the summary is there: a run that broke off leaves no half report. Findings wait in
 * a temporary file, so memory does not grow with them.
 */
export function jsonReport(stream: Writable): ReportWriter {
  const sink = new Sink(stream)
  const findings = new Spool()
  let separator = ''
  const append = (finding: Finding | Gap) => {
    const { kind: _, ...record } = finding
    const text = separator + stableJson(record)
    separator = ','
    return findings.append(text)
  }
  return {
    write(result: Result) {
      switch (result.kind) {
        case 'finding':
        case 'gap':
          return append(result)
        case 'summary':
          return writeReport(sink, result, findings)
        case 'digest':
        case 'log-file':
        case 'carried-over':
          return
      }
    },
    async end() {
      await findings.discard()
      await sink.end()
    },
  }
}

/** Record by record, yet byte for byte what one stable serialisation of the whole would be: keys are in sorted order. */
async function writeReport(sink: Sink, result: Summary, findings: Spool): Promise<void> {
  const { kind: _, chains, expectations, notChecked, publicKeys, ...rest } = result
  await writeArray(sink, '{"chains":[', chains)
  if (expectations !== undefined) {
    await writeArray(sink, '],"expectations":{"accept":[', expectations.accept)
    await writeArray(sink, '],"expect":[', expectations.expect)
  }
  await sink.write(`]${expectations === undefined ? '' : '}'},"findings":[`)
  for await (const chunk of findings.chunks()) await sink.write(chunk)
  await writeArray(sink, '],"notChecked":[', notChecked)
  await writeArray(sink, '],"publicKeys":[', publicKeys)
  await sink.write(`],${stableJson(rest).slice(1)}\n`)
}

async function writeArray(sink: Sink, opening: string, records: readonly (object | string)[]): Promise<void> {
  await sink.write(opening)
  for (const [i, record] of records.entries()) await sink.write((i === 0 ? '' : ',') + stableJson(record))
}
