import { readdirSync } from 'node:fs'
import { Writable } from 'node:stream'
import fc from 'fast-check'
import stringify from 'fast-json-stable-stringify'
import t from 'tap'
import { FINDING_VERDICTS } from '../src/core/findings.js'
import type { Result } from '../src/core/results.js'
import { escapeJson, escapeTerminal } from '../src/reports/escape.js'
import { htmlReport } from '../src/reports/html.js'
import { jsonReport } from '../src/reports/json.js'
import { MEANINGS } from '../src/reports/meanings.js'
import { ndjsonReport } from '../src/reports/ndjson.js'
import { formatBytes, formatCount } from '../src/reports/quantity.js'
import type { ReportWriter } from '../src/reports/report.js'
import { type TextReportOptions, textReport } from '../src/reports/text.js'
import { DIGEST_RESULT, gap, keyUnknown, LOG_FILE, modified, OBJECT, summary } from './support/results.js'

/** All that a report wrote for some results. */
async function write(report: (stream: Writable) => ReportWriter, results: Iterable<Result>): Promise<string> {
  const chunks: Buffer[] = []
  const stream = new Writable({
    highWaterMark: 100,
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk)
      setImmediate(done)
    },
  })
  const writer = report(stream)
  for (const result of results) await writer.write(result)
  await writer.end()
  return Buffer.concat(chunks).toString()
}

const text = (results: Iterable<Result>, options?: TextReportOptions) => write((stream) => textReport(stream, options), results)

/** What steers a terminal, hides, or turns the line around: none of it may be in what we print. */
const HOSTILE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Cn}]/u
const hostileOutside = (text: string) => HOSTILE.test(text.replaceAll('\n', ''))

t.test('text from a bucket is shown so that it can do nothing and hide nothing', async (t) => {
  const rows: [string, string, string][] = [
    ['a plain key', 'AWSLogs/1/a_b-c.json.gz', 'AWSLogs/1/a_b-c.json.gz'],
    ['letters of any script', 'clé-日本-ключ', 'clé-日本-ключ'],
    ['escape sequences', '\x1b[2J\x1b]0;x\x07', '\\x1b[2J\\x1b]0;x\\x07'],
    ['line ends and tabs', 'a\r\nb\tc', 'a\\x0d\\x0ab\\x09c'],
    ['C1 controls and delete', '\x7f\x9b31m', '\\x7f\\x9b31m'],
    ['right-to-left overrides', 'a\u202egz.nosj', 'a\\u202egz.nosj'],
    ['bidi isolates', '\u2066x\u2069', '\\u2066x\\u2069'],
    ['zero-width characters', 'a\u200b\u200d\ufeffb', 'a\\u200b\\u200d\\ufeffb'],
    ['line and paragraph separators', 'a\u2028b\u2029c', 'a\\u2028b\\u2029c'],
    ['spaces that look like the common one', 'a b\u00a0c\u3000d', 'a b\\xa0c\\u3000d'],
    ['marks that combine', 'e\u0301', 'e\\u0301'],
    ['lone surrogates', '\ud800x\udc00', '\\ud800x\\udc00'],
    ['invisible characters beyond the first plane', '\u{e0041}', '\\u{e0041}'],
    ['a backslash, so that no escape can be forged', '\\x1b', '\\\\x1b'],
  ]
  for (const [name, given, shown] of rows) t.equal(escapeTerminal(given), shown, name)
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (given) => !HOSTILE.test(escapeTerminal(given))))
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'binary' }),
      (a, b) => a === b || escapeTerminal(a) !== escapeTerminal(b),
    ),
  )
  t.pass('no character is let through, and no two texts look alike, whatever they are')
})

t.test('JSON is escaped without a change of meaning', async (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (value) => {
      const json = escapeJson(JSON.stringify({ value }))
      return !HOSTILE.test(json) && JSON.parse(json).value === value
    }),
  )
  t.equal(escapeJson(JSON.stringify('a\u202e\u{e0041}')), '"a\\u202e\\udb40\\udc41"')
})

