/** A month verified once, and again the next night with the same state: requests and bytes of a store. `npx tsx bench/nightly.ts` after a build. */
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { verifyTrailCommand } from '../test/support/command.js'
import { faultyStore, objectsOf, send } from '../test/support/faulty-store.js'
import type { PutObject } from '../test/support/put-objects.js'
import { generate } from './generated-source.js'

const MONTH = { accounts: 1, regions: 1, hours: 720, logFilesPerHour: 20, logFileBytes: 4000 }
const ENV = { AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: 'x', AWS_REGION: 'us-east-1' }

const { bucket, source, publicKeyList, startTime, endTime, logFiles } = generate(MONTH)
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
  const nights: { requests: number; bytes: number }[] = []
  for (const night of [1, 2]) {
    let bytes = 0
    store.misbehave(() => (answer, response) => {
      bytes += answer.body.length
      send(answer, response)
    })
    const { code, stderr } = await verifyTrailCommand([...words, '--start-time', startTime, '--end-time', endTime], { env: ENV })
    if (code !== 0) throw new Error(stderr)
    nights.push({ requests: store.requests(), bytes })
    console.log(`night ${night}: ${store.requests()} requests, ${bytes} bytes; the state has ${statSync(state).size} bytes`)
  }
  const [first, second] = nights
  if (first !== undefined && second !== undefined) {
    const times = (a: number, b: number): string => (a / b).toFixed(1)
    const [requests, bytes] = [times(first.requests, second.requests), times(first.bytes, second.bytes)]
    console.log(`${logFiles} log files: ${requests} times fewer requests, ${bytes} times fewer bytes`)
  }
} finally {
  store.close()
  rmSync(folder, { recursive: true, force: true })
}
