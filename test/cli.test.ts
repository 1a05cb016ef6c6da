/** The built command: its arguments, streams, files, signals and exit codes. */

import { type ChildProcess, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { VERSION } from '../src/version.js'
import { BARE_ENVIRONMENT, BARE_NODE, MAIN, ROOT, verifyTrailCommand } from './support/command.js'

const run = verifyTrailCommand
const caseFiles = (name: string) => {
  const folder = join('fixtures', 'cases', name)
  const path = (file: string) => join(folder, file)
  return { source: path('example-trail-logs'), keys: path('public-keys.json'), metadata: path('metadata.json') }
}
const VALID = caseFiles('plain')
const INVALID = caseFiles('log-edited')
const evidence = ({ source, keys, metadata }: typeof VALID) => [source, '--public-keys', keys, '--metadata', metadata]
const SOURCE = VALID.source

t.test('metadata of which nothing was used is not passed over in silence', async (t) => {
  const dir = t.testdir({ 'metadata.json': '{"other-bucket/AWSLogs/x":{"signature":"1"}}' })
  const [source = '', ...keys] = evidence(VALID).slice(0, 3)
  const unused = await run([source, ...keys, '--metadata', join(dir, 'metadata.json')])
  t.match(unused, { code: 0, stderr: /none of the 1 entries of .*metadata\.json was used/ })
  t.notMatch((await run(evidence(VALID))).stderr, 'was used')
})

t.test('files that Windows wrote are read: with a mark at the beginning, and in UTF-16', async (t) => {
  const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
  const forms: [string, (text: string) => Buffer][] = [
    ['UTF-8', (text) => Buffer.from(`\ufeff${text}`)],
    ['UTF-16, little end first', (text) => Buffer.from(`\ufeff${text}`, 'utf16le')],
    ['UTF-16, big end first', (text) => Buffer.from(`\ufeff${text}`, 'utf16le').swap16()],
  ]
  for (const [form, write] of forms) {
    const dir = t.testdir({ 'keys.json': write(read(VALID.keys)), 'metadata.json': write(read(VALID.metadata)) })
    const words = [SOURCE, '--public-keys', join(dir, 'keys.json'), '--metadata', join(dir, 'metadata.json'), '--json']
    const { code, stdout } = await run(words)
    t.equal(code, 0, form)
    t.match(JSON.parse(stdout).run.metadataFrom, { file: Number }, form)
  }
})

t.test('bad input is exit code 2 and one clear sentence on stderr', async (t) => {
  const dir = t.testdir({
    empty: {},
    'keys.json': '{"PublicKeyList":[{"Value":17}]}',
    'text.json': 'no JSON',
    'expect.json': '{"accept":[{"regions":["us-east-1"],"startTime":"2026-01-01","endTime":"2026-01-02","reason":"x","by":""}]}',
    'metadata.json': '{"b/a":{"signature":"1"},"s3://b/a":{"signature":"2"}}',
    'a.tar': '',
  })
  const rows: [string, string[], RegExp][] = [
    ['no arguments', [], /no source: give s3:/],
    ['no source', ['verify'], /no source: give s3:/],
    ['an empty source', [''], /a source is empty/],
    ['an empty directory', [join(dir, 'empty')], /empty/],
    ['a directory that is not there', ['/no/such/directory'], /no such directory/],
    ['a file that is no archive', [join(dir, 'a.tar')], /no archive that can be read/],
    ['the same source twice', [SOURCE, SOURCE], /given twice/],
    ['another scheme', ['https://bucket/x'], /https:\/\/ is no source/],
    ['a bucket without a name', ['s3:///prefix'], /not a bucket/],
    ['an unknown flag', [SOURCE, '--frobnicate'], /unknown option '--frobnicate'/],
    ['a flag with a typing error', [SOURCE, '--regions', 'us-east-1'], /Did you mean --region\?/],
    ['an option without its value', [SOURCE, '--start-time'], /'--start-time <time>' argument missing/],
    ['an option in place of a value', [SOURCE, '--region', '--json'], /the value is missing/],
    ['a value given twice', [SOURCE, '--end-time', '2026-01-01', '--end-time', '2026-01-02'], /given twice/],
    ['a time that is no time', [SOURCE, '--start-time', 'yesterday'], /'yesterday'.*ISO 8601/],
    ['a date that does not exist', [SOURCE, '--start-time', '2026-02-30'], /'2026-02-30'.*ISO 8601/],
    ['a start after the end', [SOURCE, '--start-time', '2026-02-01', '--end-time', '2026-01-01'], /is not before the end/],
    ['an empty range', [SOURCE, '--start-time', '2026-02-01', '--end-time', '2026-02-01'], /is not before the end/],
    ['no account id', [SOURCE, '--account-id', '111122223333,12'], /12 digits/],
    ['no region', [SOURCE, '--region', 'us_east'], /region names such as us-east-1/],
    ['an empty name in a list', [SOURCE, '--trail', 'a-trail,'], /trail names/],
    ['an ARN as a trail name', [SOURCE, '--trail', 'arn:aws:cloudtrail:us-east-1:111122223333:trail/x'], /--trail-arn/],
    ['no ARN', [SOURCE, '--trail-arn', 'my-trail'], /arn:aws:cloudtrail:/],
    [
      'trail and trail ARN',
      [SOURCE, '--trail', 'abc', '--trail-arn', 'arn:aws:cloudtrail:us-east-1:111122223333:trail/abc'],
      /leave out --trail/,
    ],
    ['no bucket', [SOURCE, '--bucket', '/x'], /name of a bucket/],
    ['no URL', [SOURCE, '--endpoint-url', 'localhost'], /Give a URL/],
    ['concurrency zero', [SOURCE, '--concurrency', '0'], /from 1 to 1024/],
    ['concurrency 1.5', [SOURCE, '--concurrency', '1.5'], /from 1 to 1024/],
    ['too many workers', [SOURCE, '--workers', '65'], /from 0 to 64/],
    ['JSON and NDJSON', [SOURCE, '--json', '--ndjson'], /cannot be used with/],
    ['verbose and quiet', [SOURCE, '-v', '-q'], /cannot be used with/],
    [
      'a report of an unknown form',
      [SOURCE, '-o', 'report.pdf'],
      /'report\.pdf' does not say its form: .*\.json, \.ndjson, .*FORM:FILE/,
    ],
    ['a report that is none', ['report', join(dir, 'text.json')], /text\.json': not valid JSON/],
    ['a report that is not there', ['report', '/no/such/report.json'], /no such file/],
    ['no report', ['report', '-o', 'x.html'], /give one report/],
    ['a report over itself', ['report', join(dir, 'keys.json'), '-o', join(dir, 'keys.json')], /overwrite itself/],
    ['a form that is none', [SOURCE, '-o', 'pdf:report.json'], /The forms are text, json, ndjson/],
    ['a form without a file', [SOURCE, '-o', 'json:'], /empty/],
    ['a format that is none', [SOURCE, '-o', 'x', '--format', 'pdf'], /The forms are text, json, ndjson/],
    ['a format without a file', [SOURCE, '--format', 'json'], /one -o FILE/],
    ['a format for two files', [SOURCE, '-o', 'a.json', '-o', 'b', '--format', 'json'], /one -o FILE/],
    ['a report file twice', [SOURCE, '-o', 'r.json', '-o', 'r.json'], /given twice/],
    ['a report among the evidence', [SOURCE, '-o', join(SOURCE, 'AWSLogs', 'r.json')], /among the files that are verified/],
    ['a report over the key file', [SOURCE, '--public-keys', VALID.keys, '-o', VALID.keys], /would overwrite/],
    [
      'a key file that is not there',
      [SOURCE, '--public-keys', '/no/such.json'],
      /cannot read public keys from "\/no\/such\.json": no such file/,
    ],
    ['a key file that is no JSON', [SOURCE, '--public-keys', join(dir, 'text.json')], /not a list of public keys/],
    ['a key file with an odd entry', [SOURCE, '--public-keys', join(dir, 'keys.json')], /PublicKeyList\[0\]/],
    [
      'a metadata file that is not there',
      [SOURCE, '--metadata', '/no/such.json'],
      /cannot read the metadata file '\/no\/such\.json': no such file/,
    ],
    [
      'a metadata file that contradicts itself',
      [SOURCE, '--metadata', join(dir, 'metadata.json')],
      /"s3:\/\/b\/a" and "b\/a" differ/,
    ],
    [
      'expectations that are not there',
      [SOURCE, '--expect', '/no/such.json'],
      /cannot read the expectations '\/no\/such\.json': no such file/,
    ],
    [
      'expectations that are no JSON',
      [SOURCE, '--expect', join(dir, 'text.json')],
      /the expectations '.*text\.json': not valid JSON/,
    ],
    [
      'expectations of another shape',
      [SOURCE, '--expect', join(dir, 'expect.json')],
      /accept\[0\]\.by: "" was given; allowed: words/,
    ],
    ['expectations twice', [SOURCE, '--expect', 'a.json', '--expect', 'a.json'], /given twice/],
    ['a report over what is expected', [SOURCE, '--expect', 'a.json', '-o', './a.json'], /would overwrite/],
    ['keys without region', ['keys', '-o', 'x.json'], /no region/],
    ['keys without file', ['keys', '--region', 'us-east-1'], /no file/],
    ['keys of a directory', ['keys', SOURCE, '-o', 'x.json'], /no s3:\/\/ URL/],
    ['keys not first', ['--json', 'keys'], /comes first/],
  ]
  for (const [name, words, message] of rows) {
    const { code, stdout, stderr } = await run(words)
    t.strictSame([code, stdout], [2, ''], name)
    t.match(stderr, message, name)
    t.match(stderr, /^verify-trail: [^\n]+\n$/, `${name}: one line`)
  }
})

t.test('version and help', async (t) => {
  t.strictSame(await run(['--version']), { code: 0, stdout: `${VERSION}\n`, stderr: '' })
  for (const words of [['--help'], ['help'], ['verify', '--help'], [SOURCE, '--help']]) {
    const { code, stdout, stderr } = await run(words)
    t.strictSame([code, stderr], [0, ''], words.join(' '))
    t.match(stdout, /Usage: verify-trail[\s\S]*What to check:[\s\S]*--start-time[\s\S]*Exit code: 0 valid/)
  }
  t.match((await run(['keys', '--help'])).stdout, /Usage: verify-trail keys/)
})

t.test('the exit code says the verdict, and the verdict comes last', async (t) => {
  const last = (text: string) => text.trimEnd().split('\n').at(-1)
  const valid = await run(evidence(VALID))
  t.equal(valid.code, 0)
  t.match(last(valid.stdout), /^valid from \d{4}-\S+Z to \S+Z: /)
  const invalid = await run(evidence(INVALID))
  t.equal(invalid.code, 1)
  t.match(last(invalid.stdout), /^INVALID: LOG_FILE_MODIFIED 1;/)
  const keyless = await run([SOURCE])
  t.equal(keyless.code, 3)
  t.match(last(keyless.stdout), /^UNVERIFIED: DIGEST_KEY_UNKNOWN/)
  t.match(keyless.stdout, /verify-trail keys --region us-east-1 .*aws cloudtrail list-public-keys/, 'it says how to get the keys')
  const nothing = await run([t.testdir({ a: { 'x.txt': 'x' } })])
  t.equal(nothing.code, 3, 'nothing checked is never 0')
  t.match(last(nothing.stdout), /^UNVERIFIED: no digest was checked/)
  t.strictSame(
    [valid, invalid, keyless, nothing].map(({ stderr }) => stderr),
    ['', '', '', ''],
  )
})

t.test('options may stand before and after the source, and never swallow it', async (t) => {
  const report = async (...words: string[]) => {
    const { code, stdout } = await run([...words, '--json'])
    const { run: _, ...rest } = JSON.parse(stdout)
    return { code, rest }
  }
  const expected = await report(...evidence(VALID), '--region', 'us-east-1', '--account-id', '111122223333')
  t.strictSame([expected.code, expected.rest.request.regions], [0, ['us-east-1']])
  const [source = '', ...options] = evidence(VALID)
  t.strictSame(await report('--region', 'us-east-1', '--account-id', '111122223333', source, ...options), expected)
  t.strictSame(await report('verify', ...options, '--region=us-east-1', '--account-id=111122223333', source), expected)
  t.strictSame(await report('--account-id', '111122223333', 'verify', source, ...options, '--region', 'us-east-1'), expected)
  t.strictSame(
    await report(
      ...evidence(VALID),
      '--region',
      'us-east-1',
      '--account-id',
      '111122223333',
      '--concurrency',
      '1',
      '--workers',
      '2',
    ),
    expected,
  )
  const both = await report(...evidence(VALID), '--region', 'eu-west-1,us-east-1', '--region', 'eu-west-1')
  t.strictSame(both.rest.request.regions, ['eu-west-1', 'us-east-1'])
  t.equal(both.rest.findings[0].reason, 'not-found')
  const arn = await report(...evidence(VALID), '--trail-arn', 'arn:aws:cloudtrail:us-east-1:111122223333:trail/management-events')
  t.strictSame([arn.code, arn.rest.request.trails], [0, ['management-events']])
})

t.test('what is expected comes from files, or from an earlier report', async (t) => {
  const dir = t.testdir({
    'region.json': '{"expect":[{"accountIds":["111122223333"],"regions":["us-east-1","eu-west-1"]}]}',
    'closed.json':
      '{"accept":[{"regions":["eu-west-1"],"startTime":"2026-01-01","endTime":"2027-01-01","reason":"never used","by":"J. Doe"}]}',
  })
  const file = (name: string) => join(dir, name)
  const gone = await run([...evidence(VALID), '--expect', file('region.json')])
  t.equal(gone.code, 3)
  t.match(gone.stdout, /COVERAGE_GAP {2}1 unverified[\s\S]*eu-west-1[\s\S]*not-found/)
  const accepted = await run([...evidence(VALID), '--expect', file('region.json'), '--expect', file('closed.json')])
  t.equal(accepted.code, 0)
  t.match(accepted.stdout, /accepted +by J\. Doe: never used/)
  t.match(accepted.stdout, /\nvalid from \S+Z to \S+Z but for 1 accepted gap: [^\n]+\n$/)
  const two = caseFiles('two-regions')
  t.equal((await run([...evidence(two), '-o', file('earlier.json')])).code, 0)
  t.equal((await run([...evidence(two), '--expect', file('earlier.json')])).code, 0)
  const fewer = await run([...evidence(VALID), '--expect', file('earlier.json')])
  t.equal(fewer.code, 3, 'a region of the earlier report is gone')
  t.match(fewer.stdout, /eu-west-1[\s\S]*not-found/)
})

t.test('stdout and files carry reports, in the form that was asked for', async (t) => {
  const dir = t.testdir()
  const file = (name: string) => join(dir, name)
  writeFileSync(file('r.json'), 'older')
  const { code, stdout } = await run([
    ...evidence(INVALID),
    '--ndjson',
    '-o',
    file('r.json'),
    '--output',
    file('r.ndjson'),
    '-o',
    file('r.txt'),
  ])
  t.equal(code, 1)
  t.strictSame(readdirSync(dir).sort(), ['r.json', 'r.ndjson', 'r.txt'], 'no temporary file is left')
  t.equal(readFileSync(file('r.ndjson'), 'utf8'), stdout)
  const records = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  t.equal(records.at(-1).kind, 'summary')
  const { digests, logFiles } = records.at(-1).summary
  t.equal(records.filter(({ kind }) => kind === 'log-file').length, logFiles.listed)
  const report = JSON.parse(readFileSync(file('r.json'), 'utf8'))
  t.strictSame([report.verdict, report.summary.findings, report.findings.length], ['invalid', { LOG_FILE_MODIFIED: 1 }, 1])
  t.match(readFileSync(file('r.txt'), 'utf8'), /^verify-trail [\s\S]*\nINVALID: [^\n]*\n$/)
  const quiet = await run([...evidence(INVALID), '-q'])
  t.match(quiet.stdout, /^INVALID: [^\n]+\n$/)
  const verbose = await run([...evidence(INVALID), '-v'])
  t.equal(verbose.stdout.match(/ {2}(digest|log file) {2,4}s3:/g)?.length, digests.found + logFiles.listed)
})

t.test('a report that cannot be written is exit code 2, with the verdict on stderr', async (t) => {
  const dir = t.testdir({ 'folder.json': {} })
  for (const path of ['/no/such/folder/r.json', join(dir, 'folder.json')]) {
    const { code, stdout, stderr } = await run([...evidence(INVALID), '-o', path])
    t.equal(code, 2)
    t.match(stderr, /will be missing[\s\S]*the verdict is: INVALID: LOG_FILE_MODIFIED 1/)
    t.match(stdout, /INVALID: LOG_FILE_MODIFIED/, 'the other reports are written')
  }
  const full = openSync('/dev/full', 'w')
  for (const form of [[], ['--json'], ['--ndjson']]) {
    const [program, ...first] = BARE_NODE
    const { status, stderr } = spawnSync(program, [...first, MAIN, ...evidence(INVALID), ...form], {
      cwd: ROOT,
      env: BARE_ENVIRONMENT,
      stdio: ['ignore', full, 'pipe'],
      encoding: 'utf8',
    })
    t.equal(status, 2)
    t.match(stderr, /cannot write the report to stdout: .*\n.*the verdict is: INVALID/)
  }
  closeSync(full)
})

t.test('a reader that goes away is no noise', async (t) => {
  const { code, stderr } = await run([...evidence(VALID), '--ndjson'], { started: (child) => child.stdout?.destroy() })
  t.equal(code, 2)
  t.notMatch(stderr, /EPIPE|Error|at /)
})

t.test('colours: only on a terminal, or where they are forced', async (t) => {
  const words = evidence(INVALID)
  t.notMatch((await run(words)).stdout, '\x1b')
  t.match((await run(words, { env: { FORCE_COLOR: '1' } })).stdout, '\x1b[31mINVALID')
  t.notMatch((await run([...words, '--no-color'], { env: { FORCE_COLOR: '1' } })).stdout, '\x1b')
  t.notMatch((await run(words, { env: { NO_COLOR: '1' } })).stdout, '\x1b')
})

/** An S3 that shows a bucket with an `AWSLogs/`, and does not answer what comes then. */
async function stallingS3(t: { teardown(end: () => void): void }): Promise<{ url: string; asked: Promise<void> }> {
  let stalled = () => {}
  const asked = new Promise<void>((resolve) => {
    stalled = resolve
  })
  const open = new Set<ServerResponse>()
  let answers = 0
  const server = createServer((_request, response) => {
    open.add(response)
    if (answers++ > 0) return stalled()
    response.setHeader('content-type', 'application/xml')
    response.end(
      '<?xml version="1.0"?><ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated><CommonPrefixes><Prefix>AWSLogs/</Prefix></CommonPrefixes></ListBucketResult>',
    )
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const response of open) response.destroy()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked }
}

const CREDENTIALS = { AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x', AWS_REGION: 'us-east-1' }

t.test('an interrupt stops cleanly, with a report that says so', async (t) => {
  const { url, asked } = await stallingS3(t)
  const words = ['s3://some-bucket', '--endpoint-url', url, '--public-keys', VALID.keys, '--json']
  const { code, stdout, stderr } = await run(words, {
    env: CREDENTIALS,
    started: (child) => void asked.then(() => child.kill('SIGINT')),
  })
  t.equal(code, 3)
  t.equal(JSON.parse(stdout).run.interrupted, true)
  t.equal(JSON.parse(stdout).verdict, 'unverified')
  t.match(stderr, /stopping/)
})

t.test('a second interrupt ends at once, and leaves no file', async (t) => {
  const { url, asked } = await stallingS3(t)
  // A thread that is busy when the first comes meets the second before the first has had its effect.
  const dir = t.testdir({
    'busy.mjs': "process.on('SIGINT', () => { for (const end = Date.now() + 1000; Date.now() < end; ); })",
    out: {},
  })
  const words = ['s3://some-bucket', '--endpoint-url', url, '--public-keys', VALID.keys, '-o', join(dir, 'out', 'r.json')]
  const twice = (child: ChildProcess) => {
    child.kill('SIGINT')
    child.kill('SIGTERM')
  }
  const started = (child: ChildProcess) => void asked.then(() => twice(child))
  const { code } = await run(words, { env: CREDENTIALS, node: ['--import', join(dir, 'busy.mjs')], started })
  t.strictSame([code, readdirSync(join(dir, 'out'))], [130, []])
})

t.test('missing credentials are exit code 2', async (t) => {
  const { code, stderr } = await run(['s3://some-bucket', '--endpoint-url', 'http://127.0.0.1:9'], {
    env: { AWS_REGION: 'us-east-1' },
  })
  t.equal(code, 2)
  t.match(stderr, /credentials/i)
})

t.test('a run over a directory, and help, load no AWS SDK', async (t) => {
  const dir = t.testdir({
    // Both ways of loading: the SDK comes by `require`, which hooks of `import` do not see.
    'watch.mjs': `import Module, { register } from 'node:module'
      register('./hook.mjs', import.meta.url)
      const load = Module._load
      Module._load = function (name, ...rest) {
        if (/aws-sdk|smithy/.test(name)) process._rawDebug('LOADED ' + name)
        return load.call(this, name, ...rest)
      }`,
    'hook.mjs': `export async function resolve(name, context, next) {
      if (/aws-sdk|smithy/.test(name)) process._rawDebug('LOADED ' + name)
      return next(name, context)
    }`,
  })
  const node = ['--import', join(dir, 'watch.mjs')]
  for (const words of [['--help'], ['keys', '--help'], evidence(VALID)]) {
    const { code, stderr } = await run(words, { node })
    t.equal(code, 0)
    t.notMatch(stderr, /LOADED/)
  }
  const { stderr } = await run(['s3://some-bucket', '--endpoint-url', 'http://127.0.0.1:9'], {
    node,
    env: { AWS_REGION: 'us-east-1' },
  })
  t.match(stderr, /LOADED @aws-sdk\/client-s3/, 'the watch works')
})
