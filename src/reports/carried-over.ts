/** What a report for people says of a state. */
import type { StateUse } from '../core/results.js'
import { formatCount } from './quantity.js'

/** For people: what a run took over from earlier ones. It is of `run`, and no result: the same evidence gives the same results without a state. */
export function carriedOverSentence(use: StateUse | undefined): string[] {
  if (use === undefined || use.carriedOver.digests + use.carriedOver.logFiles === 0) return []
  const { digests, logFiles, oldestRead, newestRead } = use.carriedOver
  const trust = use.keyed
    ? 'The state is protected by a key.'
    : 'The state has no key: whoever can write its file can have it say anything of them.'
  const objects = `${formatCount(logFiles)} ${logFiles === 1 ? 'log file' : 'log files'} and ${formatCount(digests)} ${digests === 1 ? 'digest' : 'digests'}`
  return [
    `${objects} were not read again: the store lists them unchanged since runs with this state read them, from ${oldestRead} to ${newestRead}. ${trust}`,
  ]
}
