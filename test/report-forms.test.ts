/** The forms for machines: every fixture case's results as CSV, JUnit, OCSF, ASFF, Prometheus and EMF. */

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import type { AwsSecurityFinding } from '@aws-sdk/client-securityhub'
import { Ajv2020 } from 'ajv/dist/2020.js'
import t from 'tap'
import type { Result } from '../src/core/results.js'
import { directorySource } from '../src/index.js'
import { type AsffFinding, asffFinding } from '../src/reports/asff.js'
import { formOfName, RESULT_FORMS, type ReportForm, type ResultForm, reportWriter } from '../src/reports/forms.js'
import { readReport } from '../src/reports/read-report.js'
import { type Case, casePath, readCases, runCase } from './support/cases.js'
import { gap, keyUnknown, modified, summary } from './support/results.js'

async function written(form: ResultForm, results: readonly Result[]): Promise<string> {
  let text = ''
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString()
      done()
    },
  })
  const writer = reportWriter(form, stream)
  for (const result of results) await writer.write(result)
  await writer.end()
  return text
}

/** RFC 4180, read by the letter: anything it does not allow throws. */
function readCsv(text: string): Record<string, string>[] {
  const rows: string[][] = [[]]
  let at = 0
  while (at < text.length) {
    const cell = /"((?:[^"]|"")*)"|([^",\r\n]*)/y
    cell.lastIndex = at
    const found = cell.exec(text)
    if (found === null) throw new Error(`no cell at ${at}`)
    rows.at(-1)?.push((found[1] ?? found[2] ?? '').replaceAll('""', '"'))
    at = cell.lastIndex
    if (text.startsWith('\r\n', at)) {
      at += 2
      if (at < text.length) rows.push([])
    } else if (text[at] === ',') at++
    else throw new Error(`no separator at ${at}: ${text.slice(at, at + 20)}`)
  }
  const [columns = [], ...records] = rows
  return records.map((row) => {
    if (row.length !== columns.length) throw new Error('a row of another length')
    return Object.fromEntries(row.map((value, i) => [columns[i] ?? '', value]))
  })
}

/** What no form may let through: it steers a terminal, a reader's eye or a parser. */
const HOSTILE = `=cmd|'/c calc'!A1,"\r\n\x1b[2J\u202egnp.exe\u0000\ufffe]]><x>&amp;"'`
const steers = /(?![\r\n])\p{C}/u

const ajv = new Ajv2020({ allErrors: true, strict: false })
const ocsf = ajv.compile(JSON.parse(readFileSync(new URL('data/ocsf-1.8.0-detection-finding.json', import.meta.url), 'utf8')))

t.test('a name says its form, the longest ending first', async (t) => {
  const rows: [string, ReportForm | undefined][] = [
    ['report.json', 'json'],
    ['REPORT.JSON', 'json'],
    ['x.ndjson', 'ndjson'],
    ['x.jsonl', 'ndjson'],
    ['x.txt', 'text'],
    ['findings.csv', 'csv'],
    ['coverage.csv', 'coverage-csv'],
    ['2026-coverage.csv', 'coverage-csv'],
    ['junit.xml', 'junit'],
    ['x.ocsf.ndjson', 'ocsf'],
    ['x.asff.json', 'asff'],
    ['x.emf.json', 'emf'],
    ['verify_trail.prom', 'prometheus'],
    ['x.hashdeep', 'hashdeep'],
    ['.json', undefined],
    ['json', undefined],
    ['x.pdf', undefined],
  ]
  for (const [name, form] of rows) t.equal(formOfName(name), form, name)
})

/** Enough fixture cases that every code occurs that is there at all. */
function casesOfEveryCode(): Case[] {
  const seen = new Set<string>()
  return readCases().filter(({ only, expected }) => {
    if (only === 's3' || expected.codes.every((code) => seen.has(code))) return false
    for (const code of expected.codes) seen.add(code)
    return true
  })
}

