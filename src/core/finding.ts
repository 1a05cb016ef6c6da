/** Makes findings: one head for all, and each code's own fields. */
import {
  FINDING_VERDICTS,
  type Finding,
  type FindingCode,
  type FindingFields,
  type FindingVerdict,
  type Gap,
} from './findings.js'

/** What a finding is about. */
export interface Subject {
  readonly object: string
  readonly organizationId: string | null
  readonly accountId: string | null
  readonly region: string | null
  readonly time: string | null
}

/** A code with its fields, before it is known what it is about. */
export type Observation = {
  [C in Exclude<FindingCode, 'COVERAGE_GAP'>]: {
    readonly code: C
    readonly fields: FindingFields[C]
    readonly verdict?: FindingVerdict
  }
}[Exclude<FindingCode, 'COVERAGE_GAP'>]

/** Joins an observation and its subject. */
export function makeFinding(subject: Subject, observation: Observation): Finding {
  const { code, fields, verdict } = observation
  // The mapped type pairs code and fields; the compiler cannot follow the pair through a spread.
  return { kind: 'finding', code, verdict: verdict ?? FINDING_VERDICTS[code], ...subject, ...fields } as Finding
}

/** A COVERAGE_GAP; a note where it is accepted. */
export function makeGap(subject: Subject, fields: FindingFields['COVERAGE_GAP']): Gap {
  const verdict = fields.accepted === undefined ? FINDING_VERDICTS.COVERAGE_GAP : 'note'
  return { kind: 'gap', code: 'COVERAGE_GAP', verdict, ...subject, ...fields }
}

/** The verdict that an observation carries. */
export function verdictOf(observation: Observation): FindingVerdict {
  return observation.verdict ?? FINDING_VERDICTS[observation.code]
}
