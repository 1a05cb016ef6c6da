/** Bodies read whole, up to a limit. */
import { BodyError, type ReadAnswer, type ReadObject } from '../sources/source.js'

export type WholeAnswer =
  | Exclude<ReadAnswer, { readonly kind: 'object' }>
  | {
      readonly kind: 'object'
      /** Undefined where there are more than the limit. */
      readonly bytes: Uint8Array | undefined
      readonly carried: Carried
    }

/** What an object was read with besides its bytes. */
export type Carried = Pick<ReadObject, 'metadata' | 'metadataFrom' | 'unusableMetadata' | 'identity'>

/** Reads the body of an answer. One that breaks off says nothing about the object. */
export async function readWhole(answer: ReadAnswer, limit: number): Promise<WholeAnswer> {
  if (answer.kind !== 'object') return answer
  const { body, kind: _, sidecar: _sidecar, stored: _stored, ...carried } = answer
  if (body instanceof Uint8Array) return { kind: 'object', bytes: body, carried }
  const chunks: Uint8Array[] = []
  let length = 0
  try {
    for await (const chunk of body) {
      length += chunk.length
      if (length > limit) return { kind: 'object', bytes: undefined, carried }
      chunks.push(chunk)
    }
  } catch (error) {
    if (!(error instanceof BodyError)) throw error
    return { kind: 'unreadable', reason: error.reason, detail: error.message }
  }
  return { kind: 'object', bytes: Buffer.concat(chunks, length), carried }
}
