import type { ObjectBody } from './object-lane.js'

/** All of a body that has no more than so many bytes; nothing of another. Rejects where it breaks off: half an answer is none. */
export async function textOf(body: ObjectBody, most: number): Promise<string> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body) {
    chunks.push(chunk)
    length += chunk.length
    if (length > most) return ''
  }
  return Buffer.concat(chunks).toString()
}
