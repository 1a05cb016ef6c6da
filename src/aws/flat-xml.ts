/** The small, flat XML that S3 writes, and no more of XML than that: what speaks to us may be anybody. */

const START = /^\uFEFF?\s*(?:<\?xml[^<>]*\?>)?\s*/
/** A tag or text: no comment, no CDATA, no DOCTYPE, so that there is nothing to expand. */
const TOKEN = /<(\/?)([A-Za-z_][\w.:-]*)(?:\s[^<>]*?)?(\/?)>|[^<]+/y
const DEEPEST = 16
const NAMED: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

/**
 * Calls `close` at the end of each element, with the names of those that are open, its own last, and with its text, empty
 * where it holds elements. False for whatever is not one whole document of that root, and where `close` says so. Never throws.
 */
export function walkXml(text: string, root: string, close: (open: readonly string[], text: string) => boolean): boolean {
  const open: string[] = []
  let content = ''
  const token = new RegExp(TOKEN)
  token.lastIndex = START.exec(text)?.[0].length ?? 0
  while (token.lastIndex < text.length) {
    const [whole, isEnd, name, isEmpty] = token.exec(text) ?? []
    if (whole === undefined) return false
    if (name === undefined) {
      if (open.length === 0) return false
      content += whole
      continue
    }
    if (!isEnd) {
      if (open.length === 0 && name !== root) return false
      if (open.push(name) > DEEPEST) return false
      content = ''
    }
    if (!isEnd && !isEmpty) continue
    if (open.at(-1) !== name || !close(open, decode(content))) return false
    open.pop()
    content = ''
    if (open.length === 0) return text.slice(token.lastIndex).trim() === ''
  }
  return false
}

/** The five names and the numbers that XML has without a DOCTYPE; anything else stays as it is. */
function decode(text: string): string {
  if (!text.includes('&')) return text
  return text.replace(/&(?:#(\d{1,7})|#x([\da-fA-F]{1,6})|([a-z]{2,4}));/g, (whole, decimal, hex, name) => {
    if (name !== undefined) return NAMED[name] ?? whole
    const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal)
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole
  })
}
