/** Results in a directory that all machines share. */
import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readFile, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Results } from './results.js'

/** A name is given to a whole file by a hard link, which fails where the name is taken: that holds on NFS, too. */
export function directoryResults(path: string): Results {
  return {
    name: path,
    async put(name, bytes) {
      const target = join(path, name)
      await mkdir(dirname(target), { recursive: true })
      const temporary = `${target}.${randomBytes(6).toString('hex')}.tmp`
      try {
        const file = await open(temporary, 'wx')
        try {
          await file.writeFile(bytes)
          await file.sync()
        } finally {
          await file.close()
        }
        await link(temporary, target)
        return 'put'
      } catch (error) {
        if (isCode(error, 'EEXIST')) return 'there'
        throw error
      } finally {
        await unlink(temporary).catch(() => undefined)
      }
    },
    async has(name) {
      try {
        return (await stat(join(path, name))).isFile()
      } catch (error) {
        if (isCode(error, 'ENOENT')) return false
        throw error
      }
    },
    async get(name) {
      try {
        return await readFile(join(path, name))
      } catch (error) {
        if (isCode(error, 'ENOENT')) return undefined
        throw error
      }
    },
  }
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
