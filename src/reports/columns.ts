/** Safe text within the columns of a terminal: escape what comes out of a bucket before it comes here. */

/** From here on characters may be two columns wide: all are taken to be. */
const WIDE_FROM = 0x1100
/** Our own, and one column wide. */
const ELLIPSIS = '…'

/** How many columns text takes, at most. */
export function columnsOf(text: string): number {
  let columns = 0
  for (const character of text) columns += widthOf(character)
  return columns
}

function widthOf(character: string): number {
  return character === ELLIPSIS || (character.codePointAt(0) ?? 0) < WIDE_FROM ? 1 : 2
}

/** Text in at most so many columns; where it is longer, its end is cut. */
export function clip(text: string, columns: number): string {
  if (columnsOf(text) <= columns) return text
  let room = columns - 1
  let kept = ''
  for (const character of text) {
    room -= widthOf(character)
    if (room < 0) break
    kept += character
  }
  return `${kept}${ELLIPSIS}`
}

/** Words on lines of at most so many columns; a longer word stands alone, and is not broken. `indent` goes before all lines but the first. */
export function wrap(text: string, columns: number, indent = ''): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`
    if (line !== '' && columnsOf(longer) > columns) {
      lines.push(line)
      line = indent + word
    } else line = longer
  }
  return [...lines, line]
}