t.test('what is accepted is told, and never as proven', async (t) => {
  const words = { reason: 'a migration\x1b[31m', by: 'J. Doe' }
  const accepted = { ...gap(), verdict: 'note', accepted: words } as const
  const range = { startTime: '2026-01-10T00:00:00Z', endTime: '2026-01-11T00:00:00Z' }
  const expectations = { expect: [{ regions: ['eu-west-1'] }], accept: [{ regions: ['us-east-1'], ...range, ...words, gaps: 1 }] }
  const counted = (gaps: number) => ({ summary: { ...summary('valid').summary, findings: { COVERAGE_GAP: gaps } }, expectations })
  const text = await write(textReport, [accepted, summary('valid', counted(1))])
  t.match(text, /\n {6}accepted {4}by J\. Doe: a migration\\x1b\[31m\n/)
  t.match(text, /\nvalid from \S+ to \S+ but for 1 accepted gap: [^\n]+\n$/)
  t.match(await write(textReport, [summary('unverified', counted(3))]), /\nUNVERIFIED: COVERAGE_GAP 2; /, 'two are not accepted')
  t.match(
    await write(htmlReport, [accepted, summary('valid', counted(1))]),
    /All that was asked is proven .*, but for 1 accepted gap\./,
  )
  const written = await write(jsonReport, [accepted, summary('valid', counted(1))])
  t.equal(
    written,
    `${stringify(JSON.parse(written))}\n`.replace('\x1b', '\\u001b'),
    'its bytes are those of one stable serialisation',
  )
})

t.test('the JSON report is one stable object, findings without their kind', async (t) => {
  const results = [DIGEST_RESULT, LOG_FILE, modified(), gap(), summary('invalid')]
  const written = await write(jsonReport, results)
  const report = JSON.parse(written)
  t.equal(written, `${stringify(report)}\n`, 'its bytes are those of one stable serialisation')
  t.strictSame(Object.keys(report), [
    'chains',
    'findings',
    'notChecked',
    'publicKeys',
    'request',
    'run',
    'schemaVersion',
    'summary',
    'tool',
    'verdict',
  ]) // prettier-ignore
  const { kind: _, ...first } = modified()
  t.strictSame(report.findings[0], first)
  t.equal(report.findings[1].code, 'COVERAGE_GAP')
  t.equal(report.findings.length, 2)
  t.equal(report.verdict, 'invalid')
  t.equal(await write(jsonReport, results), written, 'equal results give equal bytes')
})

t.test('findings beyond memory wait on disk, and leave nothing there', async (t) => {
  const temporary = t.testdir()
  const { TMPDIR } = process.env
  process.env['TMPDIR'] = temporary
  t.teardown(() => {
    if (TMPDIR === undefined) delete process.env['TMPDIR']
    else process.env['TMPDIR'] = TMPDIR
  })
  const many = Array.from({ length: 20_000 }, (_, i) => modified(`s3://logs/é/${i}`))
  const written = await write(jsonReport, [...many, summary('invalid')])
  t.ok(written.length > 5_000_000)
  t.strictSame(
    JSON.parse(written).findings.map(({ object }: { object: string }) => object),
    many.map(({ object }) => object),
  )
  t.strictSame(readdirSync(temporary), [])
})

t.test('a run that broke off leaves no JSON, and an NDJSON without summary', async (t) => {
  t.equal(await write(jsonReport, [modified()]), '')
  t.equal(await write(ndjsonReport, [modified()]), `${stringify(modified())}\n`)
})

t.test('NDJSON has every result with its kind, the summary last', async (t) => {
  const results = [DIGEST_RESULT, LOG_FILE, modified('s3://logs/\u2028'), summary('invalid')]
  const lines = (await write(ndjsonReport, results)).trimEnd().split('\n')
  t.strictSame(
    lines.map((line) => JSON.parse(line)),
    results,
  )
  t.notOk(lines.some((line) => HOSTILE.test(line)))
})

t.test('a failing stream is an error of the report, not of the process', async (t) => {
  const broken = () => new Writable({ write: (_chunk, _encoding, done) => done(new Error('disk full')) })
  for (const report of [jsonReport, ndjsonReport, textReport]) {
    const writer = report(broken())
    const run = async () => {
      await writer.write(summary('valid'))
      await writer.end()
    }
    await t.rejects(run(), { message: 'disk full' })
  }
})

t.test('the text report says what was proven, what was found, and the verdict last', async (t) => {
  const written = await text([DIGEST_RESULT, LOG_FILE, modified(), gap(), summary('invalid')])
  const lines = written.trimEnd().split('\n')
  t.match(lines[0], /^verify-trail 0\.1\.0 {2}\.\/x$/)
  t.match(
    written,
    /111122223333 +us-east-1 +management-events +2026-01-10T01:04:34Z +2026-01-10T12:04:34Z +11\/11 +1\/2 +invalid/,
  )
  t.match(written, /LOG_FILE_MODIFIED {2}1 invalid/)
  t.match(written, new RegExp(`^ {4}${OBJECT}$`, 'm'))
  t.match(written, /^ +expected +aa\n +found +bb\n +listed by +s3:/m)
  t.match(written, /Not checked\n {2}- whether other trails, accounts or regions existed/)
  t.match(lines.at(-1), /^INVALID: LOG_FILE_MODIFIED 1; 11 of 11 digests and 1 of 2 listed log files proven, 10 B read$/)
})

t.test('text verdicts', async (t) => {
  const last = async (...results: Result[]) => (await text(results)).trimEnd().split('\n').at(-1)
  t.match(await last(summary('valid')), /^valid from 2026-01-10T01:04:34Z to 2026-01-10T12:04:34Z: /)
  t.match(await last(gap(), summary('unverified')), /^UNVERIFIED: /)
  const interrupted = { ...summary('valid').run, interrupted: true }
  t.match(
    await last(summary('valid', { run: interrupted })),
    /^UNVERIFIED: interrupted/,
    'an interrupted run is never called valid',
  )
  t.match(await last(summary('invalid', { run: interrupted })), /^INVALID: interrupted/)
})

t.test('at most twenty findings of a code are shown, and the rest counted', async (t) => {
  const written = await text([...Array.from({ length: 1234 }, (_, i) => modified(`s3://logs/${i}`)), summary('invalid')])
  t.match(written, /LOG_FILE_MODIFIED {2}1,234 invalid/)
  t.equal(written.match(/^ {4}s3:\/\/logs\//gm)?.length, 20)
  t.match(written, /… and 1,214 more: all of them with --json, --ndjson or --verbose/)
  const verbose = await text(
    [LOG_FILE, ...Array.from({ length: 1234 }, (_, i) => modified(`s3://logs/${i}`)), summary('invalid')],
    { verbose: true },
  )
  t.equal(verbose.match(/^ {2}s3:\/\/logs\/\d+$/gm)?.length, 1234)
})

t.test('quiet is the verdict alone', async (t) => {
  t.match(await text([modified(), summary('invalid')], { quiet: true }), /^INVALID: [^\n]+\n$/)
})

t.test('hostile names reach no terminal, in any part of a text report', async (t) => {
  const evil = '\x1b[31m\u202e\r\nvalid from'
  const base = summary('invalid')
  const chains = base.chains.map((chain) => ({ ...chain, trail: evil, accountId: evil, region: evil, startTime: evil }))
  const run = { ...base.run, sources: [evil] }
  const publicKeys = base.publicKeys.map((key) => ({ ...key, origin: evil, fingerprint: evil }))
  const hostile = summary('invalid', {
    chains,
    run,
    publicKeys,
    notChecked: [evil],
    request: { ...base.request, trails: [evil], startTime: evil },
  })
  const results = [
    { ...DIGEST_RESULT, object: evil, endTime: evil },
    { ...modified(evil), expected: evil, listedBy: [evil] },
    keyUnknown(evil),
    hostile,
  ]
  for (const verbose of [false, true]) {
    const written = await text(results, { verbose })
    t.notOk(hostileOutside(written))
    t.notMatch(written, /^ *valid from/m)
  }
})

t.test('what to do next follows from the findings, and takes no word from the bucket into a command', async (t) => {
  const written = await text([keyUnknown('us-east-1'), keyUnknown('x-1; rm -rf /'), summary('unverified')])
  t.match(
    written,
    /verify-trail keys --region us-east-1 --start-time 2026-01-10T01:04:34Z --end-time 2026-01-10T12:04:34Z -o public-keys\.json/,
  )
  t.notMatch(written, /--region x-1/)
  t.match(written, /aws cloudtrail list-public-keys/)
})

t.test('colours only where asked for', async (t) => {
  t.notMatch(await text([modified(), summary('invalid')]), '\x1b')
  t.match(await text([modified(), summary('invalid')], { coloured: true }), '\x1b[31mINVALID')
})

t.test('every code has a meaning', async (t) => {
  t.strictSame(Object.keys(MEANINGS), Object.keys(FINDING_VERDICTS))
})

t.test('numbers for people', async (t) => {
  t.strictSame([0, 999, 1000, 1204331].map(formatCount), ['0', '999', '1,000', '1,204,331'])
  t.strictSame([0, 999, 1500, 18_200_000_000, 999_950].map(formatBytes), ['0 B', '999 B', '1.5 kB', '18.2 GB', '1.0 MB'])
})

t.test('a gap is told as a story, and what was lost with what is left of it', async (t) => {
  const event = {
    eventName: 'StopLogging',
    eventTime: '2026-03-14T13:05:10Z',
    eventSource: 'cloudtrail.amazonaws.com',
    eventId: 'e',
    userArn: 'arn:aws:iam::111122223333:user/x',
    sourceIpAddress: '198.51.100.7',
    target: 'management-events',
    logFile: OBJECT,
    sha256: 'ab',
  }
  const searched = { logFiles: 3, complete: true }
  const story = `${event.eventTime} ${event.userArn} stopped logging (StopLogging) from 198.51.100.7; proven by ${OBJECT} (SHA-256 ab)`
  t.match(await text([{ ...gap(), events: [event], searched }, summary('unverified')]), `event       ${story}\n`)
  const none = await text([{ ...gap(), events: [], searched: { logFiles: 1, complete: false } }, summary('unverified')])
  t.match(none, 'none in 1 proven log file around it; others could not be searched')

  const hostile = '\u202e\x1b[2J\n'
  const deletion = { ...event, eventName: 'DeleteObject', eventSource: 's3.amazonaws.com', userArn: hostile, target: hostile }
  const versions = {
    object: `s3://logs/a${hostile}'b`,
    searched: 1,
    complete: true,
    intact: {
      versionId: `v${hostile}`,
      lastModified: '2026-03-14T13:05:10Z',
      retainUntil: '2033-01-01T00:00:00Z',
      legalHold: true,
    },
    replacedBy: { kind: 'delete-marker' as const, versionId: `m${hostile}`, lastModified: '2026-03-15T13:05:10Z' },
  }
  const written = await text([{ ...gap(), events: [deletion] }, { ...modified(), versions }, summary('invalid')])
  t.notOk(hostileOutside(written), 'whatever the bucket holds')
  t.match(written, 'deleted an object (DeleteObject)')
  t.match(written, '; retained until 2033-01-01T00:00:00Z; under legal hold')
  t.match(written, 'then        delete marker m')
  t.match(written, `--key=$'a\\342\\200\\256\\033[2J\\012\\'b'`)
})
