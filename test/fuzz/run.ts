/**
 * `npm run fuzz`: mutations of real inputs against every parser, and tampered trails against the whole run, for a bounded time.
 * `npm run fuzz -- gzip tar --minutes 10` tries some. What breaks is written to the corpus, from where every test run tries it again.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import fc from 'fast-check'
import { sha256Hex } from '../../src/engine/gzip.js'
import { anyMutated, mutate } from './mutation.js'
import { anyTampered, anyTroubled, runTampered, type Tampered } from './tampered-trails.js'
import type { Target } from './target.js'
import { targets } from './targets.js'

const CORPUS = fileURLToPath(new URL('corpus/', import.meta.url))
const BATCH = 200

/** Tries one batch; a sentence says what broke. */
type Round = (seed: number) => Promise<string | undefined>

function mutations({ name, seeds, check }: Target): Round {
  return async (seed) => {
    const property = fc.asyncProperty(anyMutated, async (mutated) => check(mutate(seeds, mutated)))
    const { failed, counterexample, errorInstance } = await fc.check(property, { seed, numRuns: BATCH })
    if (!failed || counterexample === null) return undefined
    const bytes = mutate(seeds, counterexample[0])
    const path = join(CORPUS, name, sha256Hex(bytes).slice(0, 16))
    mkdirSync(join(CORPUS, name), { recursive: true })
    writeFileSync(path, bytes)
    return `${errorInstance instanceof Error ? errorInstance.message : String(errorInstance)}: ${path}`
  }
}

const neverValid: Round = async (seed) => {
  const property = fc.asyncProperty(anyTampered, async (tampered) => {
    const { run, altered } = await runTampered(tampered)
    return !altered || run.summary.verdict !== 'valid'
  })
  return described(await fc.check(property, { seed, numRuns: BATCH }))
}

const neverInvalid: Round = async (seed) => {
  const property = fc.asyncProperty(anyTroubled, async (troubled) => {
    const { run } = await runTampered(troubled)
    return run.summary.verdict !== 'invalid'
  })
  return described(await fc.check(property, { seed, numRuns: BATCH }))
}

function described(details: fc.RunDetails<[Tampered]>): string | undefined {
  return details.failed
    ? JSON.stringify({ counterexample: details.counterexample, error: String(details.errorInstance) })
    : undefined
}

const rounds = new Map<string, Round>([
  ...targets.map((target) => [target.name, mutations(target)] as const),
  ['tampered-trails', neverValid],
  ['troubled-trails', neverInvalid],
])

const { values, positionals } = parseArgs({ allowPositionals: true, options: { minutes: { type: 'string', default: '5' } } })
const minutes = Number(values.minutes)
const unknown = positionals.filter((name) => !rounds.has(name))
if (unknown.length > 0 || !(minutes > 0 && minutes <= 24 * 60)) {
  console.error(`give --minutes up to 1440, and of these: ${[...rounds.keys()].join(', ')}`)
  process.exit(2)
}

let broken = 0
const names = positionals.length > 0 ? positionals : [...rounds.keys()]
for (const name of names) {
  const end = Date.now() + (minutes * 60_000) / names.length
  let seed = Date.now() % 2 ** 31
  let batches = 0
  let found: string | undefined
  do {
    found = await rounds.get(name)?.(seed++)
    batches++
  } while (found === undefined && Date.now() < end)
  if (found !== undefined) broken++
  console.log(
    `${name.padEnd(18)}${String(batches * BATCH).padStart(9)} inputs  ${found === undefined ? 'nothing found' : `seed ${seed - 1}: ${found}`}`,
  )
}
process.exit(broken > 0 ? 1 : 0)
