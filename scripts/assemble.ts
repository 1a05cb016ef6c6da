/** Writes src/engine/inflate-module.ts from assembly/inflate.ts: `npm run assemble`. A test compares it. */
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import asc from 'assemblyscript/asc'

/** Where tables and the window lie is said in the source; the compiler's own data lie behind them. */
const OPTIONS = [
  ...['-O3', '--converge', '--runtime', 'stub', '--noAssert', '--use', 'abort=', '--enable', 'simd'],
  ...['--memoryBase', '1453056', '--initialMemory', '23', '--maximumMemory', '23'],
]

export async function inflateModule(): Promise<string> {
  let bytes: Uint8Array | undefined
  const { error, stderr } = await asc.main(['assembly/inflate.ts', ...OPTIONS, '--outFile', 'inflate.wasm'], {
    writeFile: (_, contents) => {
      bytes = Buffer.from(contents)
    },
  })
  if (error !== null || bytes === undefined) throw new Error(stderr.toString())
  const text = Buffer.from(bytes).toString('base64')
  const lines = text.match(/.{1,120}/g) ?? []
  return [
    '/** Made by `npm run assemble` of assembly/inflate.ts. */',
    'export const INFLATE_MODULE: string =',
    ...lines.map((line, n) => `  '${line}'${n < lines.length - 1 ? ' +' : ''}`),
    '',
  ].join('\n')
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(new URL('../src/engine/inflate-module.ts', import.meta.url), await inflateModule())
}
