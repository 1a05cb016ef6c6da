/** What a run may take from a run that broke off, or from earlier ones: what was read of objects that are still the same. */
import type { CopyFact } from '../core/judge-log-file.js'
import type { StateUse } from '../core/results.js'
import type { SettledDays } from '../core/settled-days.js'
import type { Source } from '../sources/source.js'
import type { Carried } from './whole-body.js'

/** An object, and what it was when it was listed. */
export interface IdentifiedObject {
  /** `Source.name` */
  readonly source: string
  /** Key within the source. */
  readonly key: string
  readonly identity: string
  /** False: the identity is good enough to go on with a run that broke off, no more. */
  readonly lasting: boolean
}

/** A digest that is to be read: where, and as what it was listed. */
export interface DigestToKeep {
  readonly source: Source
  readonly sourceKey: string
  readonly identity?: string | undefined
  readonly size?: number | undefined
}

/** What is answered holds for exactly the object of that identity, or is undefined: then it must be read. */
export interface RunState {
  logFile(object: IdentifiedObject): CopyFact | undefined | Promise<CopyFact | undefined>
  /** Returns the number of this run, or undefined where it is not kept. */
  keepLogFile(object: IdentifiedObject, fact: CopyFact): number | undefined
  /** The bytes as stored: all that they claim is verified as ever. */
  digest(digest: DigestToKeep): Promise<KeptDigest | undefined>
  /** As `keepLogFile`. */
  keepDigest(digest: DigestToKeep, bytes: Uint8Array, carried: Carried): number | undefined
  /** What earlier runs settled of an account and region, without what is to be read again. */
  settled(scope: StateScope): Promise<SettledDays>
  /** All that is settled of it from now on; `stands`: what of it earlier runs settled, and was not read in this one. */
  settle(scope: StateScope, days: SettledDays, stands: SettledDays): void
  use(): StateUse
}

/** An account and region, with the folders that hold the folders of its days. */
export interface StateScope {
  readonly name: string
  readonly digestFolders: readonly StateFolder[]
  readonly logFolders: readonly StateFolder[]
}

export interface StateFolder {
  /** `Source.name` */
  readonly source: string
  readonly key: string
}

export interface KeptDigest {
  readonly run: number
  readonly bytes: Uint8Array
  readonly carried: Carried
}
