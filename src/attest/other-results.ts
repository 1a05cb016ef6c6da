/** Why evidence that is verified again gives other results than the sealed report: what a person can do something about. */
import type { Summary } from '../core/results.js'

const NAMED_SENTENCES = 3

/** Plain sentences; empty where only single results differ. */
export function otherResults(sealed: Summary, found: Summary): string[] {
  return [
    ...(sealed.verdict === found.verdict ? [] : [`The verdict is ${found.verdict}; sealed is ${sealed.verdict}.`]),
    ...otherMetadata(sealed, found),
    ...otherKeys(sealed, found),
    ...otherCounts('findings', sealed.summary.findings, found.summary.findings),
    ...otherSentences(sealed.notChecked, found.notChecked),
  ]
}

function otherMetadata(
  { run: { metadataFrom: sealed = {} } }: Summary,
  { run: { metadataFrom: found = {} } }: Summary,
): string[] {
  const differing = otherCounts('origins of metadata', sealed, found)
  const isForgotten = (found.file ?? 0) < (sealed.file ?? 0)
  return isForgotten ? [...differing, 'The sealed run was given a metadata file: give the same with --metadata.'] : differing
}

function otherKeys(sealed: Summary, found: Summary): string[] {
  const has = (summary: Summary, sha256: string): boolean => summary.publicKeys.some((key) => key.sha256 === sha256)
  const gone = sealed.publicKeys.filter(({ sha256 }) => !has(found, sha256))
  const added = found.publicKeys.filter(({ sha256 }) => !has(sealed, sha256))
  return [
    ...(gone.length === 0
      ? []
      : [
          `${gone.length} of the ${sealed.publicKeys.length} public keys of the sealed run were not given: give the same with --public-keys.`,
        ]),
    ...(added.length === 0 ? [] : [`${added.length} public keys were used that the sealed run did not have.`]),
  ]
}

type Counts = Readonly<Partial<Record<string, number>>>

function otherCounts(what: string, sealed: Counts, found: Counts): string[] {
  const names = [...new Set([...Object.keys(sealed), ...Object.keys(found)])].sort()
  const differing = names.filter((name) => (sealed[name] ?? 0) !== (found[name] ?? 0))
  if (differing.length === 0) return []
  const told = differing.map((name) => `${name} ${found[name] ?? 0}, sealed ${sealed[name] ?? 0}`)
  return [`Other ${what}: ${told.join('; ')}.`]
}

function otherSentences(sealed: readonly string[], found: readonly string[]): string[] {
  const added = found.filter((sentence) => !sealed.includes(sentence)).map((sentence) => `Said now only: ${sentence}`)
  const gone = sealed.filter((sentence) => !found.includes(sentence)).map((sentence) => `Sealed only: ${sentence}`)
  return [...added.slice(0, NAMED_SENTENCES), ...gone.slice(0, NAMED_SENTENCES)]
}
