import { spawn } from 'node:child_process'
import { appendFile, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { Journal } from '../../src/state/journal.js'

const KEY = Buffer.from('a key of the operator')
const folder = await mkdtemp(join(tmpdir(), 'verify-trail-journal-'))

async function records(path: string, key?: Uint8Array): Promise<unknown[]> {
  const found: unknown[] = []
  const journal = await Journal.open(path, key, (record) => void found.push(record))
  await journal.close()
  return found
}

async function written(name: string, count: number, key?: Uint8Array): Promise<string> {
  const path = join(folder, name)
  const journal = await Journal.open(path, key, () => undefined)
  for (let n = 0; n < count; n++) await journal.append({ n, text: 'ä\n"' })
  await journal.close()
  return path
}

const THREE = [0, 1, 2].map((n) => ({ n, text: 'ä\n"' }))

t.test('cut at every byte, whole lines are read, the torn one is cut, and it goes on behind them', async (t) => {
  const bytes = await readFile(await written('whole', 3))
  const path = join(folder, 'cut')
  for (let length = 0; length <= bytes.length; length++) {
    await writeFile(path, bytes.subarray(0, length))
    const lines = bytes.subarray(0, length).toString('latin1').split('\n').length - 1
    const journal = await Journal.open(path, undefined, () => undefined)
    await journal.append({ more: true })
    await journal.close()
    t.strictSame(await records(path), [...THREE.slice(0, lines), { more: true }])
  }
})

t.test('a changed byte, a line left out, put twice or in another order, another key: refused', async (t) => {
  for (const key of [undefined, KEY]) {
    const bytes = await readFile(await written(`of-${key === undefined}`, 3, key))
    const path = join(folder, 'edited')
    for (let at = 0; at < bytes.length - 1; at++) {
      const edited = Buffer.from(bytes)
      edited[at] = (edited[at] as number) ^ 1
      await writeFile(path, edited)
      await t.rejects(records(path, key), { code: 'ERR_STATE' }, `byte ${at}`)
    }
    const [a, b, c] = bytes.toString().split('\n')
    for (const lines of [
      [b, c],
      [a, c],
      [a, a, b, c],
      [b, a, c],
    ]) {
      await writeFile(path, `${lines.join('\n')}\n`)
      await t.rejects(records(path, key), { code: 'ERR_STATE' })
    }
    await writeFile(path, bytes)
    await t.rejects(records(path, Buffer.from('other')), { code: 'ERR_STATE' })
    t.strictSame(await records(path, key), THREE)
  }
  const path = await written('planted', 1)
  await appendFile(path, 'not ours\n')
  await t.rejects(records(path), { code: 'ERR_STATE', message: /line 2/ })
})

t.test('killed at random moments, the records are a prefix that only grows', async (t) => {
  const path = join(folder, 'killed')
  const module = pathToFileURL(join(import.meta.dirname, '../../dist/state/journal.js')).href
  const program = `import { Journal } from ${JSON.stringify(module)}
let n = 0
const journal = await Journal.open(process.argv[1], undefined, () => n++)
for (;;) { await journal.append({ n: n++, text: 'x'.repeat(n % 5000) }); if (n % 100 === 0) process.stdout.write('.') }`
  let before = 0
  for (let kill = 0; kill < 5; kill++) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program, path], { stdio: ['ignore', 'pipe', 'inherit'] })
    const gone = new Promise((resolve) => child.once('exit', resolve))
    await Promise.race([new Promise((resolve) => child.stdout.once('data', resolve)), gone])
    setTimeout(() => child.kill('SIGKILL'), Math.random() * 60)
    await gone
    const found = (await records(path)) as { n: number }[]
    t.ok(found.length > before && found.every(({ n }, at) => n === at))
    before = found.length
  }
})
