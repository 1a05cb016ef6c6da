/** `verify-trail export`: verifies, and copies what it reads into a tar or a directory, with what is needed to verify it again. */
import { mkdtempSync, rmSync } from 'node:fs'
import { copyFile, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, isAbsolute, join, relative, resolve, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { VerifyTrailError } from '../errors.js'
import { RememberedKeys } from '../evidence/copied-keys.js'
import { copyRest } from '../evidence/copy-rest.js'
import { CopyingSource } from '../evidence/copying-source.js'
import { DirectoryTarget } from '../evidence/directory-target.js'
import type { EvidenceTarget } from '../evidence/evidence-target.js'
import { rootsOf } from '../evidence/export-format.js'
import { quotedName } from '../evidence/hashdeep.js'
import { HashdeepList } from '../evidence/hashdeep-list.js'
import { TarTarget } from '../evidence/tar-target.js'
import { formatCounted } from '../reports/quantity.js'
import type { ExportCommand } from './arguments.js'
import { type Console, messageOf, say, systemCode } from './console.js'
import { type Evidence, withEvidence } from './evidence.js'
import { given } from './given.js'
import { isS3Url } from './sources.js'
import { type ExitCode, engineOptions, verifyAndReport } from './verify.js'
import { WrittenFile } from './written-file.js'

const NAMED = 20
const KEYS = '.public-keys.json'

/** Rejects with VerifyTrailError where nothing can be said, or written. The exit code is that of the verification; 2 where something could not be written. */
export async function runExport(command: ExportCommand, console: Console): Promise<ExitCode> {
  checkTarget(command)
  return withEvidence(command.verify, console, (evidence) => exportEvidence(command, console, evidence))
}

/** An export never becomes a part of what it is of. */
function checkTarget({ target, verify }: ExportCommand): void {
  const path = resolve(target)
  for (const source of verify.sources) {
    if (isS3Url(source)) continue
    const below = relative(resolve(source), path)
    if (!isAbsolute(below) && below.split(sep)[0] !== '..')
      throw new VerifyTrailError(
        'ERR_INVALID_OPTION',
        `the export '${target}' would lie in the source '${source}': name another place`,
      )
  }
}

async function exportEvidence(command: ExportCommand, console: Console, evidence: Evidence): Promise<ExitCode> {
  const { target: path, verify } = command
  const roots = rootsOf(evidence.sources)
  const isFolder = path.endsWith('/')
  const target = await openTarget(path, () => (isFolder ? DirectoryTarget.open(path) : TarTarget.open(path, roots)))
  const work = mkdtempSync(join(tmpdir(), 'verify-trail-export-'))
  try {
    if (target.before > 0) say(console, `going on: ${formatCounted(target.before, 'object')} were copied before`)
    const sources = evidence.sources.map(
      (source, index) => new CopyingSource(source, roots[index]?.folder ?? '', target, evidence.metadata),
    )
    const keys = evidence.publicKeys === undefined ? undefined : new RememberedKeys(evidence.publicKeys)
    const options = { ...engineOptions(verify), ...evidence, sources, ...given({ publicKeys: keys }) }
    const report = join(work, 'report.json')
    const code = await verifyAndReport({ ...verify, outputs: [{ path: report, form: 'json' }] }, console, options, undefined)
    if (code === 2 || console.interrupted.aborted) return unfinished(console, code)
    await copyRest(options, console.interrupted).catch((error: unknown) => {
      if (!console.interrupted.aborted) throw error
    })
    if (console.interrupted.aborted) return unfinished(console, code)
    await finish(path, target, report)
    const keyFile = await saveKeys(command, keys)
    return sayDone(command, console, target, keyFile, code)
  } catch (error) {
    throw asNotWritten(path, error)
  } finally {
    rmSync(work, { recursive: true, force: true })
    close(target)
  }
}

async function openTarget(path: string, open: () => EvidenceTarget | Promise<EvidenceTarget>): Promise<EvidenceTarget> {
  try {
    return await open()
  } catch (error) {
    throw asNotWritten(path, error)
  }
}

function asNotWritten(path: string, error: unknown): unknown {
  if (error instanceof VerifyTrailError || systemCode(error) === undefined) return error
  const what = `cannot write '${path}': ${messageOf(error)}; the same command goes on with what is there`
  return new VerifyTrailError('ERR_EXPORT', what, { cause: error })
}

function close(target: EvidenceTarget): void {
  try {
    target.close()
  } catch {
    // What was held back and has no room is copied again.
  }
}

function unfinished(console: Console, code: ExitCode): ExitCode {
  say(console, 'the export is not whole: the same command goes on with it')
  return code === 0 ? 3 : code
}

/** With what `hashdeep -a` checks the files of the export against: beside them, since it would find itself among them. */
async function finish(path: string, target: EvidenceTarget, report: string): Promise<void> {
  const list = new HashdeepList()
  try {
    await target.finish(report, ({ name, stored }) => list.add(`./${name}`, stored))
    await writeBeside(path, '.hashdeep', list.chunks([`Files of ${quotedName(basename(path))}`]))
  } finally {
    list.discard()
  }
}

async function writeBeside(path: string, ending: string, chunks: AsyncIterable<string> | Iterable<string>): Promise<string> {
  const beside = besidePath(path, ending)
  let file: WrittenFile | undefined
  try {
    file = await WrittenFile.create(beside)
    await pipeline(chunks, file.stream, { end: false })
    await file.commit()
    return beside
  } catch (error) {
    file?.discard()
    throw new VerifyTrailError('ERR_EXPORT', `the export is whole, but '${beside}' is missing: ${messageOf(error)}`, {
      cause: error,
    })
  }
}

function besidePath(target: string, ending: string): string {
  return target.replace(/\/+$/, '').replace(/\.tar$/, '') + ending
}

/** Beside the export, and not in it: keys inside a source are never trusted. Those that were given as a file are saved as they are. */
async function saveKeys({ target, verify }: ExportCommand, keys: RememberedKeys | undefined): Promise<string | undefined> {
  const path = besidePath(target, KEYS)
  const { publicKeys } = verify
  if (publicKeys !== undefined && (await stat(publicKeys)).isFile()) {
    if (resolve(publicKeys) !== resolve(path)) await copyFile(publicKeys, path)
    return path
  }
  if (keys === undefined || keys.size === 0) return undefined
  return writeBeside(target, KEYS, [keys.format()])
}

function sayDone(
  command: ExportCommand,
  console: Console,
  target: EvidenceTarget,
  keyFile: string | undefined,
  code: ExitCode,
): ExitCode {
  const { target: path, verify } = command
  const { startTime, endTime } = verify
  const range = [
    ...(startTime === undefined ? [] : [`--start-time ${startTime.toISOString()}`]),
    ...(endTime === undefined ? [] : [`--end-time ${endTime.toISOString()}`]),
  ]
  if (!verify.quiet) {
    const keys = keyFile === undefined ? 'no public key was used' : `public keys in ${keyFile}`
    say(console, `exported ${formatCounted(target.before + target.objects, 'object')} to ${path}; ${keys}`)
    if (keyFile !== undefined)
      say(console, `verify it with: verify-trail ${[path, '--public-keys', keyFile, ...range].join(' ')}`)
  }
  if (target.refused.size === 0) return code
  for (const [key, why] of [...target.refused].slice(0, NAMED)) say(console, `not exported: ${key}: ${why}`)
  say(console, `${formatCounted(target.refused.size, 'object')} could not be exported as files: a .tar takes them`)
  return 2
}
