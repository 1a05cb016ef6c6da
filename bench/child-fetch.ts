/** What an HTTP client alone takes for the same log files, unsigned and unchecked: `child-fetch ORIGIN BUCKET CONCURRENCY` */
import { Pool } from 'undici'
import { reportCost } from './child.js'

const [, , origin = '', bucket = '', concurrency = '1'] = process.argv
const pool = new Pool(origin)

async function get(path: string): Promise<Buffer> {
  const { statusCode, body } = await pool.request({ path: `/${bucket}/${path}`, method: 'GET' })
  if (statusCode !== 200) throw new Error(`${statusCode} for ${path}`)
  return Buffer.from(await body.arrayBuffer())
}

const keys: string[] = []
for (let before = -1; keys.length > before; ) {
  before = keys.length
  const page = await get(`?list-type=2&start-after=${encodeURIComponent(keys.at(-1) ?? '')}`)
  keys.push(...Array.from(page.toString().matchAll(/<Key>([^<]*)<\/Key>/g), ([, key = '']) => key))
}
const logFiles = keys.filter((key) => key.includes('/CloudTrail/'))
const startedAt = Date.now()
let next = 0
const fetchSome = async (): Promise<void> => {
  for (let key = logFiles[next++]; key !== undefined; key = logFiles[next++]) await get(key)
}
await Promise.all(Array.from({ length: Number(concurrency) }, fetchSome))
reportCost(startedAt, String(logFiles.length))
await pool.close()