t.test('findings of every code fit each form', async (t) => {
  for (const one of casesOfEveryCode()) {
    const sources = await Promise.all(one.sources.map((folder) => directorySource(`${casePath(one.name)}/${folder}`)))
    const run = await runCase(one, sources)
    const findings = run.findings.length
    const csv = readCsv(await written('csv', run.results))
    t.equal(csv.length, findings, `${one.name}: csv`)
    t.strictSame(
      csv.map(({ detail = '' }) => JSON.parse(detail)),
      run.findings.map(({ kind: _, ...record }) => JSON.parse(JSON.stringify(record))),
    )
    const intervals = run.summary.chains.flatMap(({ coverage }) => coverage)
    t.equal(readCsv(await written('coverage-csv', run.results)).length, intervals.length, `${one.name}: coverage`)
    const records = (await written('ocsf', run.results)).split('\n').slice(0, -1)
    t.equal(records.length, findings)
    for (const record of records) t.ok(ocsf(JSON.parse(record)), `${one.name}: ${ajv.errorsText(ocsf.errors)}`)
    const asff: AsffFinding[] = JSON.parse(await written('asff', run.results))
    t.equal(asff.length, run.findings.filter(({ accountId, region }) => accountId !== null && region !== null).length)
    t.equal(new Set(asff.map(({ Id }) => Id)).size, asff.length, `${one.name}: ids are one for each finding`)
    const xml = await written('junit', run.results)
    t.equal(xml.match(/<testcase /g)?.length, findings + run.summary.chains.length + 1)
    t.equal(/<(failure|error) /.test(xml), run.summary.verdict !== 'valid')
  }
})

