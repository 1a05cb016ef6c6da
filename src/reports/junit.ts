import type { Writable } from 'node:stream'
import type { Finding, Gap } from '../core/findings.js'
import type { ChainSummary, Result, Summary } from '../core/results.js'
import { escapeTerminal } from './escape.js'
import { findingFacts } from './finding-lines.js'
import { MEANINGS } from './meanings.js'
import { formatCount } from './quantity.js'
import { type ReportWriter, Sink } from './report.js'
import { WorstFindings } from './worst-findings.js'

/** CI servers read a JUnit file whole. */
const MOST_FINDINGS = 10_000

interface Suite {
  readonly name: string
  readonly cases: string[]
  failures: number
  errors: number
  skipped: number
}

/**
 * JUnit XML: a test suite for each account and region, a test case for each chain and for each finding. Invalid is a failure,
 * unverified an error (nobody can say), a note is skipped. At most 10,000 findings, the worst first; how many more is a case.
 */
export function junitReport(stream: Writable): ReportWriter {
  const sink = new Sink(stream)
  const findings = new WorstFindings(MOST_FINDINGS)
  return {
    write(result: Result) {
      if (result.kind === 'finding' || result.kind === 'gap') return findings.add(result)
      if (result.kind === 'summary') return writeSuites(sink, suites(result, findings), result)
    },
    end: () => sink.end(),
  }
}

async function writeSuites(sink: Sink, all: readonly Suite[], { run }: Summary): Promise<void> {
  const sum = (count: (suite: Suite) => number) => all.reduce((total, suite) => total + count(suite), 0)
  const counts = `tests="${sum((suite) => suite.cases.length)}" failures="${sum((suite) => suite.failures)}" errors="${sum((suite) => suite.errors)}"`
  await sink.write(`<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="verify-trail" ${counts}>\n`)
  for (const { name, cases, failures, errors, skipped } of all) {
    const attributes = `tests="${cases.length}" failures="${failures}" errors="${errors}" skipped="${skipped}"`
    await sink.write(` <testsuite name="${xml(name)}" ${attributes} timestamp="${xml(run.finishedAt.slice(0, 19))}">\n`)
    for (const each of cases) await sink.write(each)
    await sink.write(' </testsuite>\n')
  }
  await sink.write('</testsuites>\n')
}

function suites(summary: Summary, findings: WorstFindings): Suite[] {
  const byName = new Map<string, Suite>()
  const suite = (name: string): Suite => {
    const known = byName.get(name) ?? { name, cases: [], failures: 0, errors: 0, skipped: 0 }
    byName.set(name, known)
    return known
  }
  for (const chain of summary.chains) suite(suiteName(chain)).cases.push(chainCase(chain))
  for (const finding of findings.worst()) addFinding(suite(suiteName(finding)), finding)
  if (findings.more > 0) addMore(suite('run'), findings.more)
  addRun(suite('run'), summary)
  return [...byName.values()]
}

function suiteName({ organizationId, accountId, region }: Finding | Gap | ChainSummary): string {
  const parts = [organizationId, accountId, region].filter((part) => part !== null)
  return parts.length === 0 ? 'run' : parts.join('/')
}

/** A chain in words: the findings say what is wrong with it. */
function chainCase({ trail, kind, homeRegion, digests, logFiles, startTime, endTime }: ChainSummary): string {
  const name = `${kind === 'backfill' ? 'backfill chain' : 'chain'} ${trail} (${homeRegion}) ${startTime} to ${endTime}`
  const out = `${formatCount(digests.valid)} of ${formatCount(digests.found + digests.missing)} digests and ${formatCount(logFiles.valid)} of ${formatCount(logFiles.listed)} log files proven`
  return testCase('chain', name, `<system-out>${xml(out)}</system-out>`)
}

function addFinding(suite: Suite, finding: Finding | Gap): void {
  const facts = findingFacts(finding).map(([label, value]) => `${label}: ${value}`)
  const message = xml(`${finding.code}: ${MEANINGS[finding.code]}`)
  const name = finding.kind === 'gap' ? `${finding.object} ${finding.startTime} to ${finding.endTime}` : finding.object
  if (finding.verdict === 'note') {
    suite.skipped++
    suite.cases.push(testCase(finding.code, name, `<skipped message="${message}"/>`))
    return
  }
  const element = finding.verdict === 'invalid' ? 'failure' : 'error'
  if (element === 'failure') suite.failures++
  else suite.errors++
  const body = `<${element} type="${finding.code}" message="${message}">${facts.map(xml).join('\n')}</${element}>`
  suite.cases.push(testCase(finding.code, name, body))
}

function addMore(suite: Suite, more: number): void {
  suite.errors++
  const message = `${formatCount(more)} more findings are in no test case: see findings.csv or report.json`
  suite.cases.push(testCase('run', 'all findings fit into this file', `<error message="${message}"/>`))
}

/** The run's own verdict: without it, a run that checked nothing would be an empty file, which passes. */
function addRun(suite: Suite, { verdict, run }: Summary): void {
  const name = `verdict${run.interrupted ? ' (interrupted)' : ''}`
  if (verdict === 'valid') {
    suite.cases.push(testCase('run', name, ''))
    return
  }
  const element = verdict === 'invalid' ? 'failure' : 'error'
  if (element === 'failure') suite.failures++
  else suite.errors++
  suite.cases.push(testCase('run', name, `<${element} message="${verdict}"/>`))
}

function testCase(className: string, name: string, body: string): string {
  return `  <testcase classname="${xml(className)}" name="${xml(name)}">${body}</testcase>\n`
}

/** Text out of the bucket, shown as on a terminal; nothing that XML 1.0 forbids is left then but the two characters at the end. */
function xml(text: string): string {
  const shown = escapeTerminal(text).replace(/[\ufffe\uffff]/g, '')
  return shown.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
