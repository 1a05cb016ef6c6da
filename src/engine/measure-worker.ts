/** A worker thread: opens sources by their address, measures batches of log files end to end, and answers with the facts. */
import { parentPort, workerData } from 'node:worker_threads'
import { Disagreement } from '../core/disagreement.js'
import type { CopyFact } from '../core/judge-log-file.js'
import { BodyError, type Source, type SourceAddress } from '../sources/source.js'
import { type MeasureSettings, ReadObjectToMeasure } from './measurer.js'

export interface Batch {
  readonly id: number
  readonly copies: readonly { readonly address: SourceAddress; readonly key: string; readonly size: number | undefined }[]
}

export interface BatchDone {
  readonly id: number
  readonly facts: readonly CopyFact[]
  /** In place of facts: two ways of measuring disagreed. */
  readonly disagreement?: string
}

const settings: MeasureSettings = workerData
const sources = new Map<string, Promise<Source>>()

async function openSource(address: SourceAddress): Promise<Source> {
  const module: Readonly<Record<string, (...args: readonly unknown[]) => Promise<Source>>> = await import(address.module)
  const open = module[address.name]
  if (open === undefined) throw new TypeError(`${address.module} has no ${address.name}`)
  return open(...address.args)
}

function sourceAt(address: SourceAddress): Promise<Source> {
  const name = JSON.stringify(address)
  let source = sources.get(name)
  if (source === undefined) {
    source = openSource(address)
    sources.set(name, source)
  }
  return source
}

async function measureCopy({ address, key, size }: Batch['copies'][number]): Promise<CopyFact> {
  const source = await sourceAt(address)
  const options = size === undefined ? {} : { size }
  const object = new ReadObjectToMeasure(source, key, settings)
  return object.measure(source.readNow === undefined ? await source.read(key, options) : source.readNow(key, options))
}

async function measureBatch({ copies }: Batch): Promise<CopyFact[]> {
  return Promise.all(
    copies.map((copy) =>
      measureCopy(copy).catch((error: unknown): CopyFact => {
        if (error instanceof BodyError) return { kind: 'unreadable', reason: error.reason, detail: error.message }
        throw error
      }),
    ),
  )
}

parentPort?.on('message', (batch: Batch | 'close') => {
  if (batch === 'close') {
    void Promise.all([...sources.values()].map(async (source) => (await source).close?.())).finally(() => parentPort?.close())
    return
  }
  void measureBatch(batch).then(
    (facts) => parentPort?.postMessage({ id: batch.id, facts } satisfies BatchDone),
    (error: unknown) => {
      if (error instanceof Disagreement)
        return parentPort?.postMessage({ id: batch.id, facts: [], disagreement: error.message } satisfies BatchDone)
      // Out of memory, or a source that cannot be opened: this thread's end, seen by the pool.
      queueMicrotask(() => {
        throw error
      })
    },
  )
})
