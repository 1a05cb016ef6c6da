import { getHeapSpaceStatistics, setFlagsFromString } from 'node:v8'

/** In bytes, both halves together; by itself V8 goes to 32 MiB. Less costs time. */
const NEW_SPACE = 8 * 2 ** 20

/**
 * Keeps a run small beside other work; by itself V8 is sooner done, but not by much here. The heap may grow by a tenth over what is
 * alive before garbage is looked for, not three to four times; the space of new objects does not grow once it has some room. V8
 * looks at both each time it has collected, so they may be set while it runs; that space's limit it takes at its start only.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--heap-growing-percent=10')
  const alive: object[] = []
  while (newSpace() < NEW_SPACE && alive.length < 1e6) for (let i = 0; i < 10_000; i++) alive.push({})
  setFlagsFromString('--semi-space-growth-factor=1')
}

function newSpace(): number {
  return getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space')?.space_size ?? NEW_SPACE
}
