import type { KeyObject } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { formatEnvelope, signEnvelope } from '../attest/dsse.js'
import { ResultsHash } from '../attest/results-hash.js'
import { parseSigningKey } from '../attest/signing-key.js'
import { type ReportHashes, reportStatement } from '../attest/statement.js'
import type { Summary } from '../core/results.js'
import { VerifyTrailError } from '../errors.js'
import { messageOf } from './console.js'
import { WrittenFile } from './written-file.js'

/** No key, certificate or envelope is larger. */
const LARGEST_FILE = 4 * 1024 * 1024

/** Seals reports with one key, which is read before the run: a wrong passphrase must not be found out after it. */
export class Seal {
  readonly #key: KeyObject

  private constructor(key: KeyObject) {
    this.#key = key
  }

  static async open(keyFile: string, passphraseFile: string | undefined): Promise<Seal> {
    const passphrase = passphraseFile === undefined ? undefined : firstLine(await readSmallFile(passphraseFile))
    return new Seal(parseSigningKey(await readSmallFile(keyFile), passphrase))
  }

  /** Writes the envelope of a report beside it. */
  async write(report: string, summary: Summary): Promise<void> {
    const statement = reportStatement(summary, basename(report), await hashReport(report))
    const file = await WrittenFile.create(envelopePath(report))
    file.stream.write(formatEnvelope(signEnvelope(Buffer.from(statement), this.#key)))
    await file.commit()
  }
}

/** Where the envelope of a report is. */
export function envelopePath(report: string): string {
  return `${report}.dsse.json`
}

/** Rejects with ERR_REPORT where it cannot be read. */
export async function hashReport(path: string): Promise<ReportHashes> {
  const hash = new ResultsHash()
  try {
    for await (const chunk of createReadStream(path)) hash.update(chunk)
  } catch (error) {
    throw new VerifyTrailError('ERR_REPORT', `cannot read the report '${path}': ${messageOf(error)}`, { cause: error })
  }
  return hash.digest()
}

/** A file of a seal: a key, a certificate, an envelope, a response. Rejects with ERR_SIGNING_KEY. */
export async function readSmallFile(path: string): Promise<Buffer> {
  try {
    const { size } = await stat(path)
    if (size <= LARGEST_FILE) return await readFile(path)
  } catch (error) {
    throw new VerifyTrailError('ERR_SIGNING_KEY', `cannot read '${path}': ${messageOf(error)}`, { cause: error })
  }
  throw new VerifyTrailError('ERR_SIGNING_KEY', `'${path}' is larger than ${LARGEST_FILE} bytes: no key, certificate or envelope`)
}

function firstLine(bytes: Buffer): string {
  return /^[^\r\n]*/.exec(bytes.toString())?.[0] ?? ''
}
