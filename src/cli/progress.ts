import type { Progress } from '../engine/verify-trail.js'
import { escapeTerminal } from '../reports/escape.js'
import { formatBytes, formatCount, formatCounted } from '../reports/quantity.js'
import type { Console, Output } from './console.js'

const REWRITE_EVERY_MS = 200
const PLAIN_EVERY_MS = 30_000
const CLEAR_LINE = '\r\x1b[2K'

/** Shows on stderr how far a run has come. */
export interface ProgressDisplay {
  update(progress: Progress): void
  /** Takes a rewritten line away, so that other text can be printed. It comes back with the next turn. */
  clear(): void
  stop(): void
}

/** One rewritten line on a terminal, else a plain line every 30 seconds; nothing where it is not wanted. */
export function showProgress({ stderr, environment }: Console, wanted: boolean): ProgressDisplay {
  if (!wanted) return { update: () => undefined, clear: () => undefined, stop: () => undefined }
  const rewritten = stderr.isTTY === true && environment['TERM'] !== 'dumb' && !environment['CI']
  return rewritten ? rewrittenLine(stderr) : plainLines(stderr)
}

function rewrittenLine(stderr: Output): ProgressDisplay {
  let latest: Progress | undefined
  let shown = false
  const timer = setInterval(() => {
    if (!latest) return
    stderr.write(CLEAR_LINE + describe(latest).slice(0, (stderr.columns ?? 80) - 1))
    shown = true
  }, REWRITE_EVERY_MS).unref()
  const clear = () => {
    if (shown) stderr.write(CLEAR_LINE)
    shown = false
  }
  return {
    update: (progress) => {
      latest = progress
    },
    clear,
    stop: () => {
      clearInterval(timer)
      clear()
    },
  }
}

function plainLines(stderr: Output): ProgressDisplay {
  let latest: Progress | undefined
  const timer = setInterval(() => {
    if (latest) stderr.write(`verify-trail: ${describe(latest)}\n`)
  }, PLAIN_EVERY_MS).unref()
  return {
    update: (progress) => {
      latest = progress
    },
    clear: () => undefined,
    stop: () => clearInterval(timer),
  }
}

/** `at` may hold names from the bucket. */
function describe({ phase, at, chains, digests, logFiles, bytesRead, findings }: Progress): string {
  const parts = [
    formatCounted(chains, 'chain'),
    formatCounted(digests, 'digest'),
    formatCounted(logFiles, 'log file'),
    formatBytes(bytesRead),
    findings === 0 ? 'no findings' : `${formatCount(findings)} finding${findings === 1 ? '' : 's'}`,
  ]
  return `${phase}${at === '' ? '' : ` ${escapeTerminal(at)}`}: ${parts.join(', ')}`
}
