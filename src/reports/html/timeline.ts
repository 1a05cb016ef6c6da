/** The coverage timeline: a row for each account, opening to its regions and trails. */
import type { ChainSummary, Summary } from '../../core/results.js'
import { parseTime } from '../../core/time.js'
import { chainSegments, type Marks, segments } from '../marks.js'
import { formatCount, formatCounted } from '../quantity.js'
import { rangeOf, type Segment, STATE_MEANINGS, STATES, stateOf } from '../states.js'
import { html, shownDuration, shownTime } from './markup.js'
import { axis, exact, type Scale, strip } from './strip.js'

/** Rows of chains, over all accounts: the worst accounts first. */
const MOST_ROWS = 1500
/** Accounts and regions of which findings tell and no chain is known. */
const MOST_UNKNOWN = 100
/** Intervals that are written out: of one chain, and over all. */
const LISTED_OF_CHAIN = 12
const LISTED = 1500

interface Account {
  readonly name: string
  readonly chains: ChainSummary[]
}

/** What is left of the page's allowance. */
interface Budget {
  rows: number
  listed: number
}

export function timeline(summary: Summary, marks: Marks): string {
  const chains = summary.chains.filter(({ kind }) => kind === 'standard')
  const scale = rangeOf(chains)
  if (scale === undefined) return '<p>No digest chain is known: there are no hours to show.</p>'
  const accounts = byAccount(chains)
  const budget = { rows: MOST_ROWS, listed: LISTED }
  const opened = accounts.filter(({ chains }) => verdictOf(chains) !== 'valid').length
  const rows = accounts.map((account, i) =>
    accountRow(account, scale, marks, budget, accounts.length === 1 || (opened <= 3 && i < opened)),
  )
  return `${legend()}<div class=head><span></span>${axis(scale)}<span></span></div>${rows.join('')}${withoutChain(chains, marks, scale)}`
}

function legend(): string {
  const items = [...STATES].reverse().map((state) => {
    const swatch = `<svg class=swatch viewBox="0 0 24 16" aria-hidden=true><path class=${state} d="M0 ${state === 'proven' ? '3h24v10' : '0h24v16'}H0z"/></svg>`
    return `<li>${swatch}<b>${state}</b> ${STATE_MEANINGS[state]}</li>`
  })
  return `<ul class=legend>${items.join('')}</ul>`
}

/** The worst first, then by number. */
function byAccount(chains: readonly ChainSummary[]): Account[] {
  const accounts = new Map<string, Account>()
  for (const chain of chains) {
    const name = chain.organizationId === null ? chain.accountId : `${chain.organizationId}/${chain.accountId}`
    const account = accounts.get(name) ?? { name, chains: [] }
    accounts.set(name, account)
    account.chains.push(chain)
  }
  const rank = ({ chains }: Account) => ['invalid', 'unverified', 'valid'].indexOf(verdictOf(chains))
  return [...accounts.values()].sort((a, b) => rank(a) - rank(b))
}

function verdictOf(chains: readonly ChainSummary[]): ChainSummary['verdict'] {
  if (chains.some(({ verdict }) => verdict === 'invalid')) return 'invalid'
  return chains.every(({ verdict }) => verdict === 'valid') ? 'valid' : 'unverified'
}

function accountRow({ name, chains }: Account, scale: Scale, marks: Marks, budget: Budget, open: boolean): string {
  const verdict = verdictOf(chains)
  const all = chains.flatMap((chain) => chainSegments(chain, marks))
  const short = chains.filter((chain) => chain.verdict !== 'valid').length
  const words =
    short === 0
      ? `${formatCounted(chains.length, 'chain')}, all valid`
      : `${formatCount(short)} of ${formatCounted(chains.length, 'chain')} not valid`
  const rows = chains.slice(0, Math.max(0, budget.rows))
  budget.rows -= rows.length
  const more = chains.length - rows.length
  const rest = more > 0 ? `<li class=more>and ${formatCounted(more, 'more chain')}: see coverage.csv</li>` : ''
  return (
    `<details class="account ${verdict}"${open ? ' open' : ''}><summary><span class=name>${html(name)}</span>${strip(all, scale, stripLabel(all))}` +
    `<span class=note>${words}</span></summary><ul class=chains>${rows.map((chain) => chainRow(chain, scale, marks, budget)).join('')}${rest}</ul></details>`
  )
}

