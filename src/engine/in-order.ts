/** Concurrency with order: work overlaps, results come as if it did not. Windows are bounded; breaking out stops all work. */

/** Maps items concurrently, at most `window` of them ahead of the consumer; results in the order of the items. What is known at once is not kept back. */
export async function* mapInOrder<T, R>(
  items: AsyncIterable<T> | Iterable<T>,
  map: (item: T) => Promise<R> | R,
  window: number,
): AsyncGenerator<R, void, undefined> {
  const pending: (Promise<R> | R)[] = []
  for await (const item of items) {
    const result = map(item)
    // A rejection is met when its turn comes, not as an unhandled one before.
    if (result instanceof Promise) result.catch(() => undefined)
    pending.push(result)
    while (pending.length >= window || (pending.length > 0 && !(pending[0] instanceof Promise)))
      yield (await pending.shift()) as R
  }
  while (pending.length > 0) yield (await pending.shift()) as R
}

/** The same over pages. What is known at once is not waited for; an `urgent` result is not kept back until its page is full. */
export async function* mapPagesInOrder<T, R>(
  pages: AsyncIterable<readonly T[]>,
  map: (item: T) => Promise<R> | R,
  window: number,
  urgent: (result: R) => boolean,
): AsyncGenerator<R[], void, undefined> {
  let pending: (Promise<R> | R)[] = []
  let results: R[] = []
  for await (const page of pages) {
    let first = 0
    for (const item of page) {
      const result = map(item)
      let next: R
      if (result instanceof Promise || first < pending.length) {
        if (result instanceof Promise) result.catch(() => undefined)
        pending.push(result)
        if (pending.length - first < window && pending[first] instanceof Promise) continue
        next = (await pending[first++]) as R
      } else next = result
      results.push(next)
      if (results.length < PAGE && !urgent(next)) continue
      yield results
      results = []
    }
    pending = pending.slice(first)
  }
  for (const next of pending) {
    results.push(await next)
    if (results.length < PAGE) continue
    yield results
    results = []
  }
  yield results
}

const PAGE = 64

/**
 * Runs up to `ahead` sequences at once; yields all of the first, then all of the second, and so on. `buffered` results of a
 * sequence wait for their turn before it pauses. `stop` is called before it waits for work that nobody wants any more.
 */
export async function* concatInOrder<S, R>(
  sequences: Iterable<S> | AsyncIterable<S>,
  run: (sequence: S) => AsyncGenerator<R, void, undefined>,
  { ahead, buffered }: { readonly ahead: number; readonly buffered: number },
  stop: () => void,
): AsyncGenerator<R, void, undefined> {
  const running: Pump<R>[] = []
  const start = async function* (): AsyncGenerator<Pump<R>, void, undefined> {
    for await (const sequence of sequences) {
      const pump = new Pump(run(sequence), buffered)
      running.push(pump)
      yield pump
    }
  }
  try {
    for await (const pump of ahead <= 1 ? start() : lookAhead(start(), ahead)) {
      yield* pump.drain()
      running.splice(running.indexOf(pump), 1)
    }
  } finally {
    if (running.length > 0) stop()
    await Promise.all(running.map((pump) => pump.stop()))
  }
}

async function* lookAhead<T>(items: AsyncGenerator<T, void, undefined>, ahead: number): AsyncGenerator<T, void, undefined> {
  const held: T[] = []
  for await (const item of items) {
    held.push(item)
    const first = held.length >= ahead ? held.shift() : undefined
    if (first !== undefined) yield first
  }
  yield* held
}

/** Drives a generator ahead of its consumer, up to a bounded number of results. */
class Pump<R> {
  readonly #generator: AsyncGenerator<R, void, undefined>
  readonly #buffered: number
  #results: R[] = []
  #ended = false
  #error: { readonly value: unknown } | undefined
  #stopped = false
  #wake: (() => void) | undefined
  readonly #finished: Promise<void>

  constructor(generator: AsyncGenerator<R, void, undefined>, buffered: number) {
    this.#generator = generator
    this.#buffered = buffered
    this.#finished = this.#pump()
  }

  async #pump(): Promise<void> {
    try {
      for await (const result of this.#generator) {
        this.#results.push(result)
        this.#notify()
        while (this.#results.length >= this.#buffered && !this.#stopped) await this.#changed()
        if (this.#stopped) break
      }
    } catch (error) {
      this.#error = { value: error }
    }
    this.#ended = true
    this.#notify()
  }

  #notify(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }

  #changed(): Promise<void> {
    return new Promise((resolve) => {
      const before = this.#wake
      this.#wake = () => {
        before?.()
        resolve()
      }
    })
  }

  async *drain(): AsyncGenerator<R, void, undefined> {
    for (;;) {
      const results = this.#results
      this.#results = []
      this.#notify()
      yield* results
      if (this.#results.length > 0) continue
      if (this.#ended) break
      await this.#changed()
    }
    if (this.#error !== undefined) throw this.#error.value
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#notify()
    await this.#finished
  }
}
