/** Puts together what several shards say of one account and region, each of other months of its log files. */
import stringify from 'fast-json-stable-stringify'
import { joinCoverage } from '../core/chain-coverage.js'
import { compareKeys } from '../core/compare-keys.js'
import type { Finding, Gap } from '../core/findings.js'
import type { ChainSummary, LogFileCounts, ShardPart, SplitScope, Summary } from '../core/results.js'
import { noLogFiles, worstVerdict } from '../core/summary.js'
import { VerifyTrailError } from '../errors.js'
import { mergePages } from './merge-pages.js'

/** The report of one shard. */
export interface ShardReport {
  /** For people. */
  readonly name: string
  readonly summary: Summary
  /** Its findings and gaps, in their order. */
  findings(): AsyncIterable<Finding | Gap> | Iterable<Finding | Gap>
}

export interface Part extends ShardReport {
  readonly shard: ShardPart
}

/** What a part adds to those before it. */
export interface Addition {
  readonly findings: Pages
  readonly chains: readonly ChainSummary[]
  /** What it says of the digests of its first account and region, and a part before it said already. */
  readonly repeated: SplitScope | undefined
}

type Pages = AsyncIterable<readonly (Finding | Gap)[]>

/** An account and region of which more parts may come. */
interface Open {
  readonly name: string
  readonly digestsSha256: string
  /** Which report began it. */
  readonly by: string
  /** From its first to its last month, as far as there are parts of it. */
  isWhole: boolean
  to: string | null
  chains: readonly ChainSummary[]
  readonly logFiles: Pages[]
}

export class SplitScopes {
  #open: Open | undefined

  /** Parts in their order. Throws ERR_MERGE where two of them did not find the same digests. */
  add(part: Part): Addition {
    const { split, scopes } = part.shard
    const findings: Pages[] = []
    const chains: ChainSummary[] = []
    const count = Object.values(part.summary.summary.findings).reduce((sum, number) => sum + number, 0)
    const all = part.summary.chains
    const first = split.find(({ from }) => from !== null)
    const last = split.find(({ to }) => to !== null)
    const repeated = first !== undefined && this.#open?.name === first.name ? first : undefined
    // Between two months there may be a shard that has nothing.
    if (repeated === undefined && scopes.verified > 0) this.#close(findings, chains)
    let at = 0
    let chainsAt = 0
    if (first !== undefined) {
      at = first.findings.digests
      chainsAt = first.chains
      const open = this.#open ?? begin(part, first, all.slice(0, chainsAt))
      if (repeated === undefined) findings.push(slice(part, 0, at))
      else addMonths(open, part, first)
      open.logFiles.push(slice(part, at, at + first.findings.logFiles))
      this.#open = open
      at += first.findings.logFiles
      if (first.to === null) this.#close(findings, chains)
    }
    if (last !== undefined && last !== first) {
      const end = count - last.findings.logFiles
      const open = begin(part, last, all.slice(all.length - last.chains))
      findings.push(slice(part, at, end))
      open.logFiles.push(slice(part, end, count))
      chains.push(...all.slice(chainsAt, all.length - last.chains))
      this.#open = open
    } else {
      findings.push(slice(part, at, count))
      chains.push(...all.slice(chainsAt))
    }
    return { findings: concat(findings), chains, repeated }
  }

  /** What is left when all parts were added. */
  rest(): Pick<Addition, 'findings' | 'chains'> {
    const findings: Pages[] = []
    const chains: ChainSummary[] = []
    this.#close(findings, chains)
    return { findings: concat(findings), chains }
  }

  #close(findings: Pages[], chains: ChainSummary[]): void {
    const open = this.#open
    if (open === undefined) return
    this.#open = undefined
    findings.push(mergePages(open.logFiles, byObject))
    chains.push(...(open.isWhole && open.to === null ? open.chains : open.chains.map(unverified)))
  }
}

function begin(part: Part, { name, digestsSha256, from, to }: SplitScope, chains: readonly ChainSummary[]): Open {
  return { name, digestsSha256, by: part.name, isWhole: from === null, to, chains, logFiles: [] }
}

function addMonths(open: Open, part: Part, { name, digestsSha256, from, to, chains }: SplitScope): void {
  if (open.digestsSha256 !== digestsSha256 || open.chains.length !== chains)
    throw new VerifyTrailError(
      'ERR_MERGE',
      `the reports cannot be merged: ${open.by} and ${part.name} did not find the same digests of ${name}: verify both again`,
    )
  open.isWhole &&= open.to === from
  open.to = to
  open.chains = open.chains.map((chain, i) => joined(chain, part.summary.chains[i], part))
}

function joined(chain: ChainSummary, more: ChainSummary | undefined, part: Part): ChainSummary {
  if (more === undefined || !isSaidAlike(chain, more))
    throw new VerifyTrailError(
      'ERR_MERGE',
      `the reports cannot be merged: what ${part.name} says of the trail ${chain.trail} is not what the shard before it says`,
    )
  const { logFiles, coverage } = chain
  const counts: LogFileCounts = noLogFiles()
  for (const status of Object.keys(counts) as (keyof LogFileCounts)[]) counts[status] = logFiles[status] + more.logFiles[status]
  const verdict = worstVerdict(chain.verdict, more.verdict)
  return { ...chain, verdict, logFiles: counts, coverage: joinCoverage(coverage, more.coverage) }
}

/** In all that does not depend on log files. */
function isSaidAlike(chain: ChainSummary, more: ChainSummary): boolean {
  const [a, b] = [chain, more].map(({ verdict: _, logFiles: __, coverage: ___, ...same }) => stringify(same))
  return a === b
}

/** Not all of its log files were checked: no hour of it is proven. */
function unverified(chain: ChainSummary): ChainSummary {
  const doubted = chain.coverage.map((hours) => ({ ...hours, verdict: worstVerdict(hours.verdict, 'unverified') }))
  return { ...chain, verdict: worstVerdict(chain.verdict, 'unverified'), coverage: joinCoverage(doubted, doubted) }
}

/** As the log files of an account and region stand: by bucket, then by key. */
function byObject(a: Finding | Gap, b: Finding | Gap): number {
  const [one, other] = [placeOf(a.object), placeOf(b.object)]
  return compareKeys(one.bucket, other.bucket) || compareKeys(one.key, other.key)
}

function placeOf(object: string): { readonly bucket: string; readonly key: string } {
  const start = 's3://'.length
  const at = object.indexOf('/', start)
  return { bucket: object.slice(start, at), key: object.slice(at + 1) }
}

const PAGE = 128

/** Read anew each time: what there is of it is not held. */
async function* slice(part: Part, from: number, to: number): AsyncGenerator<readonly (Finding | Gap)[], void, undefined> {
  if (from >= to) return
  let page: (Finding | Gap)[] = []
  let at = 0
  for await (const finding of part.findings()) {
    if (at >= to) break
    if (at++ >= from) page.push(finding)
    if (page.length < PAGE) continue
    yield page
    page = []
  }
  yield page
}

async function* concat(all: readonly Pages[]): AsyncGenerator<readonly (Finding | Gap)[], void, undefined> {
  for (const pages of all) yield* pages
}
