/** The documentation says what is so: its snippets run, its lists are complete, its links lead somewhere. */
import { execFile } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { COMMANDS } from '../src/cli/commands.js'
import { FINDING_VERDICTS, type FindingCode } from '../src/core/findings.js'
import { readCases, storedObjects } from './support/cases.js'
import { BARE_ENVIRONMENT, BARE_NODE, MAIN, ROOT, verifyTrailCommand } from './support/command.js'
import { faultyStore, withSeconds } from './support/faulty-store.js'

const execute = promisify(execFile)
const PAGES = [
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`),
]
const EXAMPLES = readdirSync(join(ROOT, 'examples')).map((name) => `examples/${name}/README.md`)
const page = (name: string) => readFileSync(join(ROOT, name), 'utf8')
const blocks = (name: string, fence: string) =>
  [...page(name).matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)].filter(([, info]) => info === fence).map(([, , body = '']) => body)

t.test('every snippet marked `js run` runs as it stands', async (t) => {
  // A user's project: the package by name, an exported bucket, and its keys.
  const project = t.testdir({ node_modules: {} })
  symlinkSync(ROOT, join(project, 'node_modules', 'verify-trail'))
  symlinkSync(join(ROOT, 'fixtures/cases/plain/example-trail-logs'), join(project, 'exported-bucket'))
  symlinkSync(join(ROOT, 'fixtures/cases/plain/public-keys.json'), join(project, 'public-keys.json'))
  for (const name of PAGES) {
    for (const [i, snippet] of blocks(name, 'js run').entries()) {
      const options = { cwd: project, env: { ...BARE_ENVIRONMENT } }
      const { stdout, stderr } = await execute(process.execPath, ['--input-type=module', '-e', snippet], options)
      t.equal(stderr, '', `${name}, snippet ${i + 1}`)
      t.not(stdout, '', `${name}, snippet ${i + 1} prints something`)
    }
  }
})

t.test('what a terminal picture shows is what the command prints', async (t) => {
  const pictures = blocks('README.md', 'console')
  t.equal(pictures.length, 1)
  for (const picture of pictures) {
    const [command = '', ...shown] = picture.split('\n')
    const words = command.replace(/^\$ (npx )?verify-trail /, '').split(' ')
    const { stdout } = await verifyTrailCommand(words)
    // A line `…` stands for lines that are left out.
    for (const part of shown.join('\n').split('…\n')) t.ok(stdout.includes(part), part)
    t.match(shown.at(-2), /^INVALID: /)
  }
})

t.test('the commands of docs/forensics.md lead from a bucket to a sealed report that still holds', async (t) => {
  const one = readCases().find(({ name }) => name === 'demo')
  if (one === undefined) throw new Error('there is no demo')
  const bucket = one.sources[0] ?? ''
  const keys = JSON.parse(page('fixtures/cases/demo/public-keys.json'))
  const store = await faultyStore({ bucket, objects: storedObjects(one, bucket), publicKeys: withSeconds(keys) })
  t.teardown(() => store.close())
  const folder = t.testdir({ bin: { 'verify-trail': `#!/bin/sh\nexec ${BARE_NODE.join(' ')} '${MAIN}' "$@"\n` } })
  chmodSync(join(folder, 'bin/verify-trail'), 0o755)
  const path = `${join(folder, 'bin')}:${process.env['PATH'] ?? ''}`
  const aws = { AWS_ENDPOINT_URL: store.url, AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x', AWS_REGION: 'us-east-1' }
  const commands = blocks('docs/forensics.md', 'sh run')
  t.equal(commands.length, 10)
  const said: string[] = []
  for (const command of commands) {
    const options = { cwd: folder, env: { ...BARE_ENVIRONMENT, ...aws, PATH: path } }
    const { stdout, stderr, code } = await execute('bash', ['-c', command], options).then(
      (answer) => ({ ...answer, code: 0 }),
      (error: unknown) => error as { stdout: string; stderr: string; code: number },
    )
    // The demo has defects: where its verdict is the exit code, that is 1.
    const judges = /^verify-trail (export|evidence)/.test(command)
    t.equal(code, judges ? 1 : 0, `${command}${stderr}`)
    said.push(stdout)
  }
  t.match(said[4], /^INVALID: LOG_FILE_MISSING 1, LOG_FILE_MODIFIED 1/m)
  t.match(said[8], /^evidence +holds/m)
  t.match(said[8], /^SEALED: the run of \S+ found the trail invalid/m)
  t.match(said[9], /no difference/)
})

