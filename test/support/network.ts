/** Machines on a network of their own: namespaces of Linux. Where they may not be made, tests say so and go on without. */
import { spawnSync } from 'node:child_process'

export interface Machine {
  /** What runs a command on it. */
  readonly by: readonly string[]
  /** Where this machine is reached from there. */
  readonly host: string
  /** As a cable that is pulled: nothing is refused, and nothing arrives. */
  unplug(): void
  plugIn(): void
  remove(): void
}

const ip = (...words: string[]): boolean => spawnSync('ip', words, { stdio: 'ignore' }).status === 0

/** Undefined where this machine does not allow it. `number`: from 0 to 63, each its own. */
export function machine(number: number): Machine | undefined {
  const name = `vt-${process.pid}-${number}`
  const [here, there] = [`${name}h`.slice(-15), `${name}t`.slice(-15)]
  const [host, address] = [1, 2].map((last) => `10.213.${number}.${last}`) as [string, string]
  const remove = (): void => void ip('netns', 'del', name)
  const made =
    ip('netns', 'add', name) &&
    ip('link', 'add', here, 'type', 'veth', 'peer', 'name', there, 'netns', name) &&
    ip('address', 'add', `${host}/30`, 'dev', here) &&
    ip('link', 'set', here, 'up') &&
    ip('-n', name, 'address', 'add', `${address}/30`, 'dev', there) &&
    ip('-n', name, 'link', 'set', there, 'up')
  if (!made) {
    remove()
    return undefined
  }
  const set = (state: string) => (): void => void ip('-n', name, 'link', 'set', there, state)
  return { by: ['ip', 'netns', 'exec', name], host, unplug: set('down'), plugIn: set('up'), remove }
}
