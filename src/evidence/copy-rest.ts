import { mapInOrder } from '../engine/in-order.js'
import { listRange } from '../engine/range-listing.js'
import type { VerifyTrailOptions } from '../engine/verify-trail.js'
import { CopyingSource } from './copying-source.js'

const READS_AT_ONCE = 64

/** Copies what a run over these sources lists and does not read: to be listed again when the copy is verified. */
export async function copyRest(options: VerifyTrailOptions, signal: AbortSignal): Promise<void> {
  const copies = mapInOrder(
    listRange(options, signal),
    async (found) => {
      const { source } = found
      if (!(source instanceof CopyingSource)) return
      if ('folder' in found) await source.copyFolder(found.folder)
      else if (found.entry.kind === 'object') await source.copyOnly(found.entry.key, found.entry.size)
    },
    READS_AT_ONCE,
  )
  for await (const _ of copies);
}
