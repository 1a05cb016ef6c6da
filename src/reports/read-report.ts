/** A saved report as results again. Whoever could write the file chose what is in it: its shape is checked, its words are not believed. */
import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import type { Finding, FindingCode, Gap } from '../core/findings.js'
import { isJsonObject, parseJson } from '../core/json.js'
import type { Result, Summary } from '../core/results.js'
import { RunTally, worstVerdict } from '../core/summary.js'
import { VerifyTrailError } from '../errors.js'
import { checkSchema, type Schema } from './check-schema.js'
import { formatBytes } from './quantity.js'

/** A JSON report is read whole. */
const LARGEST = 256 * 1024 * 1024
/** One line of NDJSON; the summary is the largest. */
const LONGEST_LINE = 64 * 1024 * 1024

/**
 * The results of a run out of its JSON report (findings, gaps, the summary), or out of its NDJSON, by the name's ending (all
 * results). Rejects with `ERR_REPORT` where the file is no such report, is larger than 256 MB, or does not add up. It verifies
 * nothing: a report proves what it says only to who trusts the file.
 */
export async function* readReport(path: string): AsyncGenerator<Result, void, undefined> {
  const tally = new Tally(path)
  const schema = await readSchema()
  for await (const result of /\.(ndjson|jsonl)$/i.test(path) ? readLines(path, schema) : readWhole(path, schema)) {
    tally.add(result)
    yield result
  }
  tally.end()
}

async function readSchema(): Promise<Schema> {
  return JSON.parse(await readFile(new URL('../../schema/report.schema.json', import.meta.url), 'utf8'))
}

async function* readWhole(path: string, schema: Schema): AsyncGenerator<Result, void, undefined> {
  const bytes = await readBounded(path)
  const answer = parseJson(bytes)
  if (!answer.ok) throw refused(path, answer.reason)
  const reason = checkSchema(answer.value, schema, schema)
  if (reason !== undefined) throw refused(path, reason)
  // Its shape was checked just now.
  const { findings, ...summary } = answer.value as Omit<Summary, 'kind'> & { readonly findings: readonly (Finding | Gap)[] }
  for (const finding of findings) yield { ...finding, kind: finding.code === 'COVERAGE_GAP' ? 'gap' : 'finding' } as Finding | Gap
  yield completed({ ...summary, kind: 'summary' })
}

async function readBounded(path: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(path)
    if (size > LARGEST)
      throw refused(
        path,
        `${formatBytes(size)} are more than the ${formatBytes(LARGEST)} that are read: ask for the form during the run`,
      )
    return await readFile(path)
  } catch (error) {
    if (error instanceof VerifyTrailError) throw error
    throw refused(path, error instanceof Error ? error.message : String(error))
  }
}

async function* readLines(path: string, schema: Schema): AsyncGenerator<Result, void, undefined> {
  let number = 0
  for await (const line of lines(path)) {
    number++
    const answer = parseJson(line)
    const reason = answer.ok ? checkRecord(answer.value, schema) : answer.reason
    if (reason !== undefined) throw refused(path, `line ${number}: ${reason}`)
    // Its shape was checked just now.
    const result = (answer.ok ? answer.value : undefined) as Result
    yield result.kind === 'summary' ? completed(result) : result
  }
}

function checkRecord(value: unknown, schema: Schema): string | undefined {
  const kind = isJsonObject(value) ? value['kind'] : undefined
  const names = new Map<unknown, string>([
    ['digest', 'digest'],
    ['log-file', 'log-file'],
    ['carried-over', 'carried-over'],
    ['finding', 'finding'],
    ['gap', 'COVERAGE_GAP'],
    ['summary', 'summary'],
  ])
  const name = names.get(kind)
  if (name === undefined) return 'it is no record of a report'
  if (kind === 'finding' && isJsonObject(value) && value['code'] === 'COVERAGE_GAP') return 'a COVERAGE_GAP is a gap'
  return checkSchema(value, { $ref: `#/$defs/${name}` }, schema, 'record')
}

async function* lines(path: string): AsyncGenerator<Uint8Array, void, undefined> {
  let rest: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of createReadStream(path)) {
      const bytes: Buffer = chunk
      let from = 0
      for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, from)) {
        yield Buffer.concat([...rest, bytes.subarray(from, end)])
        rest = []
        size = 0
        from = end + 1
      }
      rest.push(bytes.subarray(from))
      size += bytes.length - from
      if (size > LONGEST_LINE) throw refused(path, 'a line is longer than any record')
    }
  } catch (error) {
    throw error instanceof VerifyTrailError ? error : refused(path, error instanceof Error ? error.message : String(error))
  }
  if (size > 0) yield Buffer.concat(rest)
}

/** What earlier versions did not write. */
function completed(summary: Summary): Summary {
  return {
    ...summary,
    run: { ...summary.run, commandLine: summary.run.commandLine ?? null, packageSha256: summary.run.packageSha256 ?? null },
    chains: summary.chains.map((chain) => ({ ...chain, newestDigest: chain.newestDigest ?? null })),
    publicKeys: summary.publicKeys.map((key) => ({ ...key, independent: key.independent ?? false })),
  }
}

/** What the findings add up to: a report whose verdict is better than its findings, or that lost some, is refused. */
class Tally {
  readonly #path: string
  readonly #tally = new RunTally()
  #summary: Summary | undefined

  constructor(path: string) {
    this.#path = path
  }

  add(result: Result): void {
    if (this.#summary !== undefined) throw refused(this.#path, 'there are records after the summary')
    if (result.kind === 'finding' || result.kind === 'gap') {
      this.#tally.addFinding(result)
    } else if (result.kind === 'summary') this.#close(result)
  }

  end(): void {
    if (this.#summary === undefined) throw refused(this.#path, 'it has no summary: the run did not finish')
  }

  #close(summary: Summary): void {
    this.#summary = summary
    const tally = this.#tally
    const { findings, digests } = summary.summary
    const codes = new Set([...Object.keys(findings), ...Object.keys(tally.findings)]) as Set<FindingCode>
    for (const code of codes) {
      const [said, found] = [findings[code] ?? 0, tally.findings[code] ?? 0]
      if (said !== found) throw refused(this.#path, `it does not add up: ${found} ${code}, and its summary says ${said}`)
    }
    for (const chain of summary.chains) tally.addChain(chain)
    tally.digests.valid = digests.valid
    const least = tally.verdict(summary.run.interrupted)
    if (worstVerdict(least, summary.verdict) !== summary.verdict)
      throw refused(this.#path, `it does not add up: its verdict is ${summary.verdict}, its findings and chains make it ${least}`)
  }
}

function refused(path: string, reason: string): VerifyTrailError {
  return new VerifyTrailError('ERR_REPORT', `the report '${path}': ${reason}`)
}
