import type { Progress } from '../engine/verify-trail.js'
import { clip, columnsOf } from '../reports/columns.js'
import { escapeTerminal } from '../reports/escape.js'
import { formatBytes, formatCount, formatCounted } from '../reports/quantity.js'
import type { Pace } from './pace.js'

/** A part of the line, and when it gives way: the highest number first. */
type Part = readonly [givesWay: number, text: string]

/** What a run does now, in at most `width` columns. What comes out of a bucket is escaped. */
export function progressLine(progress: Progress, pace: Pace, width: number): string {
  let parts = partsOf(progress, pace)
  for (;;) {
    const line = parts.map(([, text]) => text).join(', ')
    if (columnsOf(line) <= width) return line
    const most = Math.max(...parts.map(([givesWay]) => givesWay))
    if (most === 0) return clip(line, width)
    parts = parts.filter(([givesWay]) => givesWay !== most)
  }
}

function partsOf(progress: Progress, pace: Pace): Part[] {
  switch (progress.phase) {
    case 'listing':
      return [[0, `listing the accounts and regions of ${escapeTerminal(progress.at)}`]]
    case 'reading digests':
      return readingParts(progress)
    case 'checking log files':
      return checkingParts(progress, pace)
  }
}

function readingParts({ scopes, chains, digests, bytesRead, findings }: Progress): Part[] {
  return [
    [0, `reading digests: ${formatCounted(chains, 'chain')} found`],
    [2, accountsAndRegions(scopes)],
    [0, formatCounted(digests, 'digest')],
    [3, formatBytes(bytesRead)],
    [1, findingCount(findings)],
  ]
}

function checkingParts(progress: Progress, pace: Pace): Part[] {
  const { at, scopes, scopesDone, logFiles, logFilesListed, bytesRead, findings } = progress
  const { rate } = pace
  const left = pace.left(progress)
  const files =
    logFilesListed === null || logFilesListed < logFiles
      ? formatCounted(logFiles, 'log file')
      : `${formatCount(logFiles)} of ${formatCounted(logFilesListed, 'log file')}`
  const place: Part[] = scopes > 1 && logFilesListed === null ? [[2, `${scopesDone + 1} of ${accountsAndRegions(scopes)}`]] : []
  const rates: Part[] =
    rate === undefined
      ? [[3, formatBytes(bytesRead)]]
      : [
          [1, `${formatCount(Math.round(rate.logFiles))}/s`],
          [3, `${formatBytes(rate.bytes)}/s`],
        ]
  const time: Part[] = left === undefined ? [] : [[0, `${roughTime(left)} left`]]
  return [[0, files], ...rates, [0, findingCount(findings)], ...place, ...time, [4, escapeTerminal(at)]]
}

function accountsAndRegions(count: number): string {
  return count === 1 ? '1 account and region' : `${formatCount(count)} accounts and regions`
}

function findingCount(findings: number): string {
  return findings === 0 ? 'no findings' : formatCounted(findings, 'finding')
}

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

/** As exact as a forecast is: `about 40 s`, `about 3 min`, `about 2 h 10 min`. */
export function roughTime(ms: number): string {
  if (ms < 90 * SECOND) return `about ${Math.max(5, Math.round(ms / SECOND / 5) * 5)} s`
  if (ms < 90 * MINUTE) return `about ${Math.round(ms / MINUTE)} min`
  const tens = Math.round(ms / (10 * MINUTE))
  const minutes = (tens % 6) * 10
  return `about ${formatCount(Math.floor((tens * 10 * MINUTE) / HOUR))} h${minutes === 0 ? '' : ` ${minutes} min`}`
}
