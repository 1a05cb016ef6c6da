/**
 * The law of `--state`: whatever becomes of a bucket, each night's run with a state says what a run without one says at that moment,
 * outside of `run`. A history is a seed: NIGHTS_SEED is the first one, NIGHTS_RUNS how many there are.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { keyFile } from '../fixtures/case.js'
import { publicKeyEntry, testKey } from '../fixtures/keys.js'
import { readPublicKeyFile } from '../src/index.js'
import { KEYS } from './support/nights/growing-bucket.js'
import { history, Tally } from './support/nights/history.js'

const RUNS = Number(process.env['NIGHTS_RUNS'] ?? 5)
const SEED = Number(process.env['NIGHTS_SEED'] ?? Math.floor(Math.random() * 1_000_000))
const ENV = { AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x', AWS_REGION: 'us-east-1' }
const VALID = { ValidityStartTime: '2026-01-01T00:00:00Z', ValidityEndTime: '2026-12-31T00:00:00Z' }

t.test('over any history of a bucket, a night with a state says what it says without one', async (t) => {
  const before = { ...process.env }
  Object.assign(process.env, ENV)
  const folder = mkdtempSync(join(tmpdir(), 'verify-trail-nights-'))
  t.teardown(() => {
    process.env = before
    rmSync(folder, { recursive: true, force: true })
  })
  const keys = join(folder, 'keys.json')
  writeFileSync(keys, keyFile(KEYS.map((name) => publicKeyEntry(testKey(name), VALID))))
  const publicKeys = await readPublicKeyFile(keys)
  const tally = new Tally()
  for (let seed = SEED; seed < SEED + RUNS; seed++) {
    const path = join(folder, `state-${seed}`)
    const differs = await history({ seed, path, publicKeys, tally })
    if (differs !== undefined) {
      t.fail(differs.what)
      t.comment(differs.how)
    }
    rmSync(path, { force: true })
  }
  const counted = (name: string): number => tally.counts.get(name) ?? 0
  t.ok(counted('log files carried over') > 0, `${counted('nights')} nights of ${counted('histories')} histories`)
  if (process.env['NIGHTS_RUNS'] !== undefined)
    for (const [name, count] of [...tally.counts].sort(([a], [b]) => (a < b ? -1 : 1))) t.comment(`${count} ${name}`)
})
