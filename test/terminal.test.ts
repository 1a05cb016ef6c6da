/** What someone sees who looks on: in a real terminal, and of its parts alone. */
import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { generate } from '../bench/generated-source.js'
import { Pace } from '../src/cli/pace.js'
import { progressLine, roughTime } from '../src/cli/progress-line.js'
import type { Result } from '../src/core/results.js'
import type { Progress } from '../src/engine/verify-trail.js'
import { clip, columnsOf, wrap } from '../src/reports/columns.js'
import { type TerminalReportOptions, terminalReport } from '../src/reports/terminal.js'
import { verifyTrailCommand } from './support/command.js'
import { type Fault, faultyStore, objectsOf, send } from './support/faulty-store.js'
import { gap, keyUnknown, modified, summary } from './support/results.js'
import { HAS_TERMINAL, inTerminal } from './support/terminal.js'

if (!HAS_TERMINAL && process.env['CI']) t.fail('script (util-linux) is not here')
const TERMINAL = HAS_TERMINAL ? {} : { skip: 'script (util-linux) is not here' }

const files = (name: string) => join('fixtures', 'cases', name)
const evidence = (name: string) => [
  join(files(name), 'example-trail-logs'),
  '--public-keys',
  join(files(name), 'public-keys.json'),
  '--metadata',
  join(files(name), 'metadata.json'),
]
const DEMO = [...evidence('demo'), '--start-time', '2026-03-14T08:04:34Z', '--end-time', '2026-03-14T20:04:34Z']

/** Escape sequences and whatever else steers a terminal. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
const STEERS = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]/

/** From the heading of the coverage to the verdict. */
function summaryOf(lines: readonly string[]): string[] {
  const shown = lines.slice(lines.findIndex((line) => line.startsWith('Coverage')))
  while (shown.at(-1) === '') shown.pop()
  return shown
}

