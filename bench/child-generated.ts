/** A run over a generated trail: `child-generated ACCOUNTS REGIONS HOURS LOG-FILES-PER-HOUR LATENCY [command]`; `command`: with the heap as the command keeps it */
import { keepHeapSmall } from '../src/cli/heap.js'
import { verifyTrail } from '../src/index.js'
import { reportCost } from './child.js'
import { generate } from './generated-source.js'

const [, , ...given] = process.argv
if (given.at(-1) === 'command') keepHeapSmall()
const [accounts = 1, regions = 1, hours = 1, logFilesPerHour = 1, latencyMs = 0] = given.map(Number)
const { source, publicKeys, startTime, endTime, logFiles, counts } = generate({
  accounts,
  regions,
  hours,
  logFilesPerHour,
  ...(latencyMs > 0 ? { latencyMs } : {}),
})
const startedAt = Date.now()
const before = counts.requests
for await (const result of verifyTrail({ sources: [source], publicKeys, startTime, endTime, workers: 0 })) {
  if (result.kind === 'summary' && (result.verdict !== 'valid' || result.summary.logFiles.valid !== logFiles))
    throw new Error(result.verdict)
}
reportCost(startedAt, String(counts.requests - before))
