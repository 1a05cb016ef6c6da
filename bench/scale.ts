/** Memory over a million log files, and with two workers on large ones; many short chains over a store with latency. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { constants, deflateRawSync, gzipSync } from 'node:zlib'
import { runChild } from './child.js'
import type { Row } from './row.js'
import { writeTrail } from './written-trail.js'

export const name = 'scale'

/** Our default. */
const CONCURRENCY = 128
const LATENCY = 20

export async function run(): Promise<Row[]> {
  return [million('the command', ['command']), million('the library', []), ...(await largeFiles()), chains(), ...planning()]
}

function million(who: string, heap: readonly string[]): Row {
  const { maxRssMb } = runChild('child-generated', ['1', '1', '2500', '400', '0', ...heap])
  return memory(`1,000,000 log files in one chain, ${who}`, maxRssMb, 150)
}

async function largeFiles(): Promise<Row[]> {
  const directory = mkdtempSync(join(tmpdir(), 'verify-trail-bench-'))
  try {
    const size = { accounts: 1, regions: 1, hours: 4, logFilesPerHour: 10, logFileBytes: 20_000_000 }
    const trail = await writeTrail(directory, size)
    const { publicKeyFile, startTime, endTime, logFilePaths } = trail
    const verify = (): number => runChild('child-verify', [trail.directory, publicKeyFile, '2', startTime, endTime]).maxRssMb
    const without = memory('40 log files of 20 MB, two workers', verify(), 160)
    writeFileSync(logFilePaths[1] ?? '', bombOf(512))
    return [without, memory('the same with a gzip bomb of 512 MB in place of one', verify(), 160)]
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** Inflates to so many MiB of zeros, which are at no time in memory here: a child's peak begins with that of its parent. */
function bombOf(mebibytes: number): Buffer {
  const unit = deflateRawSync(Buffer.alloc(2 ** 20), { finishFlush: constants.Z_SYNC_FLUSH })
  return Buffer.concat([gzipSync('').subarray(0, 10), Buffer.alloc(unit.length * mebibytes, unit)])
}

function memory(what: string, maxRssMb: number, most: number): Row {
  return {
    what: `peak memory, ${what}`,
    ours: `${maxRssMb.toFixed(0)} MB`,
    limit: `${most} MB`,
    ratio: maxRssMb / most,
    target: 1,
    better: 'less',
  }
}

/** 17,000 chains of a day. */
function planning(): Row[] {
  const size = ['1000', '17', '1', '2']
  const list = runChild('child-plan', [...size, 'list'])
  const plan = runChild('child-plan', [...size, 'plan'])
  const beyond = (plan.wallMs - list.wallMs) / 1000
  return [
    memory('a plan of 17,000 chains', plan.maxRssMb, 300),
    {
      what: 'a plan of 17,000 chains, beyond what listing takes',
      ours: `${beyond.toFixed(1)} s`,
      limit: '60 s',
      ratio: beyond / 60,
      target: 1,
      better: 'less',
    },
  ]
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
