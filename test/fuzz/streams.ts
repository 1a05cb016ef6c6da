/** Compressed streams, archives and saved reports of anybody's. */
import { createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { constants, deflateRawSync, gunzipSync, gzipSync } from 'node:zlib'
import { measureCarefully, measureChunksCarefully, sha256Hex } from '../../src/engine/gzip.js'
import { measureBytes, measureChunks } from '../../src/engine/measure.js'
import {
  archiveSource,
  directorySource,
  jsonReport,
  ndjsonReport,
  readReport,
  type Source,
  VerifyTrailError,
} from '../../src/index.js'
import { isSafeKey } from '../../src/sources/object-names.js'
import { tar, zip } from '../support/archives.js'
import { casePath, readCases, runCase } from '../support/cases.js'
import { wrongByAssembly } from '../support/inflated.js'
import { must, type Target } from './target.js'

const scratch = mkdtempSync(join(tmpdir(), 'verify-trail-fuzz-'))
process.once('exit', () => rmSync(scratch, { recursive: true, force: true }))

const TEXT = Buffer.from(JSON.stringify({ Records: Array.from({ length: 40 }, (_, id) => ({ id, eventName: 'GetObject' })) }))
const LIMIT = 1024 * 1024

async function* inChunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 37) yield Uint8Array.from(bytes.subarray(at, at + 37))
}

const gzip: Target = {
  name: 'gzip',
  seeds: [gzipSync(TEXT), gzipSync(TEXT, { level: 0 }), gzipSync(Buffer.alloc(0)), Buffer.concat([gzipSync('a'), gzipSync('b')])],
  short: 2500,
  async check(bytes) {
    const careful = measureCarefully(bytes, LIMIT)
    const all = [measureBytes(bytes, LIMIT), await measureChunks(inChunks(bytes), LIMIT)]
    all.push(await measureChunksCarefully(inChunks(bytes), LIMIT))
    for (const measurement of all) must(JSON.stringify(measurement) === JSON.stringify(careful), 'every way measures alike')
    if (careful.kind !== 'measured' || careful.damage || careful.trailing || !careful.gzip) return
    must(careful.sha256 === sha256Hex(gunzipSync(bytes)), 'what has nothing wrong with it is what zlib inflates')
  },
}

const deflate: Target = {
  name: 'deflate',
  seeds: [0, 1, 9].map((level) => deflateRawSync(TEXT, { level })).concat(deflateRawSync(TEXT, { strategy: constants.Z_FIXED })),
  short: 2500,
  check: (bytes) => must(wrongByAssembly(bytes) === null, 'nothing is inflated that zlib would not inflate to the same'),
}

const FILES = ['AWSLogs/111122223333/a.json.gz', 'AWSLogs/111122223333/b/c.json.gz', `AWSLogs/${'n'.repeat(180)}`]
const members = FILES.map((name, index) => ({ name, bytes: TEXT.subarray(0, 300 * index), deflate: index === 1 }))
const PAX = { 'SCHILY.xattr.user.signature': 'ab', comment: 'c' }

async function readsArchive(bytes: Uint8Array, name: string): Promise<void> {
  const path = join(scratch, name)
  writeFileSync(path, bytes)
  let source: Source
  try {
    source = await archiveSource(path)
  } catch (error) {
    return must(error instanceof VerifyTrailError, 'what is no archive is refused')
  }
  try {
    for await (const entry of source.list('')) {
      if ('reason' in entry) continue
      must(isSafeKey(entry.key), 'no name leads out of the archive')
      const answer = await source.read(entry.key)
      if (answer.kind === 'object') must(await isReadToEnd(answer.body), 'what is read ends')
    }
  } finally {
    await source.close?.()
  }
}

/** A body may break off with an error: then nothing of it counts. */
async function isReadToEnd(body: Uint8Array | AsyncIterable<Uint8Array>): Promise<boolean> {
  if (body instanceof Uint8Array) return body.length <= 64 * LIMIT
  let length = 0
  try {
    for await (const chunk of body) length += chunk.length
  } catch (error) {
    return error instanceof Error
  }
  return length <= 64 * LIMIT
}

const tarFile: Target = {
  name: 'tar',
  seeds: [
    tar(members),
    tar(members.map((member) => ({ ...member, pax: PAX }))),
    gzipSync(tar(members)),
    tar([{ name: '../x', bytes: TEXT }, { name: '/etc/x', bytes: TEXT }, { name: 'l', type: '2' }, ...members]),
  ],
  short: 400,
  check: (bytes) => readsArchive(bytes, 'any.tar'),
}

const zipFile: Target = {
  name: 'zip',
  seeds: [zip(members), zip([{ name: '../x', bytes: TEXT, deflate: true }, ...members]), deflateRawSync(TEXT)],
  short: 400,
  check: (bytes) => readsArchive(bytes, 'any.zip'),
}

/** The demo's report, in one of the forms that are read back. */
async function savedReport(form: 'json' | 'ndjson'): Promise<Uint8Array> {
  const one = readCases().find(({ name }) => name === 'demo')
  if (one === undefined) throw new Error('there is no demo')
  const { results } = await runCase(one, [await directorySource(join(casePath(one.name), one.sources[0] ?? ''))])
  const path = join(scratch, `saved.${form}`)
  const stream = createWriteStream(path)
  const writer = form === 'json' ? jsonReport(stream) : ndjsonReport(stream)
  for (const result of results) await writer.write(result)
  await writer.end()
  await new Promise<void>((resolve) => stream.end(resolve))
  return readFileSync(path)
}

const report: Target = {
  name: 'report',
  seeds: [await savedReport('json'), await savedReport('ndjson')],
  short: 300,
  async check(bytes) {
    for (const name of ['any.json', 'any.ndjson']) {
      const path = join(scratch, name)
      writeFileSync(path, bytes)
      try {
        for await (const result of readReport(path)) must(typeof result.kind === 'string', 'results')
      } catch (error) {
        must(error instanceof VerifyTrailError && error.code === 'ERR_REPORT', 'what is no report is refused')
      }
    }
  },
}

export const streams: readonly Target[] = [gzip, deflate, tarFile, zipFile, report]
