/** S3's error answers. */
import { walkXml } from './flat-xml.js'

/** More than any that S3 writes. */
export const LONGEST_DOCUMENT: number = 64 * 1024

/**
 * The texts directly below `<Error>`, by name. Undefined for whatever is not one whole `<Error>` document: cut short,
 * something else, too long, or with a name that stands there twice. Never throws.
 */
export function parseErrorDocument(text: string): ReadonlyMap<string, string> | undefined {
  if (text.length > LONGEST_DOCUMENT) return undefined
  const fields = new Map<string, string>()
  const isWhole = walkXml(text, 'Error', ([, name, below], content) => {
    if (name === undefined || below !== undefined) return true
    if (fields.has(name)) return false
    fields.set(name, content)
    return true
  })
  return isWhole ? fields : undefined
}
