/** What worker threads answer, and how it passes from thread to thread. */
import type { CopyFact } from '../core/judge-log-file.js'

/** What became of one copy; `failed`: it is for the source to say whether it is read again. */
export type Answer = CopyFact | { readonly kind: 'failed'; readonly failure: unknown }

/** The answer about one copy of one batch. */
export interface Answered {
  readonly id: number
  readonly index: number
  readonly answer: Answer
}

/** Answers that are sent together. */
export interface Answers {
  readonly wholes: Wholes
  readonly others: readonly Answered[]
  /** Two ways of measuring disagreed. */
  readonly disagreement?: string
}

/** Log files with nothing wrong, in columns: as objects they would take a tenth of the time that measuring them does. */
interface Wholes {
  readonly ids: number[]
  readonly indexes: number[]
  readonly sha256: string[]
  readonly bytesRead: number[]
  readonly bytesInflated: number[]
  readonly live: boolean[]
  readonly identities: (string | undefined)[]
}

export function packAnswers(answers: readonly Answered[]): Answers {
  const wholes: Wholes = { ids: [], indexes: [], sha256: [], bytesRead: [], bytesInflated: [], live: [], identities: [] }
  const others = answers.filter((answered) => !addWhole(wholes, answered))
  return { wholes, others }
}

function addWhole(wholes: Wholes, { id, index, answer }: Answered): boolean {
  if (answer.kind !== 'measured' || answer.stored !== undefined) return false
  const { measurement, live, identity } = answer
  if (measurement.kind !== 'measured' || !measurement.gzip || measurement.damage || measurement.trailing) return false
  wholes.ids.push(id)
  wholes.indexes.push(index)
  wholes.sha256.push(measurement.sha256)
  wholes.bytesRead.push(measurement.bytesRead)
  wholes.bytesInflated.push(measurement.bytesInflated)
  wholes.live.push(live)
  wholes.identities.push(identity)
  return true
}

export function* unpackAnswers({ wholes, others }: Answers): Generator<Answered, void, undefined> {
  for (const [i, id] of wholes.ids.entries()) {
    const [index = 0, sha256 = ''] = [wholes.indexes[i], wholes.sha256[i]]
    const [bytesRead = 0, bytesInflated = 0] = [wholes.bytesRead[i], wholes.bytesInflated[i]]
    const measurement = { kind: 'measured', gzip: true, sha256, bytesRead, bytesInflated, trailing: null, damage: null } as const
    const [live = false, identity] = [wholes.live[i], wholes.identities[i]]
    yield { id, index, answer: { kind: 'measured', measurement, live, ...(identity === undefined ? {} : { identity }) } }
  }
  yield* others
}
