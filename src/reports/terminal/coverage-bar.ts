/** Hours as a bar of characters. Each says what it means without its colour. */
import { clip, columnsOf } from '../columns.js'
import { escapeTerminal } from '../escape.js'
import type { Colour, Paint } from '../paint.js'
import { VERDICT_COLOURS } from '../result-lines.js'
import { type Range, STATES, type State } from '../states.js'
import type { CoverageRow } from './coverage-rows.js'

/** How the bars look: `proven` is one character, of one column. */
export interface BarLook {
  readonly columns: number
  readonly proven: string
  readonly paint: Paint
}

interface Glyph {
  readonly character: string
  readonly colour: Colour
}

const WIDEST = 80
const NARROWEST = 12
const LONGEST_NAME = 30

function glyphOf(state: State, proven: string): Glyph | undefined {
  switch (state) {
    case 'before':
      return undefined
    case 'proven':
      return { character: proven, colour: 'green' }
    case 'unverified':
      return { character: '?', colour: 'yellow' }
    case 'gap':
      return { character: '-', colour: 'yellow' }
    case 'unlisted':
    case 'missing':
    case 'invalid':
      return { character: 'X', colour: 'red' }
  }
}

export function legend({ proven, paint }: BarLook): string {
  const says = (state: State, words: string): string => {
    const glyph = glyphOf(state, proven)
    return glyph === undefined ? words : `${paint(glyph.colour, glyph.character)} ${words}`
  }
  return `  ${says('proven', 'proven')}   ${says('invalid', 'invalid, missing or not listed')}   ${says('gap', 'gap')}   ${says('unverified', 'unverified')}`
}

/** A line for each row: account, region, bar, how much is proven, verdict. All bars have the same scale. */
export function barLines(rows: readonly CoverageRow[], range: Range, look: BarLook): string[] {
  const accounts = column(rows.map(({ account }) => account))
  const regions = column(rows.map(({ region }) => region))
  const taken = 2 + columnsOf(accounts[0] ?? '') + 2 + columnsOf(regions[0] ?? '') + 2 + ' 100%  unverified'.length
  const width = Math.max(NARROWEST, Math.min(WIDEST, look.columns - taken))
  return rows.map((row, i) => {
    const verdict = look.paint(VERDICT_COLOURS[row.verdict], row.verdict)
    return `  ${accounts[i]}  ${regions[i]}  ${bar(row, range, width, look)} ${share(row).padStart(4)}  ${verdict}`
  })
}

function column(names: readonly string[]): string[] {
  const shown = names.map((name) => clip(escapeTerminal(name), LONGEST_NAME))
  const width = Math.max(0, ...shown.map(columnsOf))
  return shown.map((name) => name + ' '.repeat(width - columnsOf(name)))
}

/** Whole percents, rounded down: all of it is proven where it says 100%. */
function share({ asked, proven }: CoverageRow): string {
  return asked === 0 ? '' : `${Math.floor((proven / asked) * 100)}%`
}

function bar(row: CoverageRow, { start, end }: Range, width: number, look: BarLook): string {
  const cells = worstOfCells(row, start, Math.max(1, end - start), width)
  let line = ''
  for (let from = 0; from < width; ) {
    let to = from + 1
    while (to < width && cells[to] === cells[from]) to++
    const glyph = glyphOf(STATES[cells[from] ?? 0] ?? 'before', look.proven)
    line += glyph === undefined ? ' '.repeat(to - from) : look.paint(glyph.colour, glyph.character.repeat(to - from))
    from = to
  }
  return line
}

/** What falls into one cell shows its worst, as its place in STATES: an hour of a year is seen. */
function worstOfCells({ segments }: CoverageRow, start: number, span: number, width: number): Uint8Array {
  const cells = new Uint8Array(width)
  for (const segment of segments) {
    if (segment.end < start || segment.start > start + span) continue
    const rank = STATES.indexOf(segment.state)
    const from = Math.min(width - 1, Math.max(0, Math.floor(((segment.start - start) / span) * width)))
    const to = Math.min(width, Math.max(from + 1, Math.ceil(((segment.end - start) / span) * width)))
    for (let cell = from; cell < to; cell++) cells[cell] = Math.max(cells[cell] ?? 0, rank)
  }
  return cells
}
