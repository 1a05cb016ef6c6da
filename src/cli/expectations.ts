import { readFile, stat } from 'node:fs/promises'
import { type AcceptedGap, type Expectation, type Expectations, parseExpectations } from '../core/expectations.js'
import { asUtf8 } from '../core/text-file.js'
import { VerifyTrailError } from '../errors.js'
import { messageOf } from './console.js'

/** The report of an organization's year is a tenth of it. */
const LARGEST = 256 * 1024 * 1024

/** All files of `--expect` as one; undefined where there is none. Rejects with `ERR_EXPECTATIONS`, naming file and field. */
export async function readExpectations(paths: readonly string[]): Promise<Expectations | undefined> {
  if (paths.length === 0) return undefined
  const expect: Expectation[] = []
  const accept: AcceptedGap[] = []
  for (const path of paths) {
    const answer = parseExpectations(asUtf8(await readWhole(path)))
    if (!answer.ok) throw new VerifyTrailError('ERR_EXPECTATIONS', `the expectations '${path}': ${answer.reason}`)
    for (const one of answer.expectations.expect) expect.push(one)
    for (const one of answer.expectations.accept) accept.push(one)
  }
  return { expect, accept }
}

async function readWhole(path: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(path)
    if (size > LARGEST) throw new Error(`it has ${size} bytes; allowed: at most ${LARGEST}`)
    return await readFile(path)
  } catch (error) {
    throw new VerifyTrailError('ERR_EXPECTATIONS', `cannot read the expectations '${path}': ${messageOf(error)}`, {
      cause: error,
    })
  }
}
