import type { KeyObject } from 'node:crypto'
import { Writable } from 'node:stream'
import { type Envelope, type EnvelopeSignature, formatEnvelope, IN_TOTO, parseEnvelope, signatureBy } from '../attest/dsse.js'
import { otherResults } from '../attest/other-results.js'
import { ResultsHash } from '../attest/results-hash.js'
import { keyId, keyKind, parseSignerKey } from '../attest/signing-key.js'
import { parseStatement, type ReportStatement, type StatedKey } from '../attest/statement.js'
import { checkTimeStamp, parseAuthorities, timeStampRequest, whyNoTimeStamp } from '../attest/time-stamp.js'
import type { Result, Summary } from '../core/results.js'
import { type VerifyTrailOptions, verifyTrail } from '../engine/verify-trail.js'
import { VerifyTrailError } from '../errors.js'
import { escapeTerminal } from '../reports/escape.js'
import { jsonReport } from '../reports/json.js'
import { readReport } from '../reports/read-report.js'
import type { AttestAttachCommand, AttestCheckCommand, AttestCommand, AttestRequestCommand } from './attest-arguments.js'
import { type Console, say } from './console.js'
import { withEvidence } from './evidence.js'
import { given } from './given.js'
import { showProgress } from './progress.js'
import { envelopePath, hashReport, readSmallFile } from './seal.js'
import type { ExitCode } from './verify.js'
import { WrittenFile } from './written-file.js'

/** What a part of the check came to: true, false, or not asked for. */
interface Checked {
  readonly what: string
  readonly holds: boolean | undefined
  readonly detail: string
  /** What may have led to it. */
  readonly reasons?: readonly string[]
}

export async function runAttest(command: AttestCommand, console: Console): Promise<ExitCode> {
  switch (command.action) {
    case 'check':
      return check(command, console)
    case 'request':
      return request(command, console)
    case 'attach':
      return attach(command, console)
  }
}

async function check(command: AttestCheckCommand, console: Console): Promise<ExitCode> {
  const signer = parseSignerKey(await readSmallFile(command.signer))
  const envelope = await readEnvelope(command.envelope ?? envelopePath(command.report))
  const hashes = await hashReport(command.report)
  const checks: Checked[] = []
  const signature = signatureBy(envelope, signer)
  checks.push(checkedSignature(envelope, signature, signer))
  const answer = envelope.payloadType === IN_TOTO ? parseStatement(envelope.payload) : NO_STATEMENT
  if (!answer.ok) throw new VerifyTrailError('ERR_REPORT', `the envelope holds no statement about a report: ${answer.reason}`)
  const { statement } = answer
  checks.push(checkedReport(statement, hashes))
  checks.push(...(await checkedTimeStamps(command, signature)))
  // What somebody else stated is not worth a run.
  const sealed = checks.every((each) => each.holds !== false)
  if (sealed) checks.push(await checkedEvidence(command, console, statement))
  const holds = checks.every((each) => each.holds !== false)
  for (const { what, detail, holds: one, reasons = [] } of checks) {
    const word = one === undefined ? 'not checked' : one ? 'holds' : 'FAILS'
    console.stdout.write(`${what.padEnd(12)}${word.padEnd(13)}${escapeTerminal(detail)}\n`)
    for (const reason of reasons) console.stdout.write(`${' '.repeat(25)}${escapeTerminal(reason)}\n`)
  }
  const { verdict, startedAt } = statement
  console.stdout.write(
    holds ? `SEALED: the run of ${escapeTerminal(startedAt)} found the trail ${verdict}\n` : 'NOT SEALED: see what fails\n',
  )
  return holds ? 0 : 1
}

const NO_STATEMENT = { ok: false, reason: `its payload is not ${IN_TOTO}` } as const

function checkedSignature(envelope: Envelope, signature: EnvelopeSignature | undefined, signer: KeyObject): Checked {
  const by = `${keyKind(signer)} key ${keyId(signer)}`
  if (signature !== undefined) return { what: 'signature', holds: true, detail: by }
  const claimed = envelope.signatures.map(({ keyid }) => keyid || 'a key without a name').join(', ')
  return { what: 'signature', holds: false, detail: `not by ${by}; the envelope names ${claimed}` }
}

