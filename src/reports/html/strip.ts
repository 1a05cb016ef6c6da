/** Time as a strip: run-length marks in one SVG, the same size however many hours there are. */
import { type Segment, STATES, type State } from '../states.js'
import { markup, shownTime } from './markup.js'

/** The time from the left to the right edge of every strip, milliseconds since the epoch. */
export interface Scale {
  readonly start: number
  readonly end: number
}

/** How many steps a strip has: what falls into one step shows its worst. */
const STEPS = 720
/** The narrowest mark of what is not proven: an hour of a year is seen. */
const NARROWEST = 8
/** Up to so many marks each have their exact times; more are drawn together. */
const TITLED = 12

const HEIGHT = 16

/** A strip for the segments of one chain, or of many. `label` is what it says to who does not see it. */
export function strip(segments: readonly Segment[], scale: Scale, label: string): string {
  const marks = segments.filter(({ state }) => state !== 'proven' && state !== 'before')
  const proven = painted(
    segments.filter(({ state }) => state === 'proven'),
    scale,
  )
  if (marks.length === 0 && isWhole(proven)) return `<svg role=img aria-label="${label}"><use href=#q /></svg>`
  const titled = marks.length <= TITLED
  const shown = titled
    ? [...marks].sort((a, b) => layer(a) - layer(b)).map((mark) => titledPath(mark, scale))
    : [marks.filter((mark) => !isMoment(mark)), marks.filter(isMoment)].flatMap((each) => paths(painted(each, scale)))
  const body = [...paths(proven), ...shown].join('')
  return `<svg viewBox="0 0 ${STEPS} ${HEIGHT}" preserveAspectRatio=none role=img aria-label="${label}">${body}</svg>`
}

/** A log file's or digest's own time, and no hours: drawn over these, since it says what is wrong in them. */
function isMoment({ start, end }: Segment): boolean {
  return start === end
}

function layer(mark: Segment): number {
  return STATES.indexOf(mark.state) + (isMoment(mark) ? STATES.length : 0)
}

/** The strip of what is proven throughout, once; all others refer to it. And the patterns: meaning never rests on colour alone. */
export const DEFINITIONS: string =
  '<svg style="position:absolute;width:0;height:0" aria-hidden=true><defs>' +
  `<symbol id=q viewBox="0 0 ${STEPS} ${HEIGHT}" preserveAspectRatio=none><path class=proven d="M0 3h${STEPS}v10H0z"/></symbol>` +
  pattern('gap', '<path d="M-1 7L7 -1M-1 1L1 -1M5 7L7 5"/>') +
  pattern('missing', '<path d="M1.5 0v6M4.5 0v6"/>') +
  pattern('unlisted', '<circle cx="3" cy="3" r="1.5"/>') +
  pattern('unverified', '<path d="M0 1.5h6M0 4.5h6"/>') +
  '</defs></svg>'

function pattern(name: State, shape: string): string {
  return `<pattern id=p-${name} class=p-${name} width=6 height=6 patternUnits=userSpaceOnUse><rect width=6 height=6 />${shape}</pattern>`
}

/** The worst state of each step, as its place in STATES. */
function painted(segments: readonly Segment[], scale: Scale): Uint8Array {
  const steps = new Uint8Array(STEPS)
  for (const segment of segments) {
    const rank = STATES.indexOf(segment.state)
    const [from, to] = extent(segment, scale)
    for (let i = from; i < to; i++) steps[i] = Math.max(steps[i] ?? 0, rank)
  }
  return steps
}

function extent({ start, end, state }: Segment, scale: Scale): [from: number, to: number] {
  const span = Math.max(1, scale.end - scale.start)
  const at = (time: number) => ((Math.min(Math.max(time, scale.start), scale.end) - scale.start) / span) * STEPS
  const from = Math.floor(at(start))
  const to = Math.ceil(at(end))
  if (state === 'proven' || to - from >= NARROWEST) return [from, Math.max(to, from)]
  const left = Math.min(Math.max(0, Math.round((from + to - NARROWEST) / 2)), STEPS - NARROWEST)
  return [left, left + NARROWEST]
}

function isWhole(steps: Uint8Array): boolean {
  return steps.every((rank) => rank > 0)
}

/** One path for each state. */
function paths(steps: Uint8Array): string[] {
  const byRank = new Map<number, string>()
  for (let from = 0; from < STEPS; ) {
    const rank = steps[from] ?? 0
    let to = from + 1
    while (to < STEPS && steps[to] === rank) to++
    if (rank > 0) byRank.set(rank, (byRank.get(rank) ?? '') + box(from, to, STATES[rank]))
    from = to
  }
  return [...byRank].sort(([a], [b]) => a - b).map(([rank, d]) => `<path class=${STATES[rank]} d="${d}"/>`)
}

function titledPath(mark: Segment, scale: Scale): string {
  const [from, to] = extent(mark, scale)
  const title = `${mark.state}: ${exact(mark)}`
  return `<path class=${mark.state} d="${box(from, to, mark.state)}"><title>${markup(title)}</title></path>`
}

/** What is proven is a line; all else is as high as the strip. */
function box(from: number, to: number, state: State | undefined): string {
  return state === 'proven' ? `M${from} 3h${to - from}v10H${from}z` : `M${from} 0h${to - from}v${HEIGHT}H${from}z`
}

/** Its times, to the second. */
export function exact({ start, end }: { readonly start: number; readonly end: number }): string {
  const time = (ms: number) => shownTime(new Date(ms).toISOString())
  return start === end ? time(start) : `${time(start)} to ${time(end)}`
}

const HOUR = 3_600_000
const TICKS = [1, 2, 3, 6, 12, 24, 48, 7 * 24, 14 * 24, 30 * 24, 91 * 24, 365 * 24, 5 * 365 * 24].map((hours) => hours * HOUR)

/** Dates above the strips, at round times: few enough not to touch. */
export function axis({ start, end }: Scale): string {
  const most = TICKS.find((tick) => (end - start) / tick <= 6) ?? end - start
  const ticks: string[] = []
  for (let at = Math.ceil(start / most) * most; at <= end && ticks.length < 8; at += most) {
    const left = (((at - start) / Math.max(1, end - start)) * 100).toFixed(2)
    if (Number(left) > 92) break
    const iso = new Date(at).toISOString()
    ticks.push(`<span style="left:${left}%">${most < 24 * HOUR ? iso.slice(5, 16).replace('T', ' ') : iso.slice(0, 10)}</span>`)
  }
  return `<div class=axis aria-hidden=true>${ticks.join('')}</div>`
}
