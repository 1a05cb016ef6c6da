import type { Writable } from 'node:stream'
import { styleText } from 'node:util'
import { escapeTerminal } from '../reports/escape.js'

/** A stream that may be a terminal. */
export type Output = Writable & { readonly isTTY?: boolean; readonly columns?: number }

/** What a command sees of the process: read once, in main.ts. */
export interface Console {
  /** The report, and nothing else. */
  readonly stdout: Output
  /** Progress, messages and errors. */
  readonly stderr: Output
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Aborted by the first SIGINT or SIGTERM. */
  readonly interrupted: AbortSignal
}

/** A line for the user on stderr, on one line and safe to show whatever it quotes. */
export function say(console: Pick<Console, 'stderr'>, message: string): void {
  console.stderr.write(`verify-trail: ${escapeTerminal(message.replace(/\s*\n\s*/g, ' ').trim())}\n`)
}

/** Whether styleText colours for a stream: it knows NO_COLOR, FORCE_COLOR, pipes and dumb terminals. */
export function showsColours(stream: Output): boolean {
  return styleText('red', '-', { stream }) !== '-'
}

/** What went wrong, as a sentence: of a system error its words, without code, call and path. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return systemCode(error) === undefined ? error.message : error.message.replace(/^[A-Z0-9]+: (.+?), \w+( '.*')?$/s, '$1')
}

/** The code of a system error, such as `ENOENT`. */
export function systemCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
