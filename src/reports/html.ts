import type { Writable } from 'node:stream'
import type { Result, Summary } from '../core/results.js'
import { findingSection } from './html/findings.js'
import { html, shownTime } from './html/markup.js'
import { overview, shownVerdict } from './html/overview.js'
import { keySection, notProvenSection, repeatSection } from './html/provenance.js'
import { DEFINITIONS } from './html/strip.js'
import { STYLE } from './html/style.js'
import { timeline } from './html/timeline.js'
import { Marks } from './marks.js'
import { type ReportWriter, Sink } from './report.js'
import { WorstFindings } from './worst-findings.js'

/** How many findings the page shows with what proves them. */
const MOST_FINDINGS = 1000

/** Nothing runs and nothing is fetched, whatever a planted name holds. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

/**
 * A page for people who must judge the result: the verdict, the coverage of every chain as a timeline, the worst 1,000 findings
 * with what proves them, the keys, what is not proven. One file that has no script and loads nothing. It is written when the
 * summary is there; how large it gets is bounded.
 */
export function htmlReport(stream: Writable): ReportWriter {
  const sink = new Sink(stream)
  const findings = new WorstFindings(MOST_FINDINGS)
  const marks = new Marks()
  return {
    write(result: Result) {
      if (result.kind === 'summary') return writePage(sink, result, findings, marks)
      if (result.kind !== 'finding' && result.kind !== 'gap') return
      findings.add(result)
      return marks.add(result)
    },
    end: () => sink.end(),
  }
}

async function writePage(sink: Sink, summary: Summary, findings: WorstFindings, marks: Marks): Promise<void> {
  await sink.write(head(summary))
  await sink.write(`<main>${overview(summary)}`)
  await sink.write(section('coverage', 'Coverage, hour by hour', timeline(summary, marks)))
  await sink.write(section('findings', 'Findings', findingSection(findings, summary)))
  await sink.write(section('keys', 'Public keys', keySection(summary)))
  await sink.write(section('not-proven', 'What this does not prove', notProvenSection(summary)))
  await sink.write(section('repeat', 'How to repeat it', repeatSection(summary)))
  await sink.write(`</main><footer>${footer(summary)}</footer></body></html>\n`)
}

function head(summary: Summary): string {
  const title = `${shownVerdict(summary)}: ${summary.run.sources.join(' ')} · verify-trail`
  return (
    `<!doctype html><html lang=en><head><meta charset=utf-8><meta http-equiv=Content-Security-Policy content="${POLICY}">` +
    '<meta name=viewport content="width=device-width,initial-scale=1"><meta name=referrer content=no-referrer>' +
    `<title>${html(title)}</title><style>${STYLE}</style></head><body>${DEFINITIONS}`
  )
}

function section(id: string, title: string, body: string): string {
  return `<section id=${id}><h2>${title}</h2>${body}</section>`
}

function footer({ run, tool }: Summary): string {
  return `${tool.name} ${html(tool.version)}, ${shownTime(run.finishedAt)} UTC. All times are UTC. This page has no script and loads nothing. Text that came out of a bucket is shown with its hidden characters as <code>\\u202e</code> or <code>\\x1b</code>, and a backslash doubled.`
}
