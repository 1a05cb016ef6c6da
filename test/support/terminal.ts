/** Runs the built command in a real terminal: a pty of `script`, of util-linux. */
import { spawn, spawnSync } from 'node:child_process'
import { BARE_ENVIRONMENT, BARE_NODE, MAIN, ROOT } from './command.js'

export interface TerminalOptions {
  readonly columns?: number
  readonly rows?: number
  readonly env?: Readonly<Record<string, string>>
  /** Shell text after the command, such as a redirection. */
  readonly after?: string
  /** What the user presses once the text is seen. */
  readonly press?: { readonly keys: string; readonly whenSeen: RegExp }
}

export interface Seen {
  readonly code: number | null
  /** All that was written to the terminal. */
  readonly written: string
  /** What stands on it in the end, with what was scrolled away; without colours. */
  readonly lines: readonly string[]
}

/** Debian has it on every machine. */
export const HAS_TERMINAL: boolean = spawnSync('script', ['--version']).status === 0

export function inTerminal(words: readonly string[], options: TerminalOptions = {}): Promise<Seen> {
  const { columns = 80, rows = 24, env = {}, after = '', press } = options
  const command = [...BARE_NODE, MAIN, ...words].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ')
  const child = spawn(
    'script',
    ['--quiet', '--return', '--flush', '--command', `stty cols ${columns} rows ${rows}; exec ${command} ${after}`, '/dev/null'],
    {
      cwd: ROOT,
      env: { ...BARE_ENVIRONMENT, TERM: 'xterm-256color', LANG: 'C.UTF-8', SHELL: '/bin/sh', ...env },
    },
  )
  let written = ''
  let pressed = false
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    written += text
    if (press === undefined || pressed || !press.whenSeen.test(written)) return
    pressed = true
    child.stdin.write(press.keys)
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (code) => resolve({ code, written, lines: linesOf(written) }))
  })
}

/** What text leaves on a terminal that is wide enough: carriage returns, erased lines and colours are understood. */
function linesOf(written: string): string[] {
  const lines: string[][] = [[]]
  let column = 0
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is what a terminal reads
  for (const [token] of written.matchAll(/\x1b\[[\d;]*[A-Za-z]|[\s\S]/gu)) {
    const line = lines.at(-1) as string[]
    if (token === '\n') lines.push([])
    else if (token === '\r') column = 0
    else if (token === '\x1b[2K') line.length = 0
    else if (!token.startsWith('\x1b[')) {
      while (line.length < column) line.push(' ')
      line[column++] = token
    }
  }
  return lines.map((line) => line.join('').trimEnd())
}
