#!/usr/bin/env node
/** The command: the only place that reads the process's arguments, environment and signals. */
import { escapeTerminal } from '../reports/escape.js'
import { VERSION } from '../version.js'
import { keepHeapSmall } from './heap.js'

const LINGER_MS = 1000
const words = process.argv.slice(2)
if (words.length === 1 && words[0] === '--version') process.stdout.write(`${VERSION}\n`)
else await main()

async function main(): Promise<void> {
  keepHeapSmall()
  // A crash must not look like a verdict: Node's own exit code for it is 1.
  const logJson = logsJson(words, process.env)
  process.on('uncaughtException', (error) => {
    const message = `unexpected error, please report it: ${error.stack ?? error.message}`
    process.stderr.write(
      logJson ? `${JSON.stringify({ level: 'error', message })}\n` : `verify-trail: ${escapeTerminal(message)}\n`,
    )
    process.exit(2)
  })
  process.stderr.on('error', () => undefined)
  process.stdout.on('error', () => undefined)
  const { runCommandLine } = await import('./run.js')
  const { stdout, stderr, env: environment } = process
  const interrupted = interruption()
  process.exitCode = await runCommandLine(words, { stdout, stderr, environment, logJson, interrupted })
  // BullMQ tries a Redis that went away for ever, though nobody waits for it any more.
  if (interrupted.aborted && words[0] === 'cluster') setTimeout(() => process.exit(), LINGER_MS).unref()
}

/** Known before the command line is: what is wrong with that is said so too. */
function logsJson(words: readonly string[], { VERIFY_TRAIL_LOG_JSON: set = '' }: NodeJS.ProcessEnv): boolean {
  return words.includes('--log-json') || /^(?:1|true|yes|on)$/i.test(set)
}

/** The first SIGINT or SIGTERM asks for a clean stop, the second one ends the process. */
function interruption(): AbortSignal {
  const controller = new AbortController()
  const interrupt = () => {
    if (controller.signal.aborted) process.exit(130)
    controller.abort()
  }
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt)
  return controller.signal
}
