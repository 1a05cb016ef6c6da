/** What a state says: read from its journal, and written anew where what is still of use is much less. */
import { createHash } from 'node:crypto'
import { rename, rm } from 'node:fs/promises'
import type { CopyFact } from '../core/judge-log-file.js'
import { VerifyTrailError } from '../errors.js'
import { Journal, type Line } from './journal.js'
import { type Facts, folderOf, mergePacks, PackWriter, rowsOf } from './packed-log-files.js'
import { SettledFolders, settledAfter } from './settled-records.js'
import {
  type Binding,
  type FileRecord,
  type PackRecord,
  parseRecord,
  type RunRecord,
  type SettledRecord,
  type StateRecord,
} from './state-records.js'

/** Log files with a line of their own: when the next run begins, more than these are packed by folder. */
const LOOSE_ENOUGH = 1000
/** A tenth of all at most: so that the file is not written anew for a few. */
const LOOSE_SHARE = 0.1
/** While that is done, so many are held. */
const ROWS_HELD = 200_000
/** What is known of an object; of a digest, where its line is. */
export interface Kept {
  readonly identity: string
  readonly run: number
  readonly line: Line
  readonly fact: CopyFact | undefined
  counted: boolean
  /** It was asked for: the store still lists an object of its name. */
  asked: boolean
}

/** Where it stands what one run read of the log files of a folder, or settled of an account and region. */
export interface KeptLine {
  readonly run: number
  readonly line: Line
  /** Some of it was asked for. */
  asked?: boolean
}

/** What a journal says, as far as it was read. */
export class Known {
  binding: Binding | undefined
  readonly runs: RunRecord[] = []
  ended = true
  previousReportSha256: string | null = null
  /** Digests, and log files that have a line of their own. */
  readonly objects: Map<string, Kept> = new Map()
  /** By folder, the newest last. */
  readonly packs: Map<string, KeptLine[]> = new Map()
  /** By account and region, where each run says what it settled, the newest last. */
  readonly settled: Map<string, KeptLine[]> = new Map()
  /** How many objects were settled since all was written anew. */
  covered = 0
  lines = 0
  looseLogFiles = 0
  packedLogFiles = 0

  /** The number of the run that goes on, or of the next one. */
  get nextRun(): number {
    const last = this.runs.at(-1)?.run ?? 0
    return this.ended ? last + 1 : last
  }

  /** What nobody asked for in a run that was done: what it tells of is gone, or is settled. */
  *unasked(): Generator<string, void, undefined> {
    for (const [name, { asked }] of this.objects) if (!asked) yield name
    for (const [name, packs] of this.packs) if (!packs.some(({ asked }) => asked)) yield name
    for (const [name, lines] of this.settled) if (!lines.some(({ asked }) => asked)) yield name
  }

  /** Whether what is still of use takes much less. `useless`: how many records are of no use. */
  isWorthCompacting(useless: number): boolean {
    const { lines, objects, packs, runs, looseLogFiles: loose, packedLogFiles: packed } = this
    if (loose > LOOSE_ENOUGH && loose > LOOSE_SHARE * packed) return true
    if (this.ended && this.covered > LOOSE_SHARE * (objects.size + packed)) return true
    if (useless > LOOSE_SHARE * (objects.size + packs.size)) return true
    return this.ended && lines > 2 * (objects.size + packs.size) + 3 * runs.length + 1000
  }

  add(record: StateRecord, line: Line): void {
    this.lines++
    if (record.kind === 'state') this.binding = record.binding
    else if (record.kind === 'run') {
      this.runs.push(record)
      this.ended = false
    } else if (record.kind === 'end') {
      this.ended = true
      this.previousReportSha256 = record.reportSha256
    } else if (record.kind === 'settled') {
      this.covered += record.covers
      const name = nameOf({ kind: 'scope', name: record.scope.name })
      const before = this.settled.get(name)?.filter(({ run }) => run !== record.run) ?? []
      this.settled.set(name, [...before, { run: record.run, line }])
    } else if (record.kind === 'log-files') {
      this.packedLogFiles += rowsOf(record)
      const name = nameOf({ kind: 'folder', name: record.folder })
      const packs = this.packs.get(name)
      if (packs === undefined) this.packs.set(name, [{ run: record.run, line }])
      else packs.splice(packs.findLastIndex(({ run }) => run <= record.run) + 1, 0, { run: record.run, line })
    } else {
      const fact = record.kind === 'log-file' ? factOf(record, record.run) : undefined
      // They are packed first, and then read once more.
      if (fact !== undefined && ++this.looseLogFiles > ROWS_HELD) return
      this.objects.set(nameOf(record), { identity: record.identity, run: record.run, line, fact, counted: false, asked: false })
    }
  }
}

