/** Extended attributes of files: `rclone copy -M` and others save an object's metadata there. Node has no call for them. */
import { createRequire } from 'node:module'
import { isOfCloudTrail } from '../core/digest-metadata.js'

type Attributes = typeof import('@napi-rs/xattr')

const require = createRequire(import.meta.url)

/** Null: looked for, and not there. */
let loaded: Attributes | null | undefined

/** An optional package: where it is not installed, or not for this system, files have no attributes. */
function load(): Attributes | null {
  try {
    return require('@napi-rs/xattr')
  } catch {
    return null
  }
}

const USER = 'user.'
/** More is not read: attributes are attacker-chosen. */
const MOST_ATTRIBUTES = 100

/** The attributes `user.*` of a file, where CloudTrail's are among them. */
export function fileAttributes(path: string): Readonly<Record<string, string>> | undefined {
  if (loaded === undefined) loaded = load()
  if (loaded === null) return undefined
  try {
    const found = new Map<string, string>()
    for (const name of loaded.listAttributesSync(path).slice(0, MOST_ATTRIBUTES)) {
      const value = name.startsWith(USER) ? loaded.getAttributeSync(path, name) : null
      if (value !== null) found.set(name.slice(USER.length).toLowerCase(), value.toString())
    }
    const metadata = Object.fromEntries(found)
    return isOfCloudTrail(metadata) ? metadata : undefined
  } catch {
    // A file system without them.
    return undefined
  }
}
