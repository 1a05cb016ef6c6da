import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { Finding } from '../src/core/findings.js'
import type { ChainSummary, Result, Summary } from '../src/core/results.js'
import { ReportComparison, type ReportDifference } from '../src/index.js'
import { casePath } from './support/cases.js'
import { verifyTrailCommand } from './support/command.js'
import { modified, OBJECT, summary } from './support/results.js'

function difference(before: readonly Result[], after: readonly Result[]): ReportDifference {
  const comparison = new ReportComparison()
  for (const result of before) comparison.addBefore(result)
  for (const result of after) comparison.addAfter(result)
  const found = comparison.difference()
  if (found === undefined) throw new Error('no summary')
  return found
}

/** In few words: what there is more of than nothing. */
function told({ worse, findings, coverage, chains, publicKeys }: ReportDifference): string {
  const hours = (all: readonly { readonly startTime: string; readonly endTime: string }[]): string =>
    all.map(({ startTime, endTime }) => `${startTime.slice(11, 16)}-${endTime.slice(11, 16)}`).join(' ')
  const parts = [
    ['new', findings.new.map(({ code }) => code).join(' ')],
    ['gone', findings.gone.map(({ code }) => code).join(' ')],
    ['changed', findings.changed.map(({ code }) => code).join(' ')],
    ['not looked at', findings.notLookedAt || ''],
    ['proven', hours(coverage.newlyProven)],
    ['lost', hours(coverage.noLongerProven)],
    ['new chains', chains.new.map(({ region }) => region).join(' ')],
    ['gone chains', chains.gone.map(({ region }) => region).join(' ')],
    ['new keys', publicKeys.new.map(({ sha256 }) => sha256).join(' ')],
    ['gone keys', publicKeys.gone.map(({ sha256 }) => sha256).join(' ')],
  ].filter(([, value]) => value !== '')
  return [worse ? 'worse' : 'not worse', ...parts.map(([name, value]) => `${name}: ${value}`)].join('; ')
}

const [chain] = summary('valid').chains as [ChainSummary]
const at = (hour: number): string => `2026-01-10T${String(hour).padStart(2, '0')}:04:34Z`
const proven = (from: number, to: number) => ({ startTime: at(from), endTime: at(to), verdict: 'valid', reason: null }) as const
const open = (from: number, to: number) =>
  ({ startTime: at(from), endTime: at(to), verdict: 'unverified', reason: 'digests-missing' }) as const
const withChain = (change: Partial<ChainSummary>, more: Partial<Summary> = {}): Summary =>
  summary('valid', { chains: [{ ...chain, ...change }], ...more })
const missing: Finding = { ...modified(), code: 'LOG_FILE_MISSING' } as Finding
const [key] = summary('valid').publicKeys
const asked = (request: Partial<Summary['request']>): Partial<Summary> => ({
  request: { ...summary('valid').request, ...request },
})

