/** Times: what users write, what CloudTrail writes, and what we write. All values are milliseconds since the epoch, UTC. */

const USER_TIME = /^(\d{4}-\d{2}-\d{2})(?:[Tt ](\d{2})(?::(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)?([Zz]|[+-]\d{2}(?::?\d{2})?)?)?$/
const CLOUDTRAIL_TIME = /^(\d{4}-\d{2}-\d{2})T(\d{2}):(\d{2}):(\d{2})Z$/

/**
 * Reads a time as a user writes it: an ISO 8601 date (its midnight UTC), or a date and a time with an offset, `Z` or neither,
 * which is UTC. Fractions are cut to milliseconds. `undefined` for anything else, dates and hours that do not exist included;
 * 24:00 and leap seconds are refused.
 */
export function parseTime(text: string): number | undefined {
  const match = USER_TIME.exec(text)
  if (match === null) return undefined
  const [, date = '', hour = '00', minute = '00', second = '00', fraction = '', zone = 'Z'] = match
  const local = realTime(date, hour, minute, second)
  const offset = parseOffset(zone)
  if (local === undefined || offset === undefined) return undefined
  return local + Number(fraction.padEnd(3, '0').slice(0, 3)) - offset
}

/** Reads a time exactly as digest bodies write it, `YYYY-MM-DDTHH:MM:SSZ`; `undefined` for anything else. */
export function parseCloudTrailTime(text: string): number | undefined {
  const match = CLOUDTRAIL_TIME.exec(text)
  if (match === null) return undefined
  const [, date = '', hour = '', minute = '', second = ''] = match
  return realTime(date, hour, minute, second)
}

const DAY = 86_400_000

/** The day written last: times come in order, and a date costs more than all the rest of them. */
let writtenDay = Number.NaN
let writtenDate = ''

/** Writes a time as ISO 8601 UTC, with milliseconds only where they are not zero. Throws a RangeError for what is no time. */
export function formatTime(ms: number): string {
  const day = Math.floor(ms / DAY)
  if (day !== writtenDay) {
    writtenDate = new Date(day * DAY).toISOString().slice(0, -14)
    writtenDay = day
  }
  const rest = ms - day * DAY
  const seconds = Math.floor(rest / 1000)
  const time = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`
  const fraction = rest % 1000
  return fraction === 0 ? `${writtenDate}T${time}Z` : `${writtenDate}T${time}.${String(Math.trunc(fraction)).padStart(3, '0')}Z`
}

function two(number: number): string {
  return number < 10 ? `0${number}` : `${number}`
}

let readDate = ''
let readMidnight: number | undefined

/** Date.UTC lets 30 February roll over into March, and takes year 26 for 1926: only what comes back unchanged is real. */
function realTime(date: string, hour: string, minute: string, second: string): number | undefined {
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 59) return undefined
  if (date !== readDate) {
    readMidnight = midnightOf(date)
    readDate = date
  }
  if (readMidnight === undefined) return undefined
  return readMidnight + ((Number(hour) * 60 + Number(minute)) * 60 + Number(second)) * 1000
}

function midnightOf(date: string): number | undefined {
  const year = Number(date.slice(0, 4))
  const month = Number(date.slice(5, 7)) - 1
  const midnight = Date.UTC(year, month, Number(date.slice(8, 10)))
  const rolled = new Date(midnight)
  return rolled.getUTCFullYear() === year && rolled.getUTCMonth() === month ? midnight : undefined
}

/** `Z`, `+hh:mm`, `+hhmm` or `+hh`, as milliseconds east of UTC. */
function parseOffset(zone: string): number | undefined {
  if (zone === 'Z' || zone === 'z') return 0
  const hours = Number(zone.slice(1, 3))
  const minutes = zone.length > 3 ? Number(zone.slice(-2)) : 0
  if (hours > 23 || minutes > 59) return undefined
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes) * 60_000
}
