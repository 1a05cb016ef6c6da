/** The start of the command beside that of Node itself. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { median } from './child.js'
import type { Row } from './row.js'

export const name = 'start'

const ROUNDS = 21

export async function run(): Promise<Row[]> {
  const command = 'dist/cli/main.js'
  if (!existsSync(command)) throw new Error(`${command} is not there: npm run build`)
  const ours: number[] = []
  const node: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    ours.push(wall([command, '--version']))
    node.push(wall(['-e', '0']))
  }
  const [mine, limit] = [median(ours), median(node)]
  return [
    {
      what: 'verify-trail --version, wall',
      ours: `${mine.toFixed(0)} ms`,
      limit: `${limit.toFixed(0)} ms (node -e 0)`,
      ratio: mine / limit,
      target: 1.6,
      better: 'less',
    },
  ]
}

function wall(args: readonly string[]): number {
  const before = performance.now()
  const { status } = spawnSync(process.execPath, args, { stdio: 'ignore' })
  if (status !== 0) throw new Error(`node ${args.join(' ')} failed`)
  return performance.now() - before
}
