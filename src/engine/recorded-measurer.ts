/** Measures what is not known yet, and has it recorded where it is certain what was measured. */
import type { CopyFact } from '../core/judge-log-file.js'
import type { CopyToMeasure, Measurer } from './measurer.js'
import type { IdentifiedObject, RunState } from './run-state.js'

export class RecordedMeasurer implements Measurer {
  readonly window: number
  readonly #measurer: Measurer
  readonly #state: RunState

  constructor(measurer: Measurer, state: RunState) {
    this.#measurer = measurer
    this.#state = state
    this.window = measurer.window
  }

  measure(copy: CopyToMeasure): Promise<CopyFact> | CopyFact {
    const object = identified(copy)
    if (object === undefined) return this.#measurer.measure(copy)
    const known = this.#state.logFile(object)
    return known instanceof Promise
      ? known.then((fact) => this.#knownOrMeasured(copy, object, fact))
      : this.#knownOrMeasured(copy, object, known)
  }

  #knownOrMeasured(copy: CopyToMeasure, object: IdentifiedObject, known: CopyFact | undefined): Promise<CopyFact> | CopyFact {
    const { size } = copy
    if (known !== undefined && (known.kind !== 'measured' || size === undefined || known.measurement.bytesRead === size))
      return known
    const fact = this.#measurer.measure(copy)
    return fact instanceof Promise ? fact.then((measured) => this.#keep(copy, object, measured)) : this.#keep(copy, object, fact)
  }

  close(): Promise<void> {
    return this.#measurer.close()
  }

  /** Between listing and reading, another object may have come and gone: what is kept is of the one that was read. */
  #keep(copy: CopyToMeasure, object: IdentifiedObject, fact: CopyFact): CopyFact {
    if (fact.kind !== 'measured') return fact
    const read = object.lasting ? fact.identity : copy.source.identify?.(copy.key)
    const keptIn = read === object.identity ? this.#state.keepLogFile(object, fact) : undefined
    return keptIn === undefined || !object.lasting ? fact : { ...fact, keptIn }
  }
}

function identified({ source, key, identity }: CopyToMeasure): IdentifiedObject | undefined {
  if (identity !== undefined && source.kind === 'store') return { source: source.name, key, identity, lasting: true }
  const weak = source.identify?.(key)
  return weak === undefined ? undefined : { source: source.name, key, identity: weak, lasting: false }
}
