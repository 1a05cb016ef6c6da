/** A worker thread: opens sources by their address, measures batches of log files end to end, and answers with the facts. */
import { parentPort, workerData } from 'node:worker_threads'
import { Disagreement } from '../core/disagreement.js'
import { BodyError, ReadFailure, type SourceAddress } from '../sources/source.js'
import { openAt, type ReadHere } from '../sources/source-address.js'
import { type MeasureSettings, ReadObjectToMeasure } from './measurer.js'
import { type Answer, type Answered, type Answers, packAnswers } from './worker-answers.js'

export interface Batch {
  readonly id: number
  readonly copies: readonly { readonly address: SourceAddress; readonly key: string; readonly size: number | undefined }[]
}

const settings: MeasureSettings = workerData
const sources = new Map<string, Promise<ReadHere>>()
/** An address comes anew with each message, once in it. */
const known = new WeakMap<SourceAddress, Promise<ReadHere>>()
/** Each renewal of credentials is another address. */
const SOURCES_KEPT = 64

function sourceAt(address: SourceAddress): Promise<ReadHere> {
  const source = known.get(address) ?? namedSource(address)
  known.set(address, source)
  return source
}

function namedSource(address: SourceAddress): Promise<ReadHere> {
  const name = JSON.stringify(address)
  let source = sources.get(name)
  if (source === undefined) {
    source = openAt(address)
    sources.set(name, source)
    const [oldest] = sources.keys()
    if (sources.size > SOURCES_KEPT && oldest !== undefined) sources.delete(oldest)
  }
  return source
}

async function measureCopy({ address, key, size }: Batch['copies'][number]): Promise<Answer> {
  const source = await sourceAt(address)
  const options = size === undefined ? {} : { size }
  const object = new ReadObjectToMeasure(source, key, settings)
  try {
    return await object.measure(source.readNow === undefined ? await source.read(key, options) : source.readNow(key, options))
  } catch (error) {
    if (error instanceof BodyError) return { kind: 'unreadable', reason: error.reason, detail: error.message }
    if (error instanceof ReadFailure) return { kind: 'failed', failure: error.failure }
    throw error
  }
}

let waiting: Answered[] = []

/** Answers are told as they are known, those of one turn together. */
function answer(one: Answered): void {
  if (waiting.push(one) === 1) setImmediate(post)
}

function post(): void {
  const answers = waiting
  waiting = []
  parentPort?.postMessage(packAnswers(answers), [...new Set(answers.flatMap(handedOver))])
}

/** Bytes that are another thread's from now on. */
function handedOver({ answer }: Answered): ArrayBuffer[] {
  const body = answer.kind === 'measured' ? answer.stored?.object?.body : undefined
  return body?.buffer instanceof ArrayBuffer ? [body.buffer] : []
}

function giveUp(error: unknown): void {
  if (error instanceof Disagreement) {
    parentPort?.postMessage({ ...packAnswers([]), disagreement: error.message } satisfies Answers)
    return
  }
  // Out of memory, or a source that cannot be opened: this thread's end, seen by the pool.
  queueMicrotask(() => {
    throw error
  })
}

parentPort?.on('message', (batch: Batch | 'close') => {
  if (batch === 'close') {
    void Promise.all([...sources.values()].map(async (source) => (await source).close?.())).finally(() => parentPort?.close())
    return
  }
  const { id, copies } = batch
  for (const [index, copy] of copies.entries()) measureCopy(copy).then((known) => answer({ id, index, answer: known }), giveUp)
})
