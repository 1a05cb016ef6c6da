import type { Writable } from 'node:stream'
import { styleText } from 'node:util'
import { escapeTerminal } from '../reports/escape.js'
import { stableJson } from '../reports/stable-json.js'
import type { TerminalReportOptions } from '../reports/terminal.js'

/** A stream that may be a terminal. */
export type Output = Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number }

/** What a command sees of the process: read once, in main.ts. */
export interface Console {
  /** The report, and nothing else. */
  readonly stdout: Output
  /** Progress, messages and errors. */
  readonly stderr: Output
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Whether what goes to stderr is JSON, one object a line (`--log-json`). */
  readonly logJson: boolean
  /** Aborted by the first SIGINT or SIGTERM. */
  readonly interrupted: AbortSignal
}

export type Level = 'info' | 'error'

/** A line of `--log-json`. */
export function logLine(level: Level, record: Readonly<Record<string, unknown>>): string {
  return `${stableJson({ time: new Date().toISOString(), level, ...record })}\n`
}

/** Back to the left edge, over what stands there. */
export const CLEAR_LINE = '\r\x1b[2K'

/** Whether stderr is a terminal on which a line can be written over. */
export function isRewritable({ stderr, environment, logJson }: Pick<Console, 'stderr' | 'environment' | 'logJson'>): boolean {
  return stderr.isTTY === true && !logJson && environment['TERM'] !== 'dumb' && !environment['CI']
}

/** A line for the user on stderr, on one line and safe to show whatever it quotes. A line of progress gives way to it. */
export function say(console: Pick<Console, 'stderr' | 'environment' | 'logJson'>, message: string, level: Level = 'info'): void {
  if (console.logJson) {
    console.stderr.write(logLine(level, { message }))
    return
  }
  const above = isRewritable(console) ? CLEAR_LINE : ''
  console.stderr.write(`${above}verify-trail: ${escapeTerminal(message.replace(/\s*\n\s*/g, ' ').trim())}\n`)
}

/** The size and letters of the terminal that stdout is; undefined where it is none, or where nobody looks on (`CI`). */
export function terminalLook({
  stdout,
  environment,
}: Pick<Console, 'stdout' | 'environment'>): TerminalReportOptions | undefined {
  if (stdout.isTTY !== true || environment['CI']) return undefined
  const { LC_ALL, LC_CTYPE, LANG } = environment
  const locale = LC_ALL || LC_CTYPE || LANG || ''
  // Where letters are two columns wide, a block may be so too.
  const unicode = /utf-?8/i.test(locale) && !/^(ja|ko|zh)/.test(locale)
  // Of a terminal that does not know its size, both are 0.
  return { columns: stdout.columns || 80, rows: stdout.rows || 24, unicode }
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