const CASES: readonly (readonly [string, readonly Result[], readonly Result[], string])[] = [
  ['two equal runs', [modified(), summary('invalid')], [modified(), summary('invalid')], 'not worse'],
  ['a finding that came', [summary('valid')], [modified(), summary('invalid')], 'worse; new: LOG_FILE_MODIFIED'],
  ['what was missing is back', [missing, summary('invalid')], [summary('valid')], 'not worse; gone: LOG_FILE_MISSING'],
  [
    'an object that was changed again',
    [modified(), summary('invalid')],
    [{ ...modified(), found: 'dd' }, summary('invalid')],
    'worse; changed: LOG_FILE_MODIFIED',
  ],
  [
    'what was changed is now missing',
    [modified(), summary('invalid')],
    [missing, summary('invalid')],
    'worse; new: LOG_FILE_MISSING; gone: LOG_FILE_MODIFIED',
  ],
  [
    'a note that came',
    [summary('valid')],
    [{ ...modified(), verdict: 'note' } as Finding, summary('valid')],
    'not worse; new: LOG_FILE_MODIFIED',
  ],
  [
    'hours that a later digest proves',
    [withChain({ coverage: [proven(1, 9), open(9, 12)] })],
    [withChain({ coverage: [proven(1, 12)] })],
    'not worse; proven: 09:04-12:04',
  ],
  [
    'hours that are proven no more',
    [withChain({ coverage: [proven(1, 12)] })],
    [withChain({ coverage: [proven(1, 3), open(3, 5), proven(5, 12)] })],
    'worse; lost: 03:04-05:04',
  ],
  [
    'a later range: what lies before it is not lost',
    [withChain({ coverage: [proven(1, 12)] })],
    [withChain({ startTime: at(6), endTime: at(14), coverage: [proven(6, 14)] })],
    'not worse; proven: 12:04-14:04',
  ],
  [
    'a chain that came, and one that is gone',
    [withChain({})],
    [withChain({ region: 'eu-west-1' })],
    'worse; new chains: eu-west-1; gone chains: us-east-1',
  ],
  [
    'a chain that was not asked for',
    [withChain({})],
    [summary('valid', { chains: [], ...asked({ regions: ['eu-west-1'] }) })],
    'not worse',
  ],
  [
    'a finding of an account that was not asked for',
    [modified(), summary('invalid')],
    [withChain({}, asked({ accountIds: ['999999999999'] }))],
    'not worse; not looked at: 1',
  ],
  [
    'a finding of a time that was not asked for',
    [modified(), summary('invalid')],
    [withChain({}, asked({ startTime: at(8) }))],
    'not worse; not looked at: 1',
  ],
  ['a verdict that is worse alone', [summary('valid')], [summary('unverified')], 'worse'],
  [
    'another key',
    [summary('valid')],
    [summary('valid', { publicKeys: key === undefined ? [] : [{ ...key, sha256: 'aa' }] })],
    'not worse; new keys: aa; gone keys: ee',
  ],
]

t.test('what changed between two runs', async (t) => {
  for (const [sentence, before, after, expected] of CASES) t.equal(told(difference(before, after)), expected, sentence)
})

t.test('the command', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'verify-trail-diff-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const reportOf = async (name: string, form: string): Promise<string> => {
    const path = join(folder, `${name}.${form}`)
    const given = ['--public-keys', join(casePath(name), 'public-keys.json'), '--metadata', join(casePath(name), 'metadata.json')]
    await verifyTrailCommand([join(casePath(name), 'example-trail-logs'), ...given, '-q', '-o', path])
    return path
  }
  const [well, deleted] = [await reportOf('plain', 'json'), await reportOf('log-deleted', 'ndjson')]

  const worse = await verifyTrailCommand(['diff', well, deleted])
  t.equal(worse.code, 1)
  t.match(worse.stdout, /New findings \(1\)\n {2}LOG_FILE_MISSING {2}s3:\/\//)
  t.match(worse.stdout, /\nWORSE: 1 new finding/)
  const better = await verifyTrailCommand(['diff', deleted, well])
  t.equal(better.code, 0)
  t.match(better.stdout, /Restored \(1\)/)
  t.match((await verifyTrailCommand(['diff', well, well])).stdout, /\nno difference\n$/)
  const json = JSON.parse((await verifyTrailCommand(['diff', well, deleted, '--json'])).stdout)
  t.match(json, { schemaVersion: 1, worse: true, findings: { new: [{ code: 'LOG_FILE_MISSING' }] } })

  const report = JSON.parse(readFileSync(well, 'utf8'))
  const hostile = join(folder, 'hostile.json')
  const object = `${OBJECT}\u001b[2J\u202e`
  const { kind: _, ...finding } = modified(object)
  writeFileSync(
    hostile,
    JSON.stringify({
      ...report,
      verdict: 'invalid',
      summary: { ...report.summary, findings: { LOG_FILE_MODIFIED: 1 } },
      findings: [finding],
    }),
  )
  const shown = await verifyTrailCommand(['diff', well, hostile])
  t.equal(shown.code, 1, shown.stderr)
  t.notOk(
    ['\u001b', '\u202e'].some((character) => shown.stdout.includes(character)),
    'nothing in a report steers the terminal',
  )

  const refused: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['one report', ['diff', well], /give two reports/],
    ['three reports', ['diff', well, well, well], /give two reports/],
    ['no report', ['diff', well, join(folder, 'not-there.json')], /no such file/],
    ['something else', ['diff', well, join(casePath('plain'), 'metadata.json')], /metadata\.json/],
  ]
  for (const [sentence, words, message] of refused) {
    const { code, stdout, stderr } = await verifyTrailCommand(words)
    t.equal(code, 2, sentence)
    t.equal(stdout, '')
    t.match(stderr, message)
  }
})
