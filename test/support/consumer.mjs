// @ts-check
/**
 * A program of somebody who installed the package: verifies an export by the library and writes its result in every form, then
 * reads the JSON report back and writes them again. `node consumer.mjs EXPORT PUBLIC-KEYS`, where `verify-trail` can be imported.
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import * as library from 'verify-trail'
import { s3Source } from 'verify-trail/s3'

const [exported = '', keys = ''] = process.argv.slice(2)
const { parseObjectKey, readPublicKeyFile, readReport, directorySource, verifyTrail } = library
const writers = { ...library }

/** Each writer, with what its form must hold. Those that need every log file are not in a saved report. */
const FORMS = {
  asffReport: /^\[\{"AwsAccountId"/,
  coverageCsv: /^organizationId,accountId,/,
  emfReport: /"_aws":\{"CloudWatchMetrics"/,
  findingsCsv: /^code,verdict,[\s\S]*LOG_FILE_MODIFIED/,
  htmlReport: /^<!doctype html>[\s\S]*LOG_FILE_MODIFIED[\s\S]*<\/html>\n$/,
  jsonReport: /^\{"chains":\[[\s\S]*"verdict":"invalid"\}\n$/,
  junitReport: /^<\?xml version="1.0"[\s\S]*<failure /,
  ndjsonReport: /"kind":"summary"[^\n]*\n$/,
  ocsfReport: /"class_uid":2004/,
  prometheusReport: /^# HELP /m,
  terminalReport: /INVALID/,
  textReport: /\nINVALID: [^\n]*\n$/,
}

/** @param {AsyncIterable<import('verify-trail').Result>} results */
async function writeAll(results) {
  const forms = /** @type {(keyof typeof FORMS)[]} */ (Object.keys(FORMS)).map((name) => {
    /** @type {Buffer[]} */
    const chunks = []
    const stream = new Writable({ write: (chunk, _, done) => done(void chunks.push(chunk)) })
    return { name, chunks, report: writers[name](stream) }
  })
  for await (const result of results) for (const { report } of forms) await report.write(result)
  for (const { report } of forms) await report.end()
  return new Map(forms.map(({ name, chunks }) => [name, Buffer.concat(chunks).toString()]))
}

const exportedWriters = Object.keys(library).filter((name) => /Report$|Csv$/.test(name) && name !== 'readReport')
assert.deepEqual(exportedWriters.sort(), Object.keys(FORMS).sort(), 'every writer is tried')
assert.equal(typeof s3Source, 'function')
assert.equal(parseObjectKey('x').kind, 'other')

const folder = await mkdtemp(join(tmpdir(), 'consumer-'))
try {
  const run = { sources: [await directorySource(exported)], publicKeys: await readPublicKeyFile(keys) }
  const written = await writeAll(verifyTrail(run))
  for (const [name, form] of Object.entries(FORMS))
    assert.match(written.get(/** @type {keyof typeof FORMS} */ (name)) ?? '', form, name)
  const saved = join(folder, 'report.json')
  await writeFile(saved, written.get('jsonReport') ?? '')
  const again = await writeAll(readReport(saved))
  for (const [name, text] of written) {
    // These tell of each log file or object, which a saved report does not hold.
    if (name !== 'ndjsonReport') assert.equal(again.get(name), text, `${name} of a saved report`)
  }
  console.log(`${written.size} forms`)
} finally {
  await rm(folder, { recursive: true })
}
