/** How threads open a source that another thread has: by its address, alone or through something that looks at what is read. */
import type { ReadAnswer, Source, SourceAddress } from './source.js'

/** What a thread needs of a source. */
export type ReadHere = Pick<Source, 'name' | 'kind' | 'asStored' | 'read' | 'readNow' | 'close'>

export async function openAt(address: SourceAddress): Promise<ReadHere> {
  const module: Readonly<Record<string, (...args: readonly unknown[]) => Promise<ReadHere>>> = await import(address.module)
  const open = module[address.name]
  if (open === undefined) throw new TypeError(`${address.module} has no ${address.name}`)
  return open(...address.args)
}

/** Gives the address of `name` in `module` for the source at another; of one address one, always: threads open each once. */
export function addressesThrough(module: string, name: string): (address: SourceAddress) => SourceAddress {
  const known = new WeakMap<SourceAddress, SourceAddress>()
  return (address) => {
    const through = known.get(address) ?? { module, name, args: [address] }
    known.set(address, through)
    return through
  }
}

/** The source at an address, all of whose answers pass through `take`. */
export async function openThrough(
  address: SourceAddress,
  take: (answer: ReadAnswer, kind: Source['kind']) => ReadAnswer,
): Promise<ReadHere> {
  const inner = await openAt(address)
  const { name, kind, asStored, readNow } = inner
  return {
    name,
    kind,
    ...(asStored === undefined ? {} : { asStored }),
    ...(readNow === undefined ? {} : { readNow: (key, options) => take(readNow.call(inner, key, options), kind) }),
    read: async (key, options) => take(await inner.read(key, options), kind),
    close: async () => inner.close?.(),
  }
}