for (const columns of [80, 140]) {
  t.test(`the demo on ${columns} columns`, TERMINAL, async (t) => {
    const { code, lines, written } = await inTerminal(DEMO, { columns })
    t.equal(code, 1)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what a terminal reads
    t.match(written, /^\r\x1b\[2Klisting the accounts and regions of fixtures/, 'it says at once what it does')
    const shown = summaryOf(lines)
    t.ok(shown.length < 24, `a screen of 24 lines is enough for ${shown.length}`)
    t.strictSame(
      shown.filter((line) => [...line].length > columns),
      [],
      'no line is too long',
    )
    t.match(
      shown[1],
      /^ {2}111122223333 {2}eu-west-1 {2}█+X+█+-+█+ {2}78% {2}invalid$/,
      'a bar whose characters say what they mean',
    )
    t.ok([...(shown[1] ?? '')].length > Math.min(columns, 120) - 14, 'as wide as the screen')
    t.match(
      shown.join('\n'),
      /\n {2}X 1 LOG_FILE_MISSING {3}log files that a valid digest lists.*\n {2}> look in versions/,
      'findings by code, with what to do',
    )
    t.match(
      shown.join(' '),
      /INVALID: LOG_FILE_MISSING 1, LOG_FILE_MODIFIED 1, LOG_FILE_UNLISTED 1; 25 of 25 digests and 28 of 30 listed log files proven, 22.5 kB read$/,
      'the verdict comes last',
    )
    const above = lines.slice(0, lines.indexOf(shown[0] ?? ''))
    t.ok(above.includes('LOG_FILE_MODIFIED  invalid'), 'findings stand above it, as they were found')
    t.ok(
      above.some((line) => line.startsWith('    expected    497f9f5c')),
      'with what proves them',
    )
    t.notMatch(lines.join('\n'), /log files,|reading digests/, 'no progress is left')
  })
}

t.test('colours and cursor control as the environment asks', TERMINAL, async (t) => {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are escape sequences
  const COLOUR = /\x1b\[\d+m/
  const rows: [name: string, env: Record<string, string>, words: string[], coloured: boolean, steered: boolean][] = [
    ['a terminal', {}, [], true, true],
    ['NO_COLOR', { NO_COLOR: '1' }, [], false, true],
    ['--no-progress', {}, ['--no-progress'], true, false],
    ['TERM=dumb', { TERM: 'dumb' }, [], false, false],
    ['TERM=dumb and FORCE_COLOR', { TERM: 'dumb', FORCE_COLOR: '1' }, [], true, false],
  ]
  for (const [name, env, words, coloured, steered] of rows) {
    const { written, lines } = await inTerminal([...DEMO, ...words], { env })
    t.equal(COLOUR.test(written), coloured, `${name}: ${coloured ? '' : 'no '}colours`)
    t.equal(written.includes('\x1b[2K'), steered, `${name}: ${steered ? 'a' : 'no'} line that is written over`)
    t.match(summaryOf(lines)[1], /█X+█/, `${name}: the same bars`)
  }
  const { written } = await inTerminal(DEMO, { env: { LANG: 'C', NO_COLOR: '1' } })
  t.match(written, /=+X+=+/, 'without UTF-8 the bars are ASCII')
})

t.test('a pipe, a file and CI get the whole report, as ever', TERMINAL, async (t) => {
  const { stdout } = await verifyTrailCommand(DEMO)
  t.match(stdout, /^verify-trail \S+ {2}fixtures[\s\S]*\nNot checked\n[\s\S]*\nWhat to do next\n/)
  const ci = await inTerminal(DEMO, { env: { CI: 'true', NO_COLOR: '1' }, after: '2>/dev/null' })
  t.equal(ci.written.replaceAll('\r\n', '\n'), stdout, 'CI with a terminal')
  const piped = await inTerminal(DEMO, { after: '| cat' })
  t.equal(piped.lines.join('\n'), stdout, 'stdout is a pipe, stderr the terminal')
  const quiet = await inTerminal([...DEMO, '-q'])
  t.match(quiet.lines, [/^INVALID: LOG_FILE_MISSING 1, /, ''], '-q is the verdict alone')
  t.equal(quiet.lines.length, 2)
  const verbose = await inTerminal([...DEMO, '-v'], { env: { NO_COLOR: '1' } })
  t.equal(
    verbose.lines.filter((line) => /^\w+ +(digest|log file) +s3:/.test(line)).length,
    56,
    '-v names every digest and log file',
  )
  t.match(verbose.lines.join('\n'), /\nChains\n/, 'and ends with the whole report')
  const saved = join(t.testdir(), 'report.json')
  await verifyTrailCommand([...DEMO, '-o', saved, '-q'])
  t.match(summaryOf((await inTerminal(['report', saved])).lines)[1], /█X+█/, 'a saved report looks so too')
})

t.test('names that would steer the terminal', TERMINAL, async (t) => {
  const folder = join(t.testdir(), 'example-trail-logs')
  cpSync(join(files('plain'), 'example-trail-logs'), folder, { recursive: true })
  const region = join(folder, 'AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/14')
  writeFileSync(join(region, 'a\x1b[2J\x1b]0;owned\x07\u202ez.json.gz'), '')
  const [, ...rest] = evidence('plain')
  const { written, lines } = await inTerminal([folder, ...rest], { env: { NO_COLOR: '1' } })
  t.match(lines.join('\n'), /a\\x1b\[2J\\x1b\]0;owned\\x07\\u202ez\.json\.gz/)
  t.notMatch(written.replaceAll('\r\x1b[2K', '').replaceAll('\r\n', '\n'), STEERS)
})

t.test('^C says what was checked and what was not', TERMINAL, async (t) => {
  const { bucket, source, publicKeyList, startTime, endTime } = generate({
    accounts: 2,
    regions: 3,
    hours: 5,
    logFilesPerHour: 20,
    logFileBytes: 400,
  })
  const store = await faultyStore({ bucket, objects: await objectsOf(source), publicKeys: {} })
  t.teardown(() => store.close())
  const slowly: Fault = (answer, response) => void setTimeout(() => send(answer, response), 40)
  store.misbehave((call, count) => (call === 'log file' && count > 120 ? slowly : null))
  const folder = t.testdir({ 'keys.json': publicKeyList })
  const words = [`s3://${bucket}`, '--public-keys', join(folder, 'keys.json'), '--endpoint-url', store.url, '--concurrency', '4']
  const env = { AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x', AWS_REGION: 'us-east-1', NO_COLOR: '1' }
  const range = ['--start-time', startTime, '--end-time', endTime]
  const { code, lines } = await inTerminal([...words, ...range], {
    env,
    columns: 140,
    press: { keys: '\x03', whenSeen: /1\d\d of 600 log files/ },
  })
  t.equal(code, 3)
  const shown = lines.join('\n')
  t.match(shown, /^(\^C)?verify-trail: stopping; the report will be marked interrupted/m)
  t.match(shown, /Not checked: [1-5] of 6 accounts and regions were checked whole\./)
  t.match(shown, /Not checked: It was stopped in \d{12} \S+, which was checked in part\./)
  t.match(shown, /UNVERIFIED: interrupted, this says nothing about what was not read;/)
})

async function shownBy(results: readonly Result[], options: TerminalReportOptions = {}): Promise<string[]> {
  const stream = new PassThrough()
  const writer = terminalReport(stream, options)
  const shown = text(stream)
  for (const result of results) await writer.write(result)
  await writer.end()
  stream.end()
  return (await shown).trimEnd().split('\n')
}

t.test('an organization fits a screen', async (t) => {
  const [chain] = summary('valid').chains
  const chains = Array.from({ length: 20 * 17 }, (_, i) => ({
    ...(chain as NonNullable<typeof chain>),
    accountId: String(111122223333 + Math.floor(i / 17)),
    region: `eu-west-${i % 17}`,
    verdict: i === 100 ? ('invalid' as const) : ('valid' as const),
  }))
  const lines = summaryOf(await shownBy([modified(), gap(), keyUnknown('eu-west-1'), summary('invalid', { chains })]))
  t.ok(lines.length < 24, String(lines.length))
  t.match(lines[2], /^ {2}111122223338 {2}17 regions {2}█+ 100% {2}invalid$/, 'the worst come first')
  t.match(
    lines.find((line) => line.includes('others')),
    /^ {2}\d+ others +█+ 100% {2}valid$/,
    'the rest is one row',
  )
  const high = summaryOf(await shownBy([summary('invalid', { chains })], { rows: 60 }))
  t.equal(high.filter((line) => line.includes('17 regions')).length, 20, 'a higher screen has them all')
  const many = Array.from({ length: 50 }, (_, i) => modified(`s3://bucket/${i}`))
  const found = await shownBy([...many, summary('invalid')])
  t.equal(found.filter((line) => line.startsWith('LOG_FILE_MODIFIED')).length, 10, 'findings without end are counted')
  t.match(
    found.find((line) => line.startsWith('…')),
    /more LOG_FILE_MODIFIED: counted below/,
  )
})

t.test('nothing at all, and what has no chain', async (t) => {
  const empty = { chains: [], publicKeys: [], notChecked: [] }
  t.match(
    (await shownBy([summary('unverified', empty)])).join('\n'),
    /^Coverage\n {2}none: no valid digest in or near the range\n/,
  )
  const notFound = { ...gap(), reason: 'not-found' as const, trail: null, homeRegion: null, region: 'sa-east-1' }
  const lines = summaryOf(await shownBy([notFound, summary('unverified', { notChecked: ['\x1b[2J'] })]))
  t.match(lines[2], /^ {2}111122223333 {2}sa-east-1 {2}-+ +0% {2}unverified$/)
  t.match(lines.join('\n'), /\n {2}> is it named right/)
  t.notMatch(lines.join(''), STEERS)
})

const PROGRESS: Progress = {
  phase: 'checking log files',
  at: '111122223333 eu-west-1',
  scopes: 6,
  scopesDone: 2,
  chains: 6,
  digests: 300,
  logFiles: 1000,
  logFilesListed: null,
  bytesRead: 5_000_000,
  findings: 2,
}

t.test('the time left is foretold only where it is known', (t) => {
  const pace = new Pace()
  const at = (ms: number, logFiles: number) => pace.add(ms, { ...PROGRESS, logFiles, bytesRead: logFiles * 1000 })
  at(0, 0)
  at(1000, 100)
  t.equal(pace.rate, undefined, 'too little was seen')
  at(4000, 400)
  t.strictSame(pace.rate, { logFiles: 100, bytes: 100_000 })
  t.equal(pace.left({ ...PROGRESS, logFiles: 400 }), undefined, 'not all digests are read: nobody knows how many log files come')
  t.equal(pace.left({ ...PROGRESS, logFiles: 400, logFilesListed: 1400 }), 10_000)
  for (let second = 5; second <= 60; second++) at(second * 1000, 400)
  t.equal(pace.left({ ...PROGRESS, logFiles: 400, logFilesListed: 1400 }), undefined, 'a store that stands still: nobody knows')
  t.strictSame([0, 42_000, 100_000, 3_000_000, 6_000_000, 7_800_000].map(roughTime), [
    'about 5 s',
    'about 40 s',
    'about 2 min',
    'about 50 min',
    'about 1 h 40 min',
    'about 2 h 10 min',
  ])
  t.end()
})

t.test('the line of progress gives way where it is narrow', (t) => {
  const pace = new Pace()
  pace.add(0, { ...PROGRESS, logFiles: 0, bytesRead: 0 })
  pace.add(10_000, PROGRESS)
  const line = (width: number, more: Partial<Progress> = {}) => progressLine({ ...PROGRESS, ...more }, pace, width)
  t.equal(line(200), '1,000 log files, 100/s, 500 kB/s, 2 findings, 3 of 6 accounts and regions, 111122223333 eu-west-1')
  t.equal(line(79), '1,000 log files, 100/s, 500 kB/s, 2 findings, 3 of 6 accounts and regions')
  t.equal(line(79, { logFilesListed: 21_000 }), '1,000 of 21,000 log files, 100/s, 500 kB/s, 2 findings, about 3 min left')
  t.equal(line(40, { findings: 0 }), '1,000 log files, 100/s, no findings')
  t.equal(line(20, { phase: 'listing', at: 's3://\x1b[2J' }), 'listing the account…')
  t.match(line(200, { phase: 'listing', at: 's3://\x1b[2J' }), /s3:\/\/\\x1b\[2J$/)
  t.equal(
    line(200, { phase: 'reading digests' }),
    'reading digests: 6 chains found, 6 accounts and regions, 300 digests, 5.0 MB, 2 findings',
  )
  for (let width = 10; width < 120; width++)
    for (const logFilesListed of [null, 9_999_999]) t.ok(columnsOf(line(width, { logFilesListed })) <= width)
  t.end()
})

t.test('columns', (t) => {
  t.equal(clip('abcdef', 6), 'abcdef')
  t.equal(clip('abcdefg', 6), 'abcde…')
  t.equal(columnsOf('日本'), 4)
  t.equal(clip('日本語', 4), '日…')
  t.strictSame(wrap('one two three', 7, '  '), ['one two', '  three'])
  t.strictSame(wrap('a-word-that-is-too-long x', 5), ['a-word-that-is-too-long', 'x'], 'no word is broken')
  t.end()
})
