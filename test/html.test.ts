/** The page for people: what it holds, how large it gets, and how a real browser sees it. */
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import type { Page } from 'playwright-core'
import t from 'tap'
import type { ChainSummary, CoverageInterval, Result } from '../src/core/results.js'
import { directorySource } from '../src/index.js'
import { htmlReport } from '../src/reports/html.js'
import { openBrowser } from './support/browser.js'
import { casePath, readCases, runCase } from './support/cases.js'
import { gap, keyUnknown, modified, summary } from './support/results.js'

async function pageOf(results: Iterable<Result>): Promise<string> {
  const chunks: Buffer[] = []
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      chunks.push(chunk)
      done()
    },
  })
  const writer = htmlReport(stream)
  for (const result of results) await writer.write(result)
  await writer.end()
  return Buffer.concat(chunks).toString()
}

async function caseResults(name: string): Promise<readonly Result[]> {
  const one = readCases().find((each) => each.name === name)
  if (one === undefined) throw new Error(name)
  const sources = await Promise.all(one.sources.map((folder) => directorySource(`${casePath(name)}/${folder}`)))
  return (await runCase(one, sources)).results
}

const YEAR = { startTime: '2025-01-01T00:00:00Z', endTime: '2026-01-01T00:00:00Z' }
const REGIONS = Array.from({ length: 17 }, (_, i) => `ap-southeast-${i + 1}`)
const ACCOUNTS = Array.from({ length: 20 }, (_, i) => `1111222233${String(i).padStart(2, '0')}`)

function yearOf(coverage: (row: number) => CoverageInterval[]): ChainSummary[] {
  const [model] = summary('valid').chains
  if (model === undefined) throw new Error('no chain')
  return ACCOUNTS.flatMap((accountId, i) =>
    REGIONS.map((region, j) => ({
      ...model,
      ...YEAR,
      accountId,
      region,
      trail: 'organization-trail',
      digests: { ...model.digests, found: 8760, valid: 8760 },
      logFiles: { ...model.logFiles, listed: 104_233, valid: 104_233 },
      coverage: coverage(i * REGIONS.length + j),
    })),
  )
}

t.test('a quiet year of 20 accounts and 17 regions is less than 100 KB', async (t) => {
  const page = await pageOf([summary('valid', { chains: yearOf(() => [{ ...YEAR, verdict: 'valid', reason: null }]) })])
  t.ok(page.length < 100_000, `${page.length} bytes`)
  t.equal(page.match(/organization-trail/g)?.length, 340, 'with every chain')
  t.match(page, '<span class=mark aria-hidden=true>✓</span> Valid')
})

t.test('a noisy year is capped, and says what is left out', async (t) => {
  const hour = (i: number) => new Date(Date.UTC(2025, 0, 1) + i * 6 * 3_600_000).toISOString()
  const noisy = Array.from({ length: 1460 }, (_, i): CoverageInterval => {
    const hours = { startTime: hour(i), endTime: hour(i + 1) }
    return i % 2 === 0
      ? { ...hours, verdict: 'valid', reason: null }
      : { ...hours, verdict: 'unverified', reason: 'digests-missing' }
  })
  const findings = function* (): Generator<Result> {
    for (let i = 0; i < 50_000; i++)
      yield { ...modified(`s3://logs/${i}`), time: hour(i % 1460), accountId: ACCOUNTS[i % 20] ?? null }
    yield summary('invalid', { chains: yearOf(() => noisy) })
  }
  const page = await pageOf(findings())
  t.ok(page.length < 4_000_000, `${page.length} bytes`)
  t.match(page, '49,000 more in <code>findings.csv</code>')
  t.equal(page.match(/<article>/g)?.length, 1000)
})

t.test('the hours of a chain of which no digest is proven are unverified, not before the trail', async (t) => {
  const { chains } = summary('unverified')
  const page = await pageOf([summary('unverified', { chains: chains.map((chain) => ({ ...chain, coverage: [] })) })])
  t.match(page, /<svg[^>]*aria-label="unverified 1"[^>]*>.*<path class=unverified/)
})

t.test('an interrupted run is nowhere called valid', async (t) => {
  const { run } = summary('valid')
  t.notMatch(await pageOf([summary('valid', { run: { ...run, interrupted: true } })]), /> Valid</)
})

t.test('a changed log file comes with what proves it: hashes, digest, signature, key and whose it is', async (t) => {
  const results = await caseResults('demo')
  const finding = results.find((result) => result.kind === 'finding' && result.code === 'LOG_FILE_MODIFIED')
  const [digest] = finding?.kind === 'finding' && 'digests' in finding ? (finding.digests ?? []) : []
  t.match(digest, { signatureFrom: 'successor', sha256: /^[0-9a-f]{64}$/ })
  const key = results
    .flatMap((result) => (result.kind === 'summary' ? result.publicKeys : []))
    .find(({ fingerprint }) => fingerprint === digest?.fingerprint)
  const [article = ''] = /<article>(?:(?!<article>)[\s\S])*<dt>found[\s\S]*?<\/article>/.exec(await pageOf(results)) ?? []
  const proof = {
    'digest SHA-256': digest?.sha256,
    signature: 'verifies, found in the next digest',
    key: `${digest?.fingerprint} from ${key?.origin}`,
  }
  for (const [label, value] of Object.entries(proof)) t.match(article, new RegExp(`<dt>${label}<dd[^>]*>${value}`), label)
})

