// @ts-check
/** A Lambda handler that verifies the day before, keeps the reports in S3, and says what came out through a `publish` that it is given. */
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import { htmlReport, jsonReport, verifyTrail } from 'verify-trail'
import { cloudTrailKeys, s3Source } from 'verify-trail/s3'

/** What is left for the reports and `publish` when the run is stopped. Lambda itself ends a function after 15 minutes at the latest. */
const RESERVE_MS = 60_000
const DAY_MS = 24 * 60 * 60 * 1000

const FORMS = [
  { name: 'report.json', type: 'application/json', writer: jsonReport },
  { name: 'report.html', type: 'text/html; charset=utf-8', writer: htmlReport },
]

/**
 * What is published. `verdict` is `valid` only where the whole day was checked and proven.
 *
 * @typedef {object} Outcome
 * @property {import('verify-trail').Verdict} verdict
 * @property {string} trail the bucket, as given
 * @property {string} startTime
 * @property {string} endTime
 * @property {boolean} interrupted stopped before the time limit
 * @property {Readonly<Record<string, number>>} findings how many of each code
 * @property {readonly string[]} notChecked
 * @property {string | null} reports where the reports are; null: there are none
 * @property {string} [error] why there is no result
 */

/**
 * @typedef {object} Settings
 * @property {string} trail `s3://bucket[/prefix]` that CloudTrail delivers to
 * @property {import('@aws-sdk/client-s3').S3Client} s3 what the reports are written with
 * @property {{ bucket: string, prefix?: string }} reports where they are kept
 * @property {(outcome: Outcome) => Promise<unknown>} publish raises the alarm, or says that all is well. If it rejects, so does the handler
 * @property {Partial<import('verify-trail').VerifyTrailOptions>} [options] to narrow the run, or with expectations
 * @property {import('verify-trail/s3').S3SourceOptions} [source]
 */

/**
 * Verifies the last whole day (UTC) before the event. `publish` is called once, whatever happens; what keeps the run or its reports from
 * being made is thrown after it, so that Lambda counts an error and asks again.
 *
 * @param {Settings} settings
 */
export function nightly({ trail, s3, reports, publish, options = {}, source: sourceOptions = {} }) {
  /**
   * @param {{ time: string }} event
   * @param {{ getRemainingTimeInMillis(): number }} context
   * @returns {Promise<Outcome>}
   */
  return async function handler(event, context) {
    const limit = AbortSignal.timeout(Math.max(0, context.getRemainingTimeInMillis() - RESERVE_MS))
    const { startTime, endTime } = dayBefore(event.time)
    const folder = await mkdtemp(join(tmpdir(), 'verify-trail-'))
    /** @type {Outcome} */
    let outcome = {
      verdict: 'unverified',
      trail,
      startTime,
      endTime,
      interrupted: false,
      findings: {},
      notChecked: [],
      reports: null,
    }
    try {
      const source = await s3Source(trail, sourceOptions)
      const run = { publicKeys: cloudTrailKeys({}), ...options, sources: [source], startTime, endTime, signal: limit }
      const summary = await writeReports(verifyTrail(run), folder)
      await source.close?.()
      const { verdict, notChecked } = summary
      outcome = {
        ...outcome,
        verdict,
        notChecked,
        interrupted: summary.run.interrupted,
        findings: { ...summary.summary.findings },
      }
      outcome = { ...outcome, reports: await store(folder) }
    } catch (error) {
      // Without its report a verdict is not on record.
      const verdict = outcome.verdict === 'valid' ? 'unverified' : outcome.verdict
      await publish({ ...outcome, verdict, error: error instanceof Error ? error.message : String(error) })
      throw error
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
    await publish(outcome)
    return outcome

    /** @param {string} folder */
    async function store(folder) {
      const prefix = `${reports.prefix ?? ''}${startTime.slice(0, 10)}/`
      for (const { name, type } of FORMS) {
        const path = join(folder, name)
        const { size: ContentLength } = await stat(path)
        const Body = createReadStream(path)
        await s3.send(
          new PutObjectCommand({ Bucket: reports.bucket, Key: prefix + name, Body, ContentLength, ContentType: type }),
        )
      }
      return `s3://${reports.bucket}/${prefix}`
    }
  }
}

/**
 * Lambda asks again with the same event where a run failed: so the day is the event's, not the clock's.
 *
 * @param {string} time
 */
function dayBefore(time) {
  const end = Math.floor(Date.parse(time) / DAY_MS) * DAY_MS
  return { startTime: new Date(end - DAY_MS).toISOString(), endTime: new Date(end).toISOString() }
}

/**
 * @param {AsyncIterable<import('verify-trail').Result>} results
 * @param {string} folder
 */
async function writeReports(results, folder) {
  const files = FORMS.map(({ name, writer }) => {
    const stream = createWriteStream(join(folder, name))
    return { stream, report: writer(stream) }
  })
  /** @type {import('verify-trail').Summary | undefined} */
  let summary
  for await (const result of results) {
    for (const { report } of files) await report.write(result)
    if (result.kind === 'summary') summary = result
  }
  for (const { report, stream } of files) {
    await report.end()
    await finished(stream.end())
  }
  if (summary === undefined) throw new Error('the run ended without a summary')
  return summary
}
