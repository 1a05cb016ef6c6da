/** What is set by the environment, what was meant by what is not known, and options of aws-cli. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { manPage } from '../../scripts/man-page.js'
import { parseArguments } from '../../src/cli/arguments.js'
import { COMMANDS } from '../../src/cli/commands.js'
import { variableOf } from '../../src/cli/environment.js'
import { ROOT, verifyTrailCommand } from '../support/command.js'
import { hasTool } from '../support/tools.js'

const parsed = (words: readonly string[], environment: Readonly<Record<string, string>> = {}) =>
  parseArguments(words, environment) as unknown as Readonly<Record<string, unknown>>

t.test('every option has a variable, and what is typed comes first', (t) => {
  for (const [name, make] of COMMANDS) {
    const names = make().options.map((option) => variableOf(name, option))
    t.equal(new Set(names).size, names.length, `${name}: each its own`)
  }
  const rows: [string[], Record<string, string>, string, unknown][] = [
    [['dir'], { VERIFY_TRAIL_REGION: 'us-east-1,eu-west-1' }, 'regions', ['us-east-1', 'eu-west-1']],
    [['dir', '--region', 'us-east-2'], { VERIFY_TRAIL_REGION: 'us-east-1' }, 'regions', ['us-east-2']],
    [['dir'], { VERIFY_TRAIL_START_TIME: '2026-01-01' }, 'startTime', new Date('2026-01-01')],
    [['dir'], { VERIFY_TRAIL_EXPECT: 'a.json\nb.json\n' }, 'expect', ['a.json', 'b.json']],
    [['dir'], { VERIFY_TRAIL_JSON: 'true' }, 'form', 'json'],
    [['dir'], { VERIFY_TRAIL_JSON: '0' }, 'form', 'text'],
    [['dir'], { VERIFY_TRAIL_JSON: '' }, 'form', 'text'],
    [['dir', '--ndjson'], { VERIFY_TRAIL_JSON: '1' }, 'form', 'ndjson'],
    [['dir', '-q'], { VERIFY_TRAIL_VERBOSE: '1' }, 'verbose', false],
    [['dir'], { VERIFY_TRAIL_NO_PROGRESS: 'on' }, 'progress', false],
    [['dir'], { VERIFY_TRAIL_PUBLIC_KEYS: 'a=b.json' }, 'publicKeys', 'a=b.json'],
    [['dir'], { VERIFY_TRAIL_REDIS: 'redis://host' }, 'command', 'verify'],
    [['verify', 'dir', '-q'], { VERIFY_TRAIL_WORKERS: '0' }, 'words', ['verify', '--workers=0', 'dir', '-q']],
    [['keys', '--region', 'us-east-1', '-o', 'k.json'], { VERIFY_TRAIL_OUTPUT: 'report.json' }, 'output', 'k.json'],
    [['keys', '--region', 'us-east-1'], { VERIFY_TRAIL_KEYS_OUTPUT: 'k.json' }, 'output', 'k.json'],
    [['--help'], { VERIFY_TRAIL_WORKERS: 'many' }, 'command', 'print'],
    ...['BIN', 'CLI', 'CMD', 'HOME', 'PATH', 'VERSION', 'SOURCE', 'IMAGE', 'DIR', 'ROOT', 'TESTS'].map(
      (name): [string[], Record<string, string>, string, unknown] => [
        ['dir'],
        { [`VERIFY_TRAIL_${name}`]: 'x' },
        'command',
        'verify',
      ],
    ),
  ]
  for (const [words, environment, field, value] of rows)
    t.strictSame(parsed(words, environment)[field], value, `${words.join(' ')} with ${JSON.stringify(environment)}`)
  t.end()
})

t.test('what is not known is an error that says what may be meant', (t) => {
  const rows: [string[], Record<string, string>, RegExp][] = [
    [['dir'], { VERIFY_TRAIL_EXPECTS: 'a.json' }, /VERIFY_TRAIL_EXPECTS .*did you mean 'VERIFY_TRAIL_EXPECT'/],
    [['dir'], { VERIFY_TRAIL_WORKERS: 'many' }, /VERIFY_TRAIL_WORKERS: .*whole number from 0 to 64/],
    [['dir'], { VERIFY_TRAIL_QUIET: 'maybe' }, /VERIFY_TRAIL_QUIET: 'maybe' is neither 1/],
    [['dir'], { VERIFY_TRAIL_JSON: '1', VERIFY_TRAIL_NDJSON: '1' }, /cannot be used with/],
    [['report', 'r.json', '--format', 'htm'], {}, /did you mean 'html'/],
    [['cluster', 'sumbit'], {}, /did you mean 'submit'/],
    [['attest', 'chek'], {}, /did you mean 'check'/],
    [['completion', 'bsh'], {}, /did you mean 'bash'/],
    [['dir', '--query', 'x'], {}, /--query is an option of aws-cli: .*--json/],
    [['dir', '--no-verify-ssl'], {}, /NODE_EXTRA_CA_CERTS/],
    [['dir', '--color', 'off'], {}, /--no-color/],
    [['dir', '--output', 'json'], {}, /there is --json/],
    [['--s3-prefix', 'x'], {}, /give both/],
    [['--s3-bucket', 's3://x'], {}, /it is the source/],
  ]
  for (const [words, environment, sentence] of rows)
    t.throws(() => parsed(words, environment), { code: 'ERR_INVALID_OPTION', message: sentence }, words.join(' '))
  t.end()
})

t.test('the flags of aws cloudtrail validate-logs mean the same', (t) => {
  const arn = 'arn:aws:cloudtrail:us-east-1:111122223333:trail/my-trail'
  const words = `--trail-arn ${arn} --start-time 2026-01-01T00:00:00Z --end-time 2026-01-02T00:00:00Z --s3-bucket logs --s3-prefix some/prefix --account-id 444455556666 --verbose --region us-east-1 --profile audit`
  t.match(parsed(words.split(' ')), {
    command: 'verify',
    sources: ['s3://logs/some/prefix'],
    trailArn: { arn, name: 'my-trail', homeRegion: 'us-east-1' },
    startTime: new Date('2026-01-01'),
    endTime: new Date('2026-01-02'),
    accountIds: ['444455556666'],
    regions: ['us-east-1'],
    profile: 'audit',
    verbose: true,
  })
  t.match(parsed(['--s3-bucket', 'logs']), { sources: ['s3://logs'] })
  t.end()
})

t.test('--log-json: every line on stderr is an object', async (t) => {
  const demo = 'fixtures/cases/demo'
  const ran = await verifyTrailCommand([
    `${demo}/example-trail-logs`,
    '--public-keys',
    `${demo}/public-keys.json`,
    '-v',
    '--log-json',
  ])
  const wrong = await verifyTrailCommand(['exprt'], { env: { VERIFY_TRAIL_LOG_JSON: '1' } })
  t.equal(ran.code, 1)
  t.equal(wrong.code, 2)
  const lines = `${ran.stderr}${wrong.stderr}`
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  t.match(lines[0], { time: /^\d{4}-.*Z$/, level: 'info', message: /^listing/, progress: { phase: 'listing' } })
  t.match(lines.at(-1), { level: 'error', message: /no such directory.*did you mean 'export'/ })
})

t.test('the manual page is what the options are', (t) => {
  t.equal(manPage(), readFileSync(join(ROOT, 'man/verify-trail.1'), 'utf8'), 'npm run man')
  if (!hasTool('mandoc')) t.pass('the page', { skip: 'NOT TESTED: mandoc is not there' })
  else
    t.equal(spawnSync('mandoc', ['-T', 'lint', '-W', 'error', 'man/verify-trail.1'], { cwd: ROOT, encoding: 'utf8' }).stdout, '')
  t.end()
})
