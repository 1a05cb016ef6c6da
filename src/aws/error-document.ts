/** S3's error answers: a small flat XML document. What speaks to us may be anybody, so this reads no more of XML than S3 writes. */

/** More than any that S3 writes. */
export const LONGEST_DOCUMENT: number = 64 * 1024

const START = /^\uFEFF?\s*(?:<\?xml[^<>]*\?>)?\s*/
/** A tag or text: no comment, no CDATA, no DOCTYPE, so that there is nothing to expand. */
const TOKEN = /<(\/?)([A-Za-z_][\w.:-]*)(?:\s[^<>]*?)?(\/?)>|[^<]+/y
const DEEPEST = 16
const NAMED: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

/**
 * The texts directly below `<Error>`, by name. Undefined for whatever is not one whole `<Error>` document: cut short,
 * something else, too long, or with a name that stands there twice. Never throws.
 */
export function parseErrorDocument(text: string): ReadonlyMap<string, string> | undefined {
  if (text.length > LONGEST_DOCUMENT) return undefined
  const fields = new Map<string, string>()
  const open: string[] = []
  let content = ''
  TOKEN.lastIndex = START.exec(text)?.[0].length ?? 0
  while (TOKEN.lastIndex < text.length) {
    const [token, isEnd, name, isEmpty] = TOKEN.exec(text) ?? []
    if (token === undefined) return undefined
    if (name === undefined) {
      if (open.length === 0) return undefined
      content += token
      continue
    }
    if (!isEnd) {
      if (open.length === 0 && name !== 'Error') return undefined
      if (open.push(name) > DEEPEST) return undefined
      content = ''
    }
    if (!isEnd && !isEmpty) continue
    if (open.pop() !== name) return undefined
    if (open.length === 1) {
      if (fields.has(name)) return undefined
      fields.set(name, decode(content))
    }
    content = ''
    if (open.length === 0) return text.slice(TOKEN.lastIndex).trim() === '' ? fields : undefined
  }
  return undefined
}

/** The five names and the numbers that XML has without a DOCTYPE; anything else stays as it is. */
function decode(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([\da-fA-F]{1,6})|([a-z]{2,4}));/g, (whole, decimal, hex, name) => {
    if (name !== undefined) return NAMED[name] ?? whole
    const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal)
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole
  })
}
