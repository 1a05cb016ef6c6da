/**
 * `npm start -- <source> [options]` verifies that source; without arguments it verifies the demo trail of the fixtures.
 * TRIED_VERIFY_TRAIL names another build of the command: CI tries the packed one with it.
 */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const main = process.env.TRIED_VERIFY_TRAIL ?? fileURLToPath(new URL('../dist/cli/main.js', import.meta.url))
const given = process.argv.slice(2)
const words = given.length > 0 ? given : demoArguments()
if (given.length === 0) {
  console.error('A demo trail that has defects on purpose: exit code 1 is its right answer. To verify your own:')
  console.error('  npm start -- s3://bucket[/prefix]        npm start -- <exported bucket> --public-keys <file>\n')
  console.error(`$ verify-trail ${words.join(' ')}`)
}
// What a user names is meant from where npm was called. The command itself sees to interrupts, and says how the run ended.
const cwd = given.length > 0 ? (process.env.INIT_CWD ?? '.') : '.'
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => {})
spawn(process.execPath, [main, ...words], { stdio: 'inherit', cwd }).on('close', (code) => {
  process.exitCode = code ?? 2
})

/** The demo's case.json says how it is verified. */
function demoArguments() {
  const demo = new URL('../fixtures/cases/demo/', import.meta.url)
  const path = (name) => relative('.', fileURLToPath(new URL(name, demo)))
  const { sources, options } = JSON.parse(readFileSync(new URL('case.json', demo), 'utf8'))
  return [
    ...sources.map((source) => path(source)),
    ...(options.publicKeys ? ['--public-keys', path('public-keys.json')] : []),
    ...(options.metadata ? ['--metadata', path('metadata.json')] : []),
    ...(options.startTime ? ['--start-time', options.startTime] : []),
    ...(options.endTime ? ['--end-time', options.endTime] : []),
  ]
}
