import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * Hex SHA-256 over the names and bytes of the files that this tool runs from, in order of their names: which program said it.
 * As `sha256sum` lists them: for each file its own SHA-256, two spaces, its path below `dist/`, a newline. Undefined where they cannot be read.
 */
export function packageSha256(): string | undefined {
  const root = dirname(dirname(fileURLToPath(import.meta.url)))
  try {
    const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.js'))
      .map((name) => name.split(sep).join('/'))
      .sort()
    const lines = files.map((name) => `${sha256(readFileSync(join(root, name)))}  ${name}\n`)
    return sha256(lines.join(''))
  } catch {
    return undefined
  }
}

function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}