function checkedReport({ sha256, resultsSha256 }: ReportStatement, found: ReportStatementHashes): Checked {
  const holds = sha256 === found.sha256 && resultsSha256 === found.resultsSha256
  const detail = holds ? `SHA-256 ${sha256}` : `its SHA-256 is ${found.sha256}, the envelope states ${sha256}`
  return { what: 'report', holds, detail }
}

type ReportStatementHashes = Pick<ReportStatement, 'sha256' | 'resultsSha256'>

async function checkedTimeStamps({ tsa }: AttestCheckCommand, signature: EnvelopeSignature | undefined): Promise<Checked[]> {
  const what = 'time-stamp'
  if (signature === undefined) return []
  const { sig, timestamps } = signature
  if (timestamps.length === 0) {
    const detail = 'the envelope has none: only the signer says when it was'
    return [{ what, holds: tsa === undefined ? undefined : false, detail }]
  }
  if (tsa === undefined) return [{ what, holds: undefined, detail: 'say with --tsa which authorities are trusted' }]
  const authorities = parseAuthorities(await readSmallFile(tsa))
  const answers = await Promise.all(timestamps.map((response) => checkTimeStamp(response, sig, authorities)))
  return answers.map((answer) =>
    answer.ok
      ? { what, holds: true, detail: `signed before ${answer.time.toISOString()}, says ${answer.authority}` }
      : { what, holds: false, detail: answer.reason },
  )
}

/** Verifies again, as of the time of the sealed run: everything but `run` must be the same, byte for byte. */
async function checkedEvidence(command: AttestCheckCommand, console: Console, statement: ReportStatement): Promise<Checked> {
  const what = 'evidence'
  if (command.sources.length === 0) return { what, holds: undefined, detail: 'name the evidence to verify it again' }
  const sealed = await summaryOf(command.report)
  const told = sealed === undefined ? {} : toldToTheRun(sealed)
  const found = await withEvidence(command, console, (evidence) =>
    resultsOf({ ...optionsOf(command, statement), ...evidence, ...told }, statement.publicKeys, console),
  )
  if (found === undefined) throw new VerifyTrailError('ERR_REPORT', 'interrupted: the evidence was not verified again')
  const { resultsSha256, summary } = found
  if (resultsSha256 === statement.resultsSha256)
    return { what, holds: true, detail: 'gives the same results, byte for byte', reasons: otherArchives(sealed, summary) }
  const detail = `gives other results (SHA-256 ${resultsSha256}, stated ${statement.resultsSha256})`
  const reasons = sealed === undefined ? [] : otherResults(sealed, summary)
  return { what, holds: false, detail, reasons: reasons.length === 0 ? [COMPARE] : reasons }
}

/** The results are about log files and digests: the same ones may lie in other bytes, with other things beside them. */
function otherArchives(sealed: Summary | undefined, { run: { archives = [] } }: Summary): string[] {
  const before = (sealed?.run.archives ?? []).map(({ sha256 }) => sha256).sort()
  const now = archives.map(({ sha256 }) => sha256).sort()
  if (before.length === 0 || before.join() === now.join()) return []
  const named = now.length === 0 ? 'no archive' : `SHA-256 ${now.join(', ')}`
  return [`But it is not the same archive: sealed is SHA-256 ${before.join(', ')}, this is ${named}.`]
}

const COMPARE = 'Single results differ: write a report of the evidence with -o, and compare both with verify-trail diff.'

async function summaryOf(report: string): Promise<Summary | undefined> {
  for await (const result of readReport(report)) if (result.kind === 'summary') return result
  return undefined
}

/** What the sealed run was told beside the evidence: what was expected, and what CloudTrail said of its trails at that time. */
function toldToTheRun({ trails, expectations }: Summary): Pick<VerifyTrailOptions, 'expectations' | 'trailKnowledge'> {
  const accept = expectations?.accept.map(({ gaps: _, ...gap }) => gap)
  return given({ trailKnowledge: trails, expectations: expectations && { expect: expectations.expect, accept: accept ?? [] } })
}