t.test('the queries of docs/reports.md answer, where their tools are', async (t) => {
  const dir = t.testdir({})
  const source = join(ROOT, 'fixtures/cases/demo')
  const keys = join(source, 'public-keys.json')
  await verifyTrailCommand([join(source, 'example-trail-logs'), '--public-keys', keys, '-o', join(dir, 'results.ndjson')])
  for (const tool of ['jq', 'duckdb']) {
    const queries = blocks('docs/reports.md', `${tool} run`)
    t.ok(queries.length > 0)
    for (const query of queries) {
      const answer = await execute('bash', ['-c', `command -v ${tool} >/dev/null || exit 99; ${query}`], { cwd: dir }).catch(
        (error: unknown) => error,
      )
      if (typeof answer === 'object' && answer !== null && 'code' in answer && answer.code === 99)
        t.comment(`SKIPPED: no ${tool} here`)
      else t.match(answer, { stdout: /LOG_FILE_MODIFIED|missing/ }, query)
    }
  }
})

t.test('the pages name every option', (t) => {
  const pages = PAGES.map(page).join('\n')
  for (const [name, make] of COMMANDS)
    for (const { long } of make().options) t.ok(long === '--version' || pages.includes(`${long}`), `${name} ${long}`)
  t.end()
})

t.test('docs/findings.md has a heading for each code, with its verdict', async (t) => {
  const headings = [...page('docs/findings.md').matchAll(/^### ([A-Z_]+)\n\n\*(\w+)\*/gm)].map(([, code = '', verdict]) => [
    code,
    verdict,
  ])
  t.strictSame(Object.fromEntries(headings), FINDING_VERDICTS)
})

t.test('docs/threat-model.md: each attack has a case in which its finding must be found', async (t) => {
  const expected = new Map(readCases().map(({ name, expected: { codes } }) => [name, codes]))
  const attacks = page('docs/threat-model.md').match(/^### [\s\S]*?(?=^##)/gm) ?? []
  t.ok(attacks.length > 20)
  for (const attack of attacks) {
    const shown = [...attack.matchAll(/`([A-Z_]{6,})` \(`([a-z0-9-]+)`\)/g)]
    t.ok(shown.length > 0, attack.slice(0, attack.indexOf('\n')))
    for (const [pair, code = '', name = ''] of shown) t.ok(expected.get(name)?.includes(code as FindingCode), pair)
  }
})

t.test('docs/cli.md has every option of the help', async (t) => {
  const text = page('docs/cli.md')
  for (const words of [['--help'], ['keys', '--help'], ['report', '--help']]) {
    const { stdout } = await verifyTrailCommand(words)
    const options = stdout.match(/(?<=^ {2}(-\w, )?)--[a-z-]+/gm) ?? []
    t.ok(options.length > 5)
    for (const option of options) if (!['--help', '--version'].includes(option)) t.match(text, `\`${option}`.slice(0, -1), option)
  }
})

t.test('docs/architecture.md names every runtime dependency with its version', async (t) => {
  const { dependencies } = JSON.parse(page('package.json'))
  for (const [name, version] of Object.entries(dependencies)) t.match(page('docs/architecture.md'), `| ${name} ${version} |`)
})

t.test('links lead somewhere', async (t) => {
  for (const name of [...PAGES, ...EXAMPLES]) {
    for (const [, target = '', anchor] of page(name).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)) {
      const path = target === '' ? name : join(dirname(name), target)
      t.ok(existsSync(join(ROOT, path)), `${name}: ${target}`)
      if (anchor === undefined) continue
      const anchors = [...page(path).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
        heading.toLowerCase().replaceAll('`', '').replaceAll(' ', '-'),
      )
      t.ok(anchors.includes(anchor), `${name}: #${anchor}`)
    }
  }
})

t.test('the README is one screen of prose and one picture', async (t) => {
  t.ok(page('README.md').split('\n').length < 120)
})
