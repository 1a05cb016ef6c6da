import type { RunStatus, ShardAtWork } from '../cluster/run-queue.js'
import { escapeTerminal } from '../reports/escape.js'
import { formatCount, formatCounted } from '../reports/quantity.js'

/** How far runs have come. What Redis says is not believed more than to be shown. */
export function statusLines(runs: readonly RunStatus[]): string[] {
  return runs.length === 0 ? ['no run'] : runs.flatMap(linesOf)
}

function linesOf({ run, sources, state, shards, shardsDone, shardsFailed, atWork }: RunStatus): string[] {
  const failed = shardsFailed > 0 ? `, ${formatCount(shardsFailed)} failed` : ''
  return [
    `${escapeTerminal(run)}  ${STATES[state]}  ${formatCount(shardsDone)} of ${formatCounted(shards, 'shard')}${failed}  ${sources.map(escapeTerminal).join(' ')}`,
    ...atWork.map(atWorkLine),
  ]
}

const STATES = { waiting: 'at work', done: 'merged', failed: 'merging failed' } as const

function atWorkLine({ shard, logFiles, logFilesListed, findings }: ShardAtWork): string {
  const of =
    logFilesListed === null
      ? formatCounted(logFiles, 'log file')
      : `${formatCount(logFiles)} of ${formatCounted(logFilesListed, 'log file')}`
  return `  shard ${formatCount(shard)}: ${of}, ${findings === 0 ? 'no findings' : formatCounted(findings, 'finding')}`
}