function optionsOf(command: AttestCheckCommand, { request, startedAt }: ReportStatement): Omit<VerifyTrailOptions, 'sources'> {
  const { unvalidatedTrails, bucket, byName, concurrency, workers } = command
  const { accountIds, regions, trails, startTime, endTime } = request
  const range = { startTime: startTime ?? undefined, endTime: endTime ?? undefined }
  const optional = given({ ...range, originalPlace: bucket, byName, concurrency, workers })
  return { accountIds, regions, trails, unvalidatedTrails, now: new Date(startedAt), ...optional }
}

/** Undefined: interrupted. Where a public key was had from is the sealed run's word: the same key may lie elsewhere by now. */
async function resultsOf(
  options: VerifyTrailOptions,
  keys: readonly StatedKey[],
  console: Console,
): Promise<{ readonly resultsSha256: string; readonly summary: Summary } | undefined> {
  const hash = new ResultsHash()
  const sink = new Writable({
    write(chunk: Uint8Array, _, done) {
      hash.update(chunk)
      done()
    },
  })
  const report = jsonReport(sink)
  const display = showProgress(console, true)
  let summary: Summary | undefined
  try {
    const signal = console.interrupted
    for await (const result of verifyTrail({ ...options, signal, onProgress: (progress) => display.update(progress) })) {
      if (result.kind === 'summary') summary = result
      await report.write(withOrigins(result, keys))
    }
  } finally {
    display.stop()
    await report.end()
  }
  return summary === undefined || summary.run.interrupted ? undefined : { resultsSha256: hash.digest().resultsSha256, summary }
}

function withOrigins(result: Result, keys: readonly StatedKey[]): Result {
  if (result.kind !== 'summary') return result
  const publicKeys = result.publicKeys.map((key) => {
    const stated = keys.find(({ sha256 }) => sha256 === key.sha256)
    return stated === undefined ? key : { ...key, origin: stated.origin, independent: stated.independent }
  })
  return { ...result, publicKeys }
}

async function request({ report, output }: AttestRequestCommand, console: Console): Promise<ExitCode> {
  const [signature] = (await readEnvelope(envelopePath(report))).signatures
  if (signature === undefined) throw new VerifyTrailError('ERR_REPORT', 'the envelope has no signature')
  await write(output, await timeStampRequest(signature.sig))
  say(
    console,
    `wrote ${output}: send it to a time-stamping authority (curl -H 'Content-Type: application/timestamp-query' --data-binary @FILE URL), then attach its answer`,
  )
  return 0
}

/** Who signed the response is for `check`, with the authority's certificate; that it is one over this signature is seen at once. */
async function attach({ report, response }: AttestAttachCommand, console: Console): Promise<ExitCode> {
  const path = envelopePath(report)
  const envelope = await readEnvelope(path)
  const [first, ...others] = envelope.signatures
  if (first === undefined) throw new VerifyTrailError('ERR_REPORT', 'the envelope has no signature')
  const stamp = await readSmallFile(response)
  const reason = await whyNoTimeStamp(stamp, first.sig)
  if (reason !== undefined)
    throw new VerifyTrailError('ERR_REPORT', `'${response}' is no time-stamp over the signature in '${path}': ${reason}`)
  const stamped = { ...first, timestamps: [...first.timestamps, stamp] }
  await write(path, Buffer.from(formatEnvelope({ ...envelope, signatures: [stamped, ...others] })))
  say(console, `attached ${response} to ${path}`)
  return 0
}

async function readEnvelope(path: string): Promise<Envelope> {
  const answer = parseEnvelope(await readSmallFile(path))
  if (answer.ok) return answer.envelope
  throw new VerifyTrailError('ERR_REPORT', `'${path}' is no DSSE envelope: ${answer.reason}`)
}

async function write(path: string, bytes: Uint8Array): Promise<void> {
  const file = await WrittenFile.create(path)
  file.stream.write(bytes)
  await file.commit()
}
