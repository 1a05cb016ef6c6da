import { FINDING_VERDICTS, type Finding, type FindingCode, type FindingVerdict, type Gap } from '../core/findings.js'

/** Findings of one code: how many, the worst verdict among them, and the first of them. */
export interface FindingGroup {
  readonly code: FindingCode
  readonly verdict: FindingVerdict
  readonly total: number
  readonly samples: readonly (Finding | Gap)[]
}

interface OpenGroup extends FindingGroup {
  verdict: FindingVerdict
  total: number
  readonly samples: (Finding | Gap)[]
}

const WORST_FIRST: readonly FindingVerdict[] = ['invalid', 'unverified', 'note']

/** Findings by code, of each code the first `kept`: memory does not grow with them. */
export class FindingGroups {
  readonly #kept: number
  readonly #groups = new Map<FindingCode, OpenGroup>()

  constructor(kept: number) {
    this.#kept = kept
  }

  /** How many of this code there are now. */
  add(finding: Finding | Gap): number {
    const { code, verdict } = finding
    const group = this.#groups.get(code) ?? { code, verdict, total: 0, samples: [] }
    this.#groups.set(code, group)
    group.total++
    if (WORST_FIRST.indexOf(verdict) < WORST_FIRST.indexOf(group.verdict)) group.verdict = verdict
    if (group.samples.length < this.#kept) group.samples.push(finding)
    return group.total
  }

  /** In the order of the table of codes within each verdict. */
  worstFirst(): FindingGroup[] {
    const groups = (Object.keys(FINDING_VERDICTS) as FindingCode[]).flatMap((code) => this.#groups.get(code) ?? [])
    return WORST_FIRST.flatMap((verdict) => groups.filter((group) => group.verdict === verdict))
  }

  samples(): ReadonlyMap<FindingCode, readonly (Finding | Gap)[]> {
    return new Map([...this.#groups].map(([code, { samples }]) => [code, samples]))
  }
}
