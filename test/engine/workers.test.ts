/** Worker threads: nothing is lost when one ends. That results are the same as without them: test/cases.test.ts. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import type { CopyFact } from '../../src/core/judge-log-file.js'
import { WorkerPool } from '../../src/engine/worker-pool.js'
import { directorySource, memorySource, type Source } from '../../src/index.js'
import { casePath } from '../support/cases.js'

/** A module whose source ends the thread that reads a key with `deadly` in it: always, or only the first time. */
const DEADLY = `
import { existsSync, writeFileSync } from 'node:fs'
const body = Buffer.from('{}')
export const open = async (marker) => ({
  name: 'deadly', kind: 'export',
  readNow(key) {
    if (key.includes('always')) process.exit(7)
    if (key.includes('once') && !existsSync(marker)) { writeFileSync(marker, ''); process.exit(7) }
    if (key.includes('throws')) throw new Error('not of this world')
    return { kind: 'object', body }
  },
})
`

for (const way of ['reads', 'fetches'] as const)
  t.test(`a worker that ends loses nothing of what it ${way}`, async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'verify-trail-workers-'))
    t.teardown(() => rmSync(folder, { recursive: true, force: true }))
    writeFileSync(join(folder, 'deadly.mjs'), DEADLY)
    const address = { module: pathToFileURL(join(folder, 'deadly.mjs')).href, name: 'open', args: [join(folder, 'marker')] }
    const readThere: Source['readThere'] = async (_key, _options, there) => ({ kind: 'done', result: await there(address) })
    const given = way === 'reads' ? { address } : { readThere }
    const source: Source = Object.assign(memorySource({ name: 'deadly', objects: new Map() }), given)
    const limit = <T>(read: () => Promise<T>): Promise<T> => read()
    const signal = new AbortController().signal
    const pool = new WorkerPool({ maxInflatedBytes: 1024, twice: false, signal, limit, concurrency: 8 }, 2)
    const keys = Array.from({ length: 200 }, (_, n) => `key-${n}`)
    keys[20] = 'once'
    keys[100] = 'always'
    keys[150] = 'throws'
    const facts: CopyFact[] = await Promise.all(keys.map((key) => pool.measure({ source, key, size: 2 })))
    await pool.close()
    t.strictSame(
      keys.filter((_, n) => facts[n]?.kind !== 'measured'),
      ['always', 'throws'],
      'only what ends every worker is not measured',
    )
    t.match(facts[100], { kind: 'unreadable', reason: 'io' }, 'and it is unreadable, not invalid')
  })

t.test('an aborted pool answers no more', async (t) => {
  const stop = new AbortController()
  const source = await directorySource(join(casePath('plain'), 'example-trail-logs'))
  const limit = <T>(read: () => Promise<T>): Promise<T> => read()
  const pool = new WorkerPool({ maxInflatedBytes: 1024, twice: false, signal: stop.signal, limit, concurrency: 8 }, 1)
  const fact = Promise.resolve(pool.measure({ source, key: 'none', size: undefined }))
  stop.abort()
  await t.rejects(fact, { name: 'AbortError' }, 'what was asked is refused')
})
