/** Merges sorted inputs that come in pages. */

/** How many records of a merge make a page. */
const MERGED = 128

/** A sorted input and how far it was taken. */
interface Head<T> {
  readonly pages: AsyncIterator<readonly T[]>
  /** Of equal records, that of the first input comes first. */
  readonly index: number
  page: readonly T[]
  at: number
}

/** Merges sorted inputs into one; equal records come in the order of the inputs. It waits only for pages, never for records. */
export async function* mergePages<T>(
  inputs: readonly AsyncIterable<readonly T[]>[],
  order: (a: T, b: T) => number,
): AsyncGenerator<readonly T[], void, undefined> {
  const iterators = inputs.map((input) => input[Symbol.asyncIterator]())
  const heads: Head<T>[] = []
  try {
    for (const [index, pages] of iterators.entries()) {
      const head: Head<T> = { pages, index, page: [], at: 0 }
      if (await refill(head)) heads.push(head)
    }
    heads.sort((a, b) => (isBefore(a, b, order) ? -1 : 1))
    let merged: T[] = []
    while (heads.length > 0) {
      const [first, second] = heads as [Head<T>, Head<T> | undefined]
      // The first input as far as it stays first: often that is far.
      let isFirst = true
      while (isFirst && first.at < first.page.length && merged.length < MERGED) {
        merged.push(first.page[first.at++] as T)
        isFirst = second === undefined || first.at >= first.page.length || isBefore(first, second, order)
      }
      if (!isFirst) {
        moveBack(heads, order)
        continue
      }
      yield merged
      merged = []
      if (first.at < first.page.length) continue
      if (!(await refill(first))) heads.shift()
      else if (second !== undefined && !isBefore(first, second, order)) moveBack(heads, order)
    }
  } finally {
    for (const iterator of iterators) await iterator.return?.()
  }
}

async function refill<T>(head: Head<T>): Promise<boolean> {
  for (;;) {
    const next = await head.pages.next()
    if (next.done === true) return false
    if (next.value.length === 0) continue
    head.page = next.value
    head.at = 0
    return true
  }
}

function isBefore<T>(a: Head<T>, b: Head<T>, order: (a: T, b: T) => number): boolean {
  return (order(a.page[a.at] as T, b.page[b.at] as T) || a.index - b.index) < 0
}

/** The first, which the second precedes, to where it belongs now. */
function moveBack<T>(heads: Head<T>[], order: (a: T, b: T) => number): void {
  const first = heads.shift() as Head<T>
  const at = heads.findIndex((head, index) => index > 0 && isBefore(first, head, order))
  heads.splice(at === -1 ? heads.length : at, 0, first)
}
