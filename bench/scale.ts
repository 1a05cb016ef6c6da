/** Memory over a million log files, and many short chains over a store with latency. */
import { runChild } from './child.js'
import type { Row } from './row.js'

export const name = 'scale'

const CONCURRENCY = 64
const LATENCY = 20

export async function run(): Promise<Row[]> {
  return [memory(), chains()]
}

function memory(): Row {
  const { maxRssMb } = runChild('child-generated', ['1', '1', '2500', '400', '0'])
  return {
    what: 'peak memory, 1,000,000 log files in one chain',
    ours: `${maxRssMb.toFixed(0)} MB`,
    limit: '150 MB',
    ratio: maxRssMb / 150,
    target: 1,
    better: 'less',
  }
}

function chains(): Row {
  const { wallMs, answer } = runChild('child-generated', ['20', '17', '24', '0', String(LATENCY)])
  const floor = (Number(answer) / CONCURRENCY) * LATENCY
  return {
    what: `340 chains of 24 digests at ${LATENCY} ms latency, wall`,
    ours: `${wallMs} ms`,
    limit: `${floor.toFixed(0)} ms (${answer} requests ÷ ${CONCURRENCY} × ${LATENCY} ms)`,
    ratio: wallMs / floor,
    target: 2,
    better: 'less',
  }
}
