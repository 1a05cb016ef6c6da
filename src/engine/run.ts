/** What all parts of one run share. */
import type { RangeRequest } from '../core/chain-range.js'
import type { ExpectedChains } from '../core/expected-chains.js'
import type { JudgedChain } from '../core/judge-chain.js'
import type { SpoolBudget } from './claim-spool.js'
import type { DigestListings } from './digest-listing.js'
import type { Discovery } from './discover.js'
import type { ListedBudget } from './listed-days.js'
import type { Limit, Measurer } from './measurer.js'
import type { ResolvedOptions } from './options.js'
import type { Places } from './places.js'
import type { ProgressMeter } from './progress.js'
import type { DigestReader } from './read-digest.js'

export interface Run {
  readonly options: ResolvedOptions
  readonly signal: AbortSignal
  readonly places: Places
  readonly listings: DigestListings
  readonly reader: DigestReader
  readonly budget: SpoolBudget
  readonly listed: ListedBudget
  readonly progress: ProgressMeter
  readonly measurer: Measurer
  readonly gaps: GapExplainer
  /** Folders, and parts of archives, that could not be looked at. */
  readonly unreadable: Discovery['unreadable']
  /** Runs a read of a digest that may be large when few others are. */
  readonly largeDigests: Limit
  /** The range, once the survey knows the default end. */
  readonly range: RangeRequest
  readonly expected: ExpectedChains
  /** At least one source is a live store. */
  readonly live: boolean
}

/** Looks for what explains the gaps of a chain. */
export interface GapExplainer {
  explain(run: Run, chain: JudgedChain): Promise<JudgedChain>
}
