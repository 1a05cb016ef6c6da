/** Extended attributes of files: `rclone copy -M` and others save an object's metadata there. Node has no call for them. */
import { isOfCloudTrail } from '../core/digest-metadata.js'

type Attributes = typeof import('@napi-rs/xattr')

let loading: Promise<Attributes | undefined> | undefined

/** An optional package: where it is not installed, or not for this system, files have no attributes. */
function load(): Promise<Attributes | undefined> {
  loading ??= import('@napi-rs/xattr').catch(() => undefined)
  return loading
}

const USER = 'user.'
/** More is not read: attributes are attacker-chosen. */
const MOST_ATTRIBUTES = 100

/** The attributes `user.*` of a file, where CloudTrail's are among them. */
export async function fileAttributes(path: string): Promise<Readonly<Record<string, string>> | undefined> {
  const attributes = await load()
  if (attributes === undefined) return undefined
  try {
    const found = new Map<string, string>()
    for (const name of attributes.listAttributesSync(path).slice(0, MOST_ATTRIBUTES)) {
      const value = name.startsWith(USER) ? attributes.getAttributeSync(path, name) : null
      if (value !== null) found.set(name.slice(USER.length).toLowerCase(), value.toString())
    }
    const metadata = Object.fromEntries(found)
    return isOfCloudTrail(metadata) ? metadata : undefined
  } catch {
    // A file system without them.
    return undefined
  }
}
