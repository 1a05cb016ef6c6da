/** Measuring alone: `child-measure DIRECTORY`. Listing is not part of what it says. */
import { closeSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { measureBytes } from '../src/engine/measure.js'

const [, , directory = ''] = process.argv
const paths = readdirSync(directory, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.parentPath.includes('/CloudTrail/'))
  .map((entry) => join(entry.parentPath, entry.name))
const before = process.cpuUsage()
const startedAt = Date.now()
let buffer = Buffer.allocUnsafeSlow(1 << 20)
for (const path of paths) {
  const file = openSync(path, 'r')
  const { size } = fstatSync(file)
  if (size > buffer.length) buffer = Buffer.allocUnsafeSlow(size * 2)
  readSync(file, buffer, 0, size, 0)
  closeSync(file)
  const measurement = measureBytes(buffer.subarray(0, size), 2 ** 31)
  if (measurement.kind !== 'measured' || measurement.damage !== null) throw new Error(path)
}
const { user, system } = process.cpuUsage(before)
const cost = { cpu: (user + system) / 1e6, wallMs: Date.now() - startedAt, maxRssMb: 0, answer: `${paths.length}` }
console.log(JSON.stringify(cost))