t.test('a hostile key stays one cell, one attribute, one label', async (t) => {
  const chains = summary('invalid').chains.map((chain) => ({ ...chain, trail: HOSTILE, accountId: HOSTILE }))
  const results: Result[] = [modified(HOSTILE), { ...gap(), trail: HOSTILE }, keyUnknown(HOSTILE), summary('invalid', { chains })]
  for (const form of RESULT_FORMS) t.notMatch(await written(form, results), steers, form)
  const [row] = readCsv(await written('csv', results))
  t.match(row?.['object'], /^'=cmd\|/)
  t.notMatch(await written('junit', results), /<x>|]]></)
  t.match(
    readCsv(await written('csv', [modified('@x'), modified('\tx'), modified('-1'), modified('a')])).map((each) => each['object']),
    ["'@x", "'\\x09x", "'-1", 'a'],
  )
  for (const line of (await written('prometheus', results)).trimEnd().split('\n'))
    t.match(line, /^(# (HELP|TYPE) .*|verify_trail_[a-z_]+(\{([a-z_]+="(\\.|[^"\\])*",?)+\})? -?[0-9.]+)$/)
})

t.test('ASFF is what BatchImportFindings takes', async (t) => {
  const long = `s3://logs/${'x'.repeat(3000)}`
  const finding: AwsSecurityFinding | null = asffFinding(modified(long), summary('invalid'))
  t.ok(finding)
  t.equal(finding?.ProductArn, 'arn:aws:securityhub:us-east-1:111122223333:product/111122223333/default')
  t.ok((finding?.Title?.length ?? 0) <= 256 && (finding?.Description?.length ?? 0) <= 1024)
  t.ok((finding?.Resources?.[0]?.Id?.length ?? 0) <= 512 && (finding?.Id?.length ?? 0) <= 512)
  t.match(asffFinding({ ...modified(), region: 'us-gov-west-1' }, summary('invalid')), { ProductArn: /^arn:aws-us-gov:/ })
  t.equal(asffFinding({ ...modified(), accountId: null }, summary('invalid')), null)
})

t.test('the same finding has the same id in the next run, another one another', async (t) => {
  const ids = async (results: Result[]) =>
    (await written('ocsf', results))
      .split('\n')
      .slice(0, -1)
      .map((record) => JSON.parse(record).finding_info.uid)
  const run = { ...summary('invalid').run, finishedAt: '2026-03-01T00:00:00Z' }
  const [first] = await ids([modified(), summary('invalid')])
  t.strictSame(await ids([modified(), gap(), modified('s3://logs/b'), summary('invalid', { run })]).then((all) => all[0]), first)
  t.equal(new Set(await ids([modified(), gap(), modified('s3://logs/b'), summary('invalid')])).size, 3)
})

t.test('metrics name every code, and a run that proves nothing is told from a quiet one', async (t) => {
  const prom = await written('prometheus', [summary('unverified')])
  t.match(prom, /verify_trail_verdict\{verdict="unverified"\} 1/)
  t.match(prom, /verify_trail_findings\{code="LOG_FILE_MODIFIED"\} 0/)
  t.match(prom, /verify_trail_last_run_timestamp_seconds 1769904001\n/)
  const emf = JSON.parse(await written('emf', [summary('invalid')]))
  t.strictSame(emf._aws.CloudWatchMetrics[0].Dimensions, [[], ['Source']])
  for (const { Name } of emf._aws.CloudWatchMetrics[0].Metrics) t.type(emf[Name], 'number', Name)
  t.match(emf, { Valid: 0, InvalidFindings: 1, Source: './x', _aws: { Timestamp: 1769904001000 } })
})

t.test('the schema fits what is written, and what is written is read back', async (t) => {
  const schema = JSON.parse(readFileSync(new URL('../schema/report.schema.json', import.meta.url), 'utf8'))
  const report = ajv.addSchema(schema, 'report').compile(schema)
  const record = ajv.compile({ $ref: 'report#/$defs/record' })
  const dir = t.testdir({})
  for (const one of casesOfEveryCode()) {
    const sources = await Promise.all(one.sources.map((folder) => directorySource(`${casePath(one.name)}/${folder}`)))
    const { results } = await runCase(one, sources)
    for (const form of ['json', 'ndjson'] as const) {
      const path = join(dir, `report.${form}`)
      const text = await written(form, results)
      writeFileSync(path, text)
      const texts = form === 'json' ? [text] : text.trimEnd().split('\n')
      const fits = form === 'json' ? report : record
      t.ok(
        texts.every((each) => fits(JSON.parse(each))),
        `${one.name}: ${form} ${ajv.errorsText(fits.errors)}`,
      )
      const back: Result[] = []
      for await (const result of readReport(path)) back.push(result)
      for (const again of ['html', 'json', 'csv', 'coverage-csv', 'text'] as const)
        t.equal(await written(again, back), await written(again, results), `${one.name}: ${again} from ${form}`)
    }
  }
})

const SUMMED = { ...summary('invalid').summary, findings: { LOG_FILE_MODIFIED: 1, COVERAGE_GAP: 1 } }

t.test('a file that is no report, or does not add up, is refused with a sentence', async (t) => {
  const path = join(t.testdir({}), 'report.json')
  const whole = JSON.parse(await written('json', [modified(), gap(), summary('invalid', { summary: SUMMED })]))
  const rows: [string, (report: typeof whole) => unknown, RegExp][] = [
    ['no JSON', () => '{', /not valid JSON/],
    ['an array', () => [], /the report must be object/],
    ['another version', (report) => ({ ...report, schemaVersion: 2 }), /schemaVersion must be 1, not 2/],
    ['no findings', ({ findings: _, ...report }) => report, /has no findings/],
    [
      'an unknown code',
      (report) => ({ ...report, findings: [{ ...report.findings[0], code: 'X\u001b' }] }),
      /code is "X\\u001b", which is not known/,
    ],
    [
      'a field of another type',
      (report) => ({ ...report, findings: [{ ...report.findings[0], listedBy: 'x' }] }),
      /findings\[0\]\.listedBy must be array/,
    ],
    [
      'a field that is missing',
      (report) => ({ ...report, findings: [{ ...report.findings[0], expected: undefined }] }),
      /findings\[0\] has no expected/,
    ],
    ['a time that is none', (report) => ({ ...report, run: { ...report.run, finishedAt: 'now' } }), /run\.finishedAt is "now"/],
    ['a better verdict', (report) => ({ ...report, verdict: 'valid' }), /does not add up: its verdict is valid/],
    [
      'a finding that was taken out',
      (report) => ({ ...report, findings: report.findings.slice(1) }),
      /does not add up: 0 LOG_FILE_MODIFIED/,
    ],
    [
      'an interrupted run that is valid',
      (report) => ({
        ...report,
        verdict: 'valid',
        findings: [],
        chains: [],
        summary: { ...SUMMED, findings: {} },
        run: { ...report.run, interrupted: true },
      }),
      /make it unverified/,
    ],
  ]
  for (const [name, change, message] of rows) {
    const changed = change(structuredClone(whole))
    writeFileSync(path, typeof changed === 'string' ? changed : JSON.stringify(changed))
    await t.rejects(readAll(path), { name: 'VerifyTrailError', code: 'ERR_REPORT', message }, name)
  }
  writeFileSync(
    path,
    JSON.stringify({ ...whole, added: 1, findings: whole.findings.map((each: object) => ({ ...each, added: [] })) }),
  )
  await t.resolves(readAll(path), 'what a later version adds is passed over')
  await t.rejects(readAll(join(path, 'x')), { code: 'ERR_REPORT' }, 'a file that is not there')
  const lines = `${path}.ndjson`
  writeFileSync(lines, await written('ndjson', [modified()]))
  await t.rejects(readAll(lines), { message: /no summary/ })
  writeFileSync(lines, `${await written('ndjson', [modified()])}{"kind":"log-file"}\n`)
  await t.rejects(readAll(lines), { message: /line 2: record has no/ })
})

async function readAll(path: string): Promise<Result[]> {
  const results: Result[] = []
  for await (const result of readReport(path)) results.push(result)
  return results
}
