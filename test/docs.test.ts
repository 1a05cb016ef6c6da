/** The documentation says what is so: its snippets run, its lists are complete, its links lead somewhere. */
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { FINDING_VERDICTS, type FindingCode } from '../src/core/findings.js'
import { readCases } from './support/cases.js'
import { BARE_ENVIRONMENT, ROOT, verifyTrailCommand } from './support/command.js'

const execute = promisify(execFile)
const PAGES = [
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`),
]
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
  for (const name of PAGES) {
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
