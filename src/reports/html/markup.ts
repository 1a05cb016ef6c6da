import { escapeTerminal } from '../escape.js'

/**
 * Text for an HTML page, in content and in quoted attributes. Everything that is shown goes through here: what steers a terminal
 * or an eye is shown as an escape, and no character that means something to HTML is left.
 */
export function html(text: string): string {
  return markup(escapeTerminal(text))
}

/** Our own words, which hold no escapes but may hold characters that mean something to HTML. */
export function markup(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
}

/** `2026-01-31T08:00:00Z` as `2026-01-31 08:00:00`: all times of the page are UTC, said once. */
export function shownTime(time: string): string {
  return html(time.replace('T', ' ').replace(/(\.0+)?Z$/, ''))
}

/** `1 h 35 min`, `3 d 4 h`: the two largest parts. */
export function shownDuration(ms: number): string {
  const parts = [
    [Math.floor(ms / 86_400_000), 'd'],
    [Math.floor(ms / 3_600_000) % 24, 'h'],
    [Math.floor(ms / 60_000) % 60, 'min'],
    [Math.floor(ms / 1000) % 60, 's'],
  ] as const
  const first = parts.findIndex(([value]) => value > 0)
  const shown = parts.slice(first, first + 2).filter(([value]) => value > 0)
  return first < 0 ? '0 s' : shown.map(([value, unit]) => `${value} ${unit}`).join(' ')
}
