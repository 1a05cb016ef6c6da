/** That a gap was expected, and who says so. */
export interface Accepted {
  readonly reason: string
  readonly by: string
}

/** What an expectation said of a gap or of an interval of coverage; null where none did. Text of whoever wrote the expectations. */
export function acceptedOf(part: object): Accepted | null {
  const accepted: unknown = 'accepted' in part ? part.accepted : undefined
  if (typeof accepted !== 'object' || accepted === null) return null
  const text = (name: string): string => {
    const value: unknown = Object.getOwnPropertyDescriptor(accepted, name)?.value
    return typeof value === 'string' ? value : ''
  }
  return { reason: text('reason'), by: text('by') }
}
