import { VerifyTrailError } from '../errors.js'
import { escapeTerminal } from '../reports/escape.js'
import { type CommandLine, parseArguments } from './arguments.js'
import { type Console, logLine, messageOf, say } from './console.js'
import type { ExitCode } from './verify.js'

/** Runs a command line. Never rejects: what went wrong is said on stderr and is exit code 2. */
export async function runCommandLine(words: readonly string[], console: Console): Promise<ExitCode> {
  try {
    const command = parseArguments(words, console.environment)
    const stopping = isVerification(command) ? 'stopping; the report will be marked interrupted' : 'stopping'
    console.interrupted.addEventListener('abort', () => say(console, `${stopping} (once more quits at once)`), { once: true })
    switch (command.command) {
      case 'print':
        console.stdout.write(command.text)
        return 0
      case 'attest':
        return await (await import('./attest.js')).runAttest(command, console)
      case 'cluster':
        return await (await import('./cluster.js')).runCluster(command, console)
      case 'diff':
        return await (await import('./diff.js')).runDiff(command, console)
      case 'export':
        return await (await import('./export.js')).runExport(command, console)
      case 'keys':
        return await (await import('./keys.js')).runKeys(command, console)
      case 'merge':
        return await (await import('./merge.js')).runMerge(command, console)
      case 'plan':
        return await (await import('./plan.js')).runPlan(command, console)
      case 'report':
        return await (await import('./report.js')).runReport(command, console)
      case 'verify':
        return await (await import('./verify.js')).runVerify(command, console)
    }
  } catch (error) {
    if (console.interrupted.aborted) {
      say(console, 'interrupted before anything could be said')
      return 3
    }
    return sayError(error, console)
  }
}

function isVerification({ command }: CommandLine): boolean {
  return command === 'verify' || command === 'export'
}

function sayError(error: unknown, console: Console): 2 {
  if (error instanceof VerifyTrailError) {
    say(console, error.message, 'error')
    return 2
  }
  say(console, `unexpected error, please report it: ${messageOf(error)}`, 'error')
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  if (console.logJson) {
    console.stderr.write(logLine('error', { stack }))
    return 2
  }
  for (const line of stack.split('\n').slice(1)) console.stderr.write(`${escapeTerminal(line)}\n`)
  return 2
}
