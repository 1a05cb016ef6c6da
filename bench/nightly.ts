/** A month verified once, and again the next night with the same state: requests of a store, and bytes of its answers. */
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { faultyStore, objectsOf, send } from '../test/support/faulty-store.js'
import type { PutObject } from '../test/support/put-objects.js'
import { type GeneratedOptions, generate } from './generated-source.js'
import type { Row } from './row.js'

export const name = 'nightly'

const COMMAND = 'dist/cli/main.js'
/** As stored: 1.1 KB and 20 KB. */
const SIZES = [
  { stored: '1.1 KB', logFileBytes: 4000 },
  { stored: '20 KB', logFileBytes: 77_000 },
] as const
const MONTH = { accounts: 1, regions: 1, hours: 720, logFilesPerHour: 20 }
const SPARSE = { accounts: 1, regions: 1, logFilesPerHour: 1, logFileBytes: 400 }
const ENVIRONMENT = { AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x', AWS_REGION: 'us-east-1' }

interface Night {
  readonly requests: number
  readonly bytes: number
  readonly stateBytes: number
}

export async function run(): Promise<Row[]> {
  const rows: Row[] = []
  for (const { stored, logFileBytes } of SIZES) {
    const [first, second] = await nights({ ...MONTH, logFileBytes })
    const what = `720 digests and 14,400 log files of ${stored}, the second night`
    const count = (night: Night): string => night.requests.toLocaleString('en')
    const size = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`
    const target = 50
    rows.push(
      {
        what: `${what}: requests`,
        ours: count(second),
        limit: `${count(first)} (the first)`,
        ratio: first.requests / second.requests,
        target,
        better: 'more',
      },
      {
        what: `${what}: bytes`,
        ours: size(second.bytes),
        limit: `${size(first.bytes)} (the first; the state has ${size(second.stateBytes)})`,
        ratio: first.bytes / second.bytes,
        target,
        better: 'more',
      },
    )
  }
  return [...rows, await growth()]
}

/** What is settled becomes one entry for each month of a chain. */
async function growth(): Promise<Row> {
  const [[, month], [, months]] = [await nights({ ...SPARSE, hours: 720 }), await nights({ ...SPARSE, hours: 7200 })]
  const size = ({ stateBytes }: Night): string => `${(stateBytes / 1e6).toFixed(2)} MB`
  return {
    what: 'the state of ten months, 7,200 digests and 7,200 log files',
    ours: size(months),
    limit: `${size(month)} (that of a month)`,
    ratio: months.stateBytes / month.stateBytes,
    target: 2,
    better: 'less',
  }
}

async function nights(trail: GeneratedOptions): Promise<[Night, Night]> {
  const { bucket, source, publicKeyList, startTime, endTime } = generate(trail)
  const objects = new Map<string, PutObject>()
  const modified = Date.parse('2026-05-01T00:00:00Z')
  for (const [key, object] of await objectsOf(source)) objects.set(key, { ...object, modified })
  const store = await faultyStore({ bucket, objects, publicKeys: {} })
  const folder = mkdtempSync(join(tmpdir(), 'verify-trail-nightly-'))
  try {
    const keys = join(folder, 'keys.json')
    const state = join(folder, 'state')
    writeFileSync(keys, publicKeyList)
    const words = [`s3://${bucket}`, '--public-keys', keys, '--endpoint-url', store.url, '--quiet', '--state', state]
    const night = async (): Promise<Night> => {
      let bytes = 0
      store.misbehave(() => (answer, response) => {
        bytes += answer.body.length
        send(answer, response)
      })
      const env = { ...process.env, ...ENVIRONMENT }
      await promisify(execFile)(process.execPath, [COMMAND, ...words, '--start-time', startTime, '--end-time', endTime], { env })
      return { requests: store.requests(), bytes, stateBytes: statSync(state).size }
    }
    return [await night(), await night()]
  } finally {
    store.close()
    rmSync(folder, { recursive: true, force: true })
  }
}