const HOSTILE = [
  '<script>document.title="owned"</script><img src=x onerror="document.title=1">',
  '"><svg onload=fetch("http://127.0.0.1:9/x")>',
  "' style='background:url(http://127.0.0.1:9/y)'",
  '</title></style></textarea><iframe src=http://127.0.0.1:9/z>',
  '\u202egnp.exe\u2066\x1b[2J\0&lt;&#x3c;script&#x3e;',
].join('')

function hostileResults(): Result[] {
  const base = summary('invalid')
  return [
    { ...modified(HOSTILE), expected: HOSTILE, found: HOSTILE, listedBy: [HOSTILE], accountId: HOSTILE, region: HOSTILE },
    { ...gap(), trail: HOSTILE },
    keyUnknown(HOSTILE),
    {
      ...base,
      chains: base.chains.map((chain) => ({
        ...chain,
        accountId: HOSTILE,
        region: HOSTILE,
        trail: HOSTILE,
        organizationId: HOSTILE,
      })),
      run: { ...base.run, sources: [HOSTILE], commandLine: [HOSTILE], node: HOSTILE },
      publicKeys: base.publicKeys.map((key) => ({ ...key, origin: HOSTILE, fingerprint: HOSTILE })),
      notChecked: [HOSTILE],
      request: { ...base.request, trails: [HOSTILE], startTime: HOSTILE },
    },
  ]
}

t.test('no hostile text is markup', async (t) => {
  const page = await pageOf(hostileResults())
  t.notMatch(page, /<script|<img|<iframe|(?!\n)\p{C}/u)
})

t.test('in a real browser', async (t) => {
  const browser = await openBrowser()
  if (browser === undefined) return void t.comment('SKIPPED: no Chromium here, and no right to install it')
  t.teardown(() => browser.close())
  const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
  const pages = { 'the demo': await caseResults('demo'), 'hostile names': hostileResults() }
  for (const [name, results] of Object.entries(pages)) {
    const file = join(t.testdir({}), 'report.html')
    writeFileSync(file, await pageOf(results))
    for (const colorScheme of ['light', 'dark'] as const) {
      const context = await browser.newContext({ colorScheme, bypassCSP: true, viewport: { width: 1200, height: 900 } })
      const page = await context.newPage()
      const requests: string[] = []
      page.on('request', (request) => requests.push(request.url()))
      page.on('console', (message) => requests.push(message.text()))
      await page.goto(pathToFileURL(file).href)
      t.strictSame(requests, [pathToFileURL(file).href], `${name}, ${colorScheme}: nothing is loaded, nothing runs`)
      t.match(await page.title(), /^invalid: /)
      for (const details of await page.locator('details:not([open]) > summary').all()) await details.click()
      await page.evaluate(axe)
      t.strictSame(await violations(page), [], `${name}, ${colorScheme}: axe-core`)
      await page.setViewportSize({ width: 360, height: 740 })
      const width: unknown = await page.evaluate('document.documentElement.scrollWidth')
      t.ok(Number(width) <= 360, `${name}: ${width} px on a phone of 360`)
      await context.close()
    }
  }
})

t.test('by keyboard, on paper, and under its own policy', async (t) => {
  const browser = await openBrowser()
  if (browser === undefined) return void t.comment('SKIPPED: no Chromium here, and no right to install it')
  t.teardown(() => browser.close())
  const file = join(t.testdir({}), 'report.html')
  writeFileSync(file, await pageOf([summary('valid')]))
  const page = await browser.newPage({ javaScriptEnabled: true })
  await page.goto(pathToFileURL(file).href)
  const open = page.locator('details[open]')
  t.equal(await open.count(), 1, 'the only account is open')
  await page.locator('summary').focus()
  await page.keyboard.press('Enter')
  t.equal(await open.count(), 0, 'Enter closes it')
  t.notOk(await page.getByText('us-east-1').isVisible())
  await page.emulateMedia({ media: 'print' })
  t.ok(await page.getByText('us-east-1', { exact: false }).first().isVisible(), 'on paper it is open')
  const refused: unknown = await page.evaluate(`new Promise((resolve) => {
    document.addEventListener('securitypolicyviolation', (event) => resolve(event.violatedDirective))
    const script = document.createElement('script')
    script.textContent = 'document.title = "owned"'
    document.body.append(script)
  })`)
  t.match(String(refused), /^script-src/)
})

async function violations(page: Page): Promise<string[]> {
  const found: unknown = await page.evaluate(
    `axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] }).then(({ violations }) => violations.map(({ id, nodes }) => id + ': ' + nodes.slice(0, 2).map(({ html, failureSummary }) => html.slice(0, 150) + ' ' + failureSummary).join(' | ')))`,
  )
  return Array.isArray(found) ? found.map(String) : ['no answer']
}
