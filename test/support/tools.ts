/** Tools that make exports: installed where the tests run as root. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** Whether a tool of `tools.sh` is here; in CI it is an error where none is. */
export function hasTool(tool: 'bsdtar' | 'zip' | 'setfattr' | 'hashdeep' | 'bash' | 'zsh' | 'fish' | 'mandoc'): boolean {
  if (isHere(tool)) return true
  if (process.getuid?.() === 0) spawnSync('bash', [fileURLToPath(new URL('tools.sh', import.meta.url))], { stdio: 'ignore' })
  if (isHere(tool)) return true
  if (process.env['CI'] !== undefined) throw new Error(`no ${tool}, and CI never skips`)
  return false
}

function isHere(tool: string): boolean {
  return spawnSync(tool, ['--version'], { stdio: 'ignore' }).error === undefined
}
