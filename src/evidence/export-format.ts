/** What is in an export beside the objects, and under which names. docs/exports.md has it in words. */
import { createHash } from 'node:crypto'
import { type ExportedRoot, OBJECTS_FOLDER } from '../sources/export-records.js'
import { isSafeKey } from '../sources/object-names.js'

export const MANIFEST: string = `${OBJECTS_FOLDER}SHA256SUMS`
export const REPORT: string = `${OBJECTS_FOLDER}report.json`

/** Each source in a folder of its own: the bucket's name, or the directory's. */
export function rootsOf(
  sources: readonly {
    readonly name: string
    readonly bucket?: string
    readonly path?: readonly string[]
    readonly prefix?: string
  }[],
): ExportedRoot[] {
  const taken = new Set([OBJECTS_FOLDER])
  return sources.map(({ bucket, path, prefix = '' }, index) => {
    const name = bucket ?? path?.at(-1) ?? ''
    const plain = /^[A-Za-z0-9][A-Za-z0-9._-]{0,200}$/.test(name) ? name : `source-${index + 1}`
    let folder = `${plain}/`
    // Parts of one bucket lie together.
    for (let n = 2; taken.has(folder) && bucket === undefined; n++) folder = `${plain}-${n}/`
    taken.add(folder)
    return { folder, prefix, bucket: bucket ?? null }
  })
}

/** The name of a member: the key, where no tool that extracts it would be led elsewhere, and where it fits a line of a list of files. */
export function memberName(key: string): string {
  if (isSafeKey(key) && !/[\n\r]/.test(key) && !key.endsWith('/') && !key.startsWith(OBJECTS_FOLDER)) return key
  return `${OBJECTS_FOLDER}objects/${createHash('sha256').update(key).digest('hex')}`
}
