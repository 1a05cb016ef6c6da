/** The summary on a screen: what does not fit is counted, and is in the full report. */
import type { Gap } from '../../core/findings.js'
import { NEVER_SEEN } from '../../core/never-seen.js'
import type { Summary } from '../../core/results.js'
import { carriedOverSentence } from '../carried-over.js'
import { clip, columnsOf, wrap } from '../columns.js'
import { escapeTerminal } from '../escape.js'
import type { FindingGroup, FindingGroups } from '../finding-groups.js'
import type { Marks } from '../marks.js'
import { MEANINGS } from '../meanings.js'
import type { Colour, Paint } from '../paint.js'
import { formatCount, formatCounted } from '../quantity.js'
import { VERDICT_COLOURS } from '../result-lines.js'
import { type Range, rangeOf } from '../states.js'
import { verdictLine } from '../text-summary.js'
import { barLines, legend } from './coverage-bar.js'
import { coverageRows, fitRows } from './coverage-rows.js'
import { nextStep } from './next-step.js'

export interface ScreenLook {
  readonly paint: Paint
  readonly columns: number
  readonly rows: number
  /** The character for what is proven. */
  readonly proven: string
}

/** What is remembered of a run until its summary is there. */
export interface Seen {
  readonly groups: FindingGroups
  readonly marks: Marks
  /** Gaps of what has no chain. */
  readonly notFound: Gap[]
}

/** However small the screen is, so much is shown of each. */
const LEAST_CODES = 3
const LEAST_ROWS = 3
/** Sentences on what was not checked that are shown, and lines of each. */
const MOST_SENTENCES = 3
const LINES_OF_SENTENCE = 2

export function screenLines(summary: Summary, seen: Seen, look: ScreenLook): string[] {
  const groups = seen.groups.worstFirst()
  const last = [...keyLines(summary, look), ...notCheckedLines(summary, look), ...verdictLines(summary, look)]
  // A blank line, heading and legend of the coverage, and the prompt after it.
  const room = look.rows - last.length - 4
  const findings = findingsWithin(groups, room - LEAST_ROWS, look)
  const coverage = coverageLines(summary, seen, look, Math.max(LEAST_ROWS, room - findings.length))
  return [...coverage, ...findings, '', ...last]
}

function findingsWithin(groups: readonly FindingGroup[], room: number, look: ScreenLook): string[] {
  for (let most = groups.length; ; most--) {
    const lines = findingLines(groups, most, look)
    if (lines.length <= room || most <= LEAST_CODES) return lines
  }
}

function coverageLines(summary: Summary, seen: Seen, look: ScreenLook, most: number): string[] {
  const chains = summary.chains.filter(({ kind }) => kind === 'standard')
  const range = rangeOf(chains) ?? rangeOf(seen.notFound)
  if (range === undefined) return [look.paint('bold', 'Coverage'), '  none: no valid digest in or near the range']
  const rows = fitRows(coverageRows(summary, seen.marks, seen.notFound, range), most)
  return [`${look.paint('bold', 'Coverage')}  ${shownRange(range)}`, ...barLines(rows, range, look), legend(look)]
}

function shownRange({ start, end }: Range): string {
  const shown = (ms: number) => new Date(ms).toISOString().slice(0, 19).replace('T', ' ')
  return `${shown(start)} to ${shown(end)} UTC`
}

const MARKS = { invalid: 'X', unverified: '?', note: '-' } as const

function findingLines(groups: readonly FindingGroup[], most: number, { paint, columns }: ScreenLook): string[] {
  if (groups.length === 0) return []
  const shown = groups.slice(0, most)
  const digits = Math.max(...shown.map(({ total }) => formatCount(total).length))
  const names = Math.max(...shown.map(({ code }) => code.length))
  const lines = shown.flatMap((group) => {
    const { code, verdict, total } = group
    const head = `  ${MARKS[verdict]} ${formatCount(total).padStart(digits)} `
    const meaning = clip(MEANINGS[code], columns - columnsOf(head) - names - 2)
    const step = wrap(nextStep(group), columns - 4)
    return [
      `${head}${paint(VERDICT_COLOURS[verdict], code.padEnd(names))}  ${meaning}`,
      ...step.map((line, i) => paint('dim', `  ${i === 0 ? '>' : ' '} ${line}`)),
    ]
  })
  const more = groups.length - shown.length
  const rest = more > 0 ? [`  and ${formatCounted(more, 'more kind', 'more kinds')} of findings`] : []
  return ['', paint('bold', 'Findings'), ...lines, ...rest]
}

function keyLines({ publicKeys }: Summary, { columns }: ScreenLook): string[] {
  if (publicKeys.length === 0) return []
  const origins = [...new Set(publicKeys.map(({ origin }) => escapeTerminal(origin)))]
  const given = publicKeys.some(({ independent }) => !independent) ? ', trusted as given' : ''
  return [clip(`Public keys: ${formatCount(publicKeys.length)}, from ${origins.join(', ')}${given}`, columns)]
}

/** What no run can see is the same every time: it is told in few words, and the rest first. */
function notCheckedLines({ notChecked, run }: Summary, { columns, paint }: ScreenLook): string[] {
  const all = [...carriedOverSentence(run.state), ...notChecked]
  const own = all.filter((sentence) => !NEVER_SEEN.includes(sentence))
  const shown = own.slice(0, run.interrupted ? MOST_SENTENCES + 1 : MOST_SENTENCES)
  const lines = shown.flatMap((sentence) => shortened(`Not checked: ${escapeTerminal(sentence)}`, columns))
  const more = all.length - shown.length
  if (more === 0) return lines
  const rest = `Not checked: ${shown.length > 0 ? 'also ' : ''}${formatCounted(more, 'thing')} that the full report names: -o report.html, or | less`
  return [...lines, paint('dim', clip(rest, columns))]
}

function shortened(sentence: string, columns: number): string[] {
  const lines = wrap(sentence, columns, '  ')
  const [last, ...more] = lines.slice(LINES_OF_SENTENCE - 1)
  const rest = [last ?? '', ...more.map((line) => line.trimStart())].join(' ')
  return [...lines.slice(0, LINES_OF_SENTENCE - 1), ...(last === undefined ? [] : [clip(rest, columns)])]
}

/** Never cut, however narrow the screen is. */
function verdictLines(summary: Summary, { columns, paint }: ScreenLook): string[] {
  let colour: Colour | undefined
  const plain = verdictLine(summary, (given, text) => {
    colour = given
    return text
  })
  return wrap(plain, columns).map((line) => (colour === undefined ? line : paint(colour, line)))
}