/** What a strip says to who does not see it. */
function stripLabel(all: readonly Segment[]): string {
  const counts = [...STATES].reverse().flatMap((state) => {
    const count = state === 'proven' || state === 'before' ? 0 : all.filter((segment) => segment.state === state).length
    return count === 0 ? [] : [`${state} ${formatCount(count)}`]
  })
  if (counts.length > 0) return counts.join(', ')
  return all.some(({ state }) => state === 'proven') ? 'proven' : 'nothing proven'
}

function chainRow(chain: ChainSummary, scale: Scale, marks: Marks, budget: Budget): string {
  const all = chainSegments(chain, marks)
  const { digests, logFiles } = chain
  const counts = `${formatCount(digests.valid)}/${formatCount(digests.found + digests.missing)} digests, ${formatCount(logFiles.valid)}/${formatCount(logFiles.listed)} log files`
  return (
    `<li class=${chain.verdict}><span class=name>${html(chain.region)} <i>${html(chain.trail)}</i></span>${strip(all, scale, stripLabel(all))}` +
    `<span class=note>${counts}</span>${openHours(chain, budget)}</li>`
  )
}

/** The exact times of what is not proven. */
function openHours(chain: ChainSummary, budget: Budget): string {
  const open = chain.coverage.filter(({ verdict }) => verdict !== 'valid')
  const shown = open.slice(0, Math.min(LISTED_OF_CHAIN, Math.max(0, budget.listed)))
  budget.listed -= shown.length
  if (open.length === 0) return ''
  const lines = shown.map((part) => {
    const start = parseTime(part.startTime) ?? 0
    const end = parseTime(part.endTime) ?? 0
    const { accepted } = part
    const words = accepted === undefined ? '' : `, accepted: ${html(accepted.reason)} (${html(accepted.by)})`
    const reason = part.reason ?? (part.verdict === 'invalid' ? 'see the findings' : 'log files not proven')
    return `<li><b class=${stateOf(part)}>${stateOf(part)}</b> ${shownTime(part.startTime)} to ${shownTime(part.endTime)} <span>${shownDuration(end - start)}, ${html(reason)}${words}</span></li>`
  })
  const more = open.length - shown.length
  return `<ul class=hours>${lines.join('')}${more > 0 ? `<li>and ${formatCount(more)} more: see coverage.csv</li>` : ''}</ul>`
}

/** Accounts and regions in which something false was found, and no chain is known: a strip of nothing but the marks. */
function withoutChain(chains: readonly ChainSummary[], marks: Marks, scale: Scale): string {
  const known = new Set(
    chains.map(({ organizationId, accountId, region }) => JSON.stringify([organizationId, accountId, region])),
  )
  const unknown = [...marks.scopes()].filter(
    ({ organizationId, accountId, region }) => !known.has(JSON.stringify([organizationId, accountId, region])),
  )
  if (unknown.length === 0) return ''
  const rows = unknown.slice(0, MOST_UNKNOWN).map((scope) => {
    const found = segments(scope)
    const name = [scope.organizationId, scope.accountId, scope.region].filter((part) => part !== null).join(' ')
    const first = found[0]
    const note = `no chain is known${first === undefined ? '' : `; the first at ${exact(first)}`}`
    return `<li class=invalid><span class=name>${html(name)}</span>${strip(found, scale, stripLabel(found))}<span class=note>${note}</span></li>`
  })
  const more = unknown.length - rows.length
  return `<ul class="chains unknown">${rows.join('')}${more > 0 ? `<li class=more>and ${formatCount(more)} more</li>` : ''}</ul>`
}
