/** Runs the built command, as a user would: `npm test` builds it first. */
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export const ROOT: string = fileURLToPath(new URL('../../', import.meta.url))
export const MAIN: string = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

/** Node as a user starts it: tap puts loaders of its own into NODE_OPTIONS of every child, and of each worker of that. */
export const BARE_NODE: readonly [string, ...string[]] = ['/usr/bin/env', '-u', 'NODE_OPTIONS', process.execPath]

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  /** What runs it, such as `ip netns exec NAME`. */
  readonly by?: readonly string[]
  /** Options of Node itself. */
  readonly node?: readonly string[]
  /** Called once the process runs. */
  readonly started?: (child: ChildProcess) => void
}

/** An environment without the settings of whoever runs the tests. */
export const BARE_ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: process.env['PATH'] ?? '',
  HOME: '/nonexistent',
  AWS_EC2_METADATA_DISABLED: 'true',
}

export function verifyTrailCommand(words: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const { cwd = ROOT, env = {}, by = [], node = [], started } = options
  const [program = '', ...first] = [...by, ...BARE_NODE]
  const child = spawn(program, [...first, ...node, MAIN, ...words], { cwd, env: { ...BARE_ENVIRONMENT, ...env } })
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
  started?.(child)
  return new Promise((resolve, reject) => {
    child.on('error', reject).on('close', (code) => {
      resolve({ code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() })
    })
  })
}
