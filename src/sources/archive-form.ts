/** What a file is, by its first bytes, whatever its name. */

import type { Duplex } from 'node:stream'
import zlib from 'node:zlib'
import { VerifyTrailError } from '../errors.js'
import { BLOCK, parseTarHeader } from './tar-header.js'

export type ArchiveForm = 'tar' | 'zip' | 'gzip' | 'zstd'

/** How many of the first bytes decide. */
export const HEAD_BYTES: number = BLOCK

const ALLOWED = 'give a .tar, .tar.gz, .tar.zst or .zip, a directory, or s3://bucket[/prefix]'

/** Throws for anything else, with what to do about it. `name`: as the user gave it. */
export function archiveForm(head: Uint8Array, name: string): ArchiveForm {
  const magic = Buffer.from(head.subarray(0, 8)).toString('latin1')
  if (magic.startsWith('\x1f\x8b')) return 'gzip'
  if (magic.startsWith('\x28\xb5\x2f\xfd')) return 'zstd'
  if (magic.startsWith('PK\x03\x04') || magic.startsWith('PK\x05\x06')) return 'zip'
  if (magic.startsWith(SEVEN_ZIP))
    throw cannotRead(
      name,
      `it is packed by 7-Zip: 7z x -ofolder ${shown(name)}, and give the folder (of a .tar.7z: 7z x -so ${shown(name)} | verify-trail - …)`,
    )
  for (const [start, tool] of PIPED) {
    if (magic.startsWith(start)) throw cannotRead(name, `it is compressed: ${tool} ${shown(name)} | verify-trail - …`)
  }
  if (head.length === BLOCK && (parseTarHeader(head) !== undefined || head.every((byte) => byte === 0))) return 'tar'
  throw cannotRead(name, `it is no archive that can be read (${ALLOWED})${hint(magic, name)}`)
}

function hint(magic: string, name: string): string {
  if (magic.startsWith('PK\x07\x08') || /\.zip$/i.test(name))
    return '. If it is a part of a zip that zip split: zip -s 0 ARCHIVE.zip --out whole.zip'
  const part = /^(.*\.(?:tar|tgz|gz|zst|zip)\.)(?:[a-z]{1,4}|\d{1,4})$/i.exec(name)
  return part === null ? '' : `. If it is a part of an archive that was split, give all parts: ${shown(`${part[1]}*`)}`
}

const SEVEN_ZIP = "7z\xbc\xaf'\x1c"
const PIPED: readonly (readonly [string, string])[] = [
  ['BZh', 'bzip2 -dc'],
  ['\xfd7zXZ', 'xz -dc'],
  ['\x04\x22\x4d\x18', 'lz4 -dc'],
]

export function cannotRead(name: string, why: string, cause?: unknown): VerifyTrailError {
  return new VerifyTrailError('ERR_SOURCE', `${JSON.stringify(name)}: ${why}`, { cause })
}

function shown(name: string): string {
  return /^[\w./*+-]+$/.test(name) ? name : 'FILE'
}

const CHUNK = 256 * 1024

/** Inflates a compressed archive; throws where this Node has nothing to do it with. */
export function inflater(form: 'gzip' | 'zstd', name: string): Duplex & { readonly bytesWritten: number } {
  if (form === 'gzip') return zlib.createGunzip({ chunkSize: CHUNK })
  // Since Node 22.15; not in the types of Node 20.
  const createZstd: unknown = Reflect.get(zlib, 'createZstdDecompress')
  if (typeof createZstd === 'function') return createZstd({ chunkSize: CHUNK })
  const command = name === '-' ? 'zstd -dc | verify-trail - …' : `zstd -dc ${shown(name)} | verify-trail - …`
  throw cannotRead(name, `this Node (${process.version}) cannot inflate zstd: ${command}`)
}
