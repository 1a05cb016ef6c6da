/** A real browser for pages: Debian's Chromium, installed where the tests run as root. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Browser, chromium } from 'playwright-core'

const CHROMIUM = '/usr/bin/chromium'
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Undefined where there is no browser and none can be installed; in CI that is an error. */
export async function openBrowser(): Promise<Browser | undefined> {
  if (!existsSync(CHROMIUM) && process.getuid?.() === 0)
    spawnSync('bash', [fileURLToPath(new URL('chromium.sh', import.meta.url))], { stdio: 'ignore' })
  if (!existsSync(CHROMIUM)) {
    if (process.env['CI'] !== undefined) throw new Error('no Chromium, and CI never skips')
    return undefined
  }
  return chromium.launch({ executablePath: CHROMIUM, headless: true, args: FLAGS })
}
