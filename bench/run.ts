/** `npm run bench`: all that fits in some minutes, in one table. `npm run bench -- NAME …`: only these. */
import { cpus } from 'node:os'
import { printRows, type Row } from './row.js'

interface Bench {
  readonly name: string
  run(): Promise<Row[]>
}

const NAMES = ['start', 'measure', 'whole', 'scale', 's3', 'peer', 'export', 'nightly', 'cluster', 'simulation'] as const

const asked = process.argv.slice(2)
const unknown = asked.filter((one) => !NAMES.some((known) => known === one))
if (unknown.length > 0) {
  console.error(`no benchmark ${unknown.join(', ')}; there are: ${NAMES.join(', ')}`)
  process.exit(2)
}
console.log(`Node ${process.version}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}`)
for (const one of NAMES.filter((known) => asked.length === 0 || asked.includes(known))) {
  const bench: Bench = await import(`./${one}.js`)
  const rows = await bench.run()
  if (rows.length > 0) printRows(one, rows)
}
