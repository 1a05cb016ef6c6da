/** What a run that was stopped says of what it did and did not check. */
import type { Scope } from './discover.js'

/** How many accounts and regions are named. */
const NAMED = 12

/** `scopes`: all that were found, undefined where that was not known yet; the first `done` of them are checked whole. */
export function interruptedSentences(scopes: readonly Scope[] | undefined, done: number): string[] {
  const first = 'The run was interrupted: what is not named here was not checked.'
  if (scopes === undefined) return [first, 'It was stopped before all accounts and regions were found: nothing was checked.']
  const [current, ...rest] = scopes.slice(done)
  if (current === undefined) return [first]
  const count = `${done} of ${scopes.length} accounts and regions were checked whole.`
  const stopped = `It was stopped in ${named(current)}, which was checked in part.`
  return [first, count, stopped, ...(rest.length === 0 ? [] : [`Nothing was checked of ${list(rest)}.`])]
}

function list(scopes: readonly Scope[]): string {
  const more = scopes.length - NAMED
  return `${scopes.slice(0, NAMED).map(named).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}

function named({ accountId, region }: Scope): string {
  return region === null ? `${accountId} (outside of any region)` : `${accountId} ${region}`
}
