/** What tells whether two runs were given the same files. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** Hex SHA-256 of a file. */
export async function hashOfFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array)
  return hash.digest('hex')
}

/** The same of a file; of a directory, over the `sha256sum` lines of its `.json` files in order of their names. */
export async function hashOfFiles(path: string): Promise<string> {
  if (!(await stat(path)).isDirectory()) return hashOfFile(path)
  const hash = createHash('sha256')
  const names = (await readdir(path)).filter((name) => name.endsWith('.json')).sort()
  for (const name of names) hash.update(`${await hashOfFile(join(path, name))}  ${name}\n`)
  return hash.digest('hex')
}
