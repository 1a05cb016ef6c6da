/** A short round of `npm run fuzz`: cases that were found, and some of every kind. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import t from 'tap'
import { anyMutated, mutate } from './fuzz/mutation.js'
import { anyTampered, anyTroubled, runTampered, trails } from './fuzz/tampered-trails.js'
import { targets } from './fuzz/targets.js'

const CORPUS = fileURLToPath(new URL('./fuzz/corpus/', import.meta.url))

for (const { name, seeds, check, short } of targets) {
  t.test(`whatever the bytes are: ${name}`, async (t) => {
    const folder = join(CORPUS, name)
    const found = existsSync(folder) ? readdirSync(folder) : []
    for (const file of found) {
      await check(readFileSync(join(folder, file)))
      t.pass(`found before: ${file}`)
    }
    for (const seed of seeds) await check(seed)
    await fc.assert(
      fc.asyncProperty(anyMutated, async (mutated) => check(mutate(seeds, mutated))),
      { numRuns: short },
    )
    t.pass(`${short} inputs`)
  })
}

const RUNS = 250

t.test('what somebody changed, removed or planted is never valid', async (t) => {
  t.ok(trails.length >= 6, 'there are trails to tamper with')
  await fc.assert(
    fc.asyncProperty(anyTampered, async (tampered) => {
      const { run, altered } = await runTampered(tampered)
      return !altered || run.summary.verdict !== 'valid'
    }),
    { numRuns: RUNS },
  )
  t.pass(`${RUNS} trails`)
})

t.test('what could not be looked at, or lost its metadata, is never invalid', async (t) => {
  await fc.assert(
    fc.asyncProperty(anyTroubled, async (troubled) => {
      const { run } = await runTampered(troubled)
      return run.summary.verdict !== 'invalid'
    }),
    { numRuns: RUNS },
  )
  t.pass(`${RUNS} trails`)
})