export async function readKnown(path: string, key: Uint8Array | undefined): Promise<{ journal: Journal; known: Known }> {
  const known = new Known()
  const journal = await Journal.open(path, key, (value, line) => {
    const record = parseRecord(value)
    if (record === undefined || (known.lines === 0) !== (record.kind === 'state'))
      throw new VerifyTrailError('ERR_STATE', `'${path}' is no state file of this version`)
    known.add(record, line)
  })
  return { journal, known }
}

/** What earlier runs than this one settled of an account and region. */
export async function settledBefore(journal: Journal, lines: readonly KeptLine[], run: number): Promise<SettledRecord[]> {
  const records: SettledRecord[] = []
  for (const { line } of lines.filter((kept) => kept.run < run)) {
    const record = parseRecord(await journal.readAgain(line))
    if (record?.kind === 'settled') records.push(record)
  }
  return records
}

/** One record for each account and region that is still of use: of all that runs settled that ended. */
async function* settledOf(
  journal: Journal,
  known: Known,
  useless: ReadonlySet<string>,
): AsyncGenerator<SettledRecord, void, undefined> {
  for (const [name, lines] of known.settled) {
    if (useless.has(name)) continue
    const records = await settledBefore(journal, lines, known.nextRun)
    const newest = records.at(-1)
    if (newest !== undefined) yield { ...newest, added: settledAfter(records), dropped: { digests: [], logFiles: [] }, covers: 0 }
  }
}

/**
 * Writes what is still of use anew: the newest record of each digest, all runs, and log files packed by folder; of what is settled that
 * alone.
 */
export async function compact(
  path: string,
  key: Uint8Array | undefined,
  journal: Journal,
  known: Known,
  useless: ReadonlySet<string> = new Set(),
): Promise<void> {
  const written = `${path}.new`
  await rm(written, { force: true })
  const next = await Journal.open(written, key, () => undefined)
  const packs = new Map<string, PackWriter>()
  const folders = new SettledFolders()
  for await (const record of settledOf(journal, known, useless)) folders.add(record)
  const isUseless = (record: StateRecord): boolean => folders.has(record) || useless.has(nameOfRecord(record))
  let held = 0
  const pack = (record: FileRecord): void => {
    const name = `${record.run}\n${folderOf(record.name)}`
    let writer = packs.get(name)
    if (writer === undefined) {
      writer = new PackWriter(record)
      packs.set(name, writer)
    }
    writer.add(record)
    held++
  }
  const flush = async (): Promise<void> => {
    for (const writer of packs.values()) for (const record of writer.records()) await next.append(record)
    packs.clear()
    held = 0
  }
  try {
    await journal.replay(async (value, line) => {
      const record = parseRecord(value)
      if (record === undefined || isUseless(record)) return
      if (record.kind === 'settled') {
        if (record.run >= known.nextRun) await next.append(record)
      } else if (record.kind === 'log-file') {
        pack(record)
        if (held >= ROWS_HELD) await flush()
      } else if (record.kind === 'log-files') {
        const { length = 0 } = known.packs.get(nameOf({ kind: 'folder', name: record.folder })) ?? []
        if (length === 1) await next.append(record)
      } else if (record.kind !== 'digest' || known.objects.get(nameOf(record))?.line.offset === line.offset)
        await next.append(record)
    })
    for (const kept of known.packs.values()) {
      if (kept.length === 1) continue
      const records: PackRecord[] = []
      for (const { line } of kept) {
        const record = parseRecord(await journal.readAgain(line))
        if (record?.kind === 'log-files' && !isUseless(record)) records.push(record)
      }
      for (const record of mergePacks(records)) await next.append(record)
    }
    await flush()
    for await (const record of settledOf(journal, known, useless)) await next.append(record)
  } finally {
    await next.close()
  }
  await rename(written, path)
}

/** Empty where it is of no object. */
function nameOfRecord(record: StateRecord): string {
  if (record.kind === 'log-files') return nameOf({ kind: 'folder', name: record.folder })
  return record.kind === 'digest' || record.kind === 'log-file' ? nameOf(record) : ''
}

/** Names are long, and there are many. */
export function nameOf({ kind, name }: { readonly kind: string; readonly name: string }): string {
  return createHash('sha256').update(`${kind}\n${name}`).digest().toString('latin1', 0, 20)
}

export function factOf({ gzip, live, sha256, bytesRead, bytesInflated }: Facts, run: number): CopyFact {
  const measurement = { kind: 'measured', gzip, sha256, bytesRead, bytesInflated, trailing: null, damage: null } as const
  return { kind: 'measured', live, measurement, keptIn: run }
}
