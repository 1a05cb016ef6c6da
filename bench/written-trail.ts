/** Writes a generated trail to a directory, as an export has it. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type GeneratedOptions, generate } from './generated-source.js'

export interface WrittenTrail {
  readonly directory: string
  readonly publicKeyFile: string
  readonly metadataFile: string
  readonly startTime: string
  readonly endTime: string
  readonly logFiles: number
  readonly logFilePaths: readonly string[]
}

/** `DIRECTORY/BUCKET/AWSLogs/…`, `DIRECTORY/public-keys.json` and `DIRECTORY/metadata.json`. */
export async function writeTrail(directory: string, options: GeneratedOptions): Promise<WrittenTrail> {
  const { source, startTime, endTime, logFiles, publicKeyList, bucket } = generate(options)
  const root = join(directory, bucket)
  const logFilePaths: string[] = []
  const metadata: Record<string, Readonly<Record<string, string>>> = {}
  const folders = new Set<string>()
  for await (const key of source.allKeys()) {
    const answer = await source.read(key)
    if (answer.kind !== 'object' || !(answer.body instanceof Uint8Array)) throw new Error(`${key} cannot be generated`)
    const path = join(root, key)
    if (!folders.has(dirname(path))) mkdirSync(dirname(path), { recursive: true })
    folders.add(dirname(path))
    writeFileSync(path, answer.body)
    if (key.includes('/CloudTrail-Digest/')) metadata[`${bucket}/${key}`] = answer.metadata ?? {}
    else logFilePaths.push(path)
  }
  const publicKeyFile = join(directory, 'public-keys.json')
  const metadataFile = join(directory, 'metadata.json')
  writeFileSync(publicKeyFile, publicKeyList)
  writeFileSync(metadataFile, JSON.stringify(metadata))
  return { directory: root, publicKeyFile, metadataFile, startTime, endTime, logFiles, logFilePaths }
}
