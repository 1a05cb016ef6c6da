/** Runs a part of a benchmark in a process of its own, so that its CPU time and memory are its own. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export interface ChildCost {
  /** User and system CPU time in seconds. */
  readonly cpu: number
  readonly wallMs: number
  readonly maxRssMb: number
  readonly answer: string
}

/** A module beside this one whose main prints one line and whose last line is what `reportCost` prints. */
export function runChild(module: string, args: readonly string[], flags: readonly string[] = []): ChildCost {
  const path = fileURLToPath(new URL(`./${module}.js`, import.meta.url))
  const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, path, ...args], { encoding: 'utf8', maxBuffer: 1e8 })
  const line = stdout.trimEnd().split('\n').at(-1)
  if (status !== 0 || line === undefined) throw new Error(`${module} ${args.join(' ')} failed: ${stderr}`)
  const cost: ChildCost = JSON.parse(line)
  return cost
}

/** To be called at the end of a child: what the whole process cost, its start included. */
export function reportCost(startedAt: number, answer: string): void {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage()
  const cost: ChildCost = {
    cpu: (userCPUTime + systemCPUTime) / 1e6,
    wallMs: Date.now() - startedAt,
    maxRssMb: maxRSS / 1024,
    answer,
  }
  console.log(JSON.stringify(cost))
}

export function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN
}
