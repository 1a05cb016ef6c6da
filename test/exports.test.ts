/** What exports keep, lose and rearrange: metadata from wherever it survived, and objects that lie elsewhere than they did. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import t, { type Test } from 'tap'
import { archiveSource, directorySource, type MetadataFile, type Source } from '../src/index.js'
import { tar, zip } from './support/archives.js'
import { type Case, type CaseRun, caseMetadata, caseObjects, casePath, readCases, runCase } from './support/cases.js'
import { hasTool } from './support/tools.js'

const scratch = mkdtempSync(join(tmpdir(), 'verify-trail-exports-'))
t.teardown(() => rmSync(scratch, { recursive: true, force: true }))

const BUCKET = 'example-trail-logs'
const cases = new Map(readCases().map((one) => [one.name, one]))

function caseOf(name: string): Case {
  const one = cases.get(name)
  if (one === undefined) throw new Error(`no case ${name}`)
  return one
}

const plain = caseOf('plain')
const objects = caseObjects(join(casePath('plain'), BUCKET))
const metadata = new Map(
  [...objects.keys()].map((key) => {
    const found = caseMetadata(plain)?.lookup(BUCKET, key)
    return [key, found?.kind === 'found' ? found.metadata : undefined] as const
  }),
)

let written = 0

/** A directory, named like the bucket, with these files in it. */
function write(files: ReadonlyMap<string, Uint8Array | string>): string {
  const folder = join(scratch, String(written++), BUCKET)
  for (const [name, bytes] of files) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), bytes)
  }
  return folder
}

function writeFile(name: string, bytes: Uint8Array): string {
  const path = join(scratch, String(written++), name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, bytes)
  return path
}

function withSidecars(
  text: (metadata: Readonly<Record<string, string>>, key: string) => string,
): Map<string, Uint8Array | string> {
  const sidecars = [...metadata].flatMap(([key, found]) =>
    found === undefined ? [] : [[`${key}.metadata.json`, text(found, key)] as const],
  )
  return new Map<string, Uint8Array | string>([...objects, ...sidecars])
}

function tarOf(
  files: ReadonlyMap<string, Uint8Array | string>,
  pax: (key: string) => Record<string, string> = () => ({}),
): Buffer {
  return tar([...files].map(([name, bytes]) => ({ name, bytes: Buffer.from(bytes), pax: pax(name) })))
}

function paxOf(key: string): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata.get(key) ?? {}).map(([name, value]) => [`SCHILY.xattr.user.${name}`, value]))
}

async function verified(source: Source, file?: MetadataFile, one: Case = plain): Promise<CaseRun> {
  const run = await runCase(one, [source], { metadata: file })
  await source.close?.()
  return run
}

function origins({ results }: CaseRun): string[] {
  return results.flatMap((result) => (result.kind === 'digest' ? [`${result.metadataFrom ?? 'none'}`] : []))
}

const headObject = (found: Readonly<Record<string, string>>): string =>
  JSON.stringify({ ContentLength: 1, ContentType: 'application/json', Metadata: found })
const wrong = { signature: '00'.repeat(256) }

t.test('the first origin that has metadata counts, and the report says which', async (t) => {
  const sidecars = withSidecars(headObject)
  const wrongSidecars = withSidecars(() => headObject(wrong))
  const rows: [string, () => Promise<Source>, MetadataFile | undefined, string][] = [
    ['a file beside it, as head-object prints it', () => directorySource(write(sidecars)), undefined, 'sidecar'],
    [
      'a file beside it, a plain map',
      () => directorySource(write(withSidecars((found) => JSON.stringify(found)))),
      undefined,
      'sidecar',
    ],
    ['files beside, in a tar', () => archiveSource(writeFile('a.tar', tarOf(sidecars))), undefined, 'sidecar'],
    [
      'files beside, in a zip',
      () => archiveSource(writeFile('a.zip', zip([...sidecars].map(([name, bytes]) => ({ name, bytes: Buffer.from(bytes) }))))),
      undefined,
      'sidecar',
    ],
    ['PAX before what lies beside', () => archiveSource(writeFile('b.tar', tarOf(wrongSidecars, paxOf))), undefined, 'tar'],
    ['what lies beside before --metadata', () => directorySource(write(sidecars)), caseMetadata(plain), 'sidecar'],
    ['--metadata', () => directorySource(write(objects)), caseMetadata(plain), 'file'],
    [
      '--metadata where attributes are others than CloudTrail’s',
      () =>
        archiveSource(
          writeFile(
            'c.tar',
            tarOf(objects, () => ({ 'SCHILY.xattr.user.xdg.origin.url': 'https://…' })),
          ),
        ),
      caseMetadata(plain),
      'file',
    ],
  ]
  for (const [about, open, file, origin] of rows) {
    const run = await verified(await open(), file)
    t.equal(run.summary.verdict, 'valid', about)
    t.same(new Set(origins(run)), new Set([origin]), about)
    t.same(run.summary.run.metadataFrom, { [origin]: origins(run).length }, about)
  }
})

t.test('extended attributes of files', async (t) => {
  const folder = write(withSidecars(() => headObject(wrong)))
  const set = (key: string, name: string, value: string): boolean =>
    spawnSync('setfattr', ['-n', `user.${name}`, '-v', value, join(folder, key)]).status === 0
  const all =
    hasTool('setfattr') &&
    [...metadata].every(([key, found]) => Object.entries(found ?? {}).every(([name, value]) => set(key, name, value)))
  if (!all) {
    t.notOk(process.env['CI'], `in CI the file system of ${tmpdir()} has attributes`)
    t.comment('SKIPPED: no setfattr here, or no attributes on this file system')
    return
  }
  const run = await verified(await directorySource(folder), caseMetadata(plain))
  t.equal(run.summary.verdict, 'valid')
  t.same(new Set(origins(run)), new Set(['xattr']))
})

t.test('what lies beside and is no metadata is named, and changes nothing', async (t) => {
  const rows: [string, string, RegExp | null][] = [
    ['no JSON', '{', /was not used: .*JSON/],
    ['too long', ' '.repeat(65_537), /more than 65536 bytes/],
    ['a list', '[]', /not a JSON object/],
    ['no strings', '{"Metadata": {"signature": 1}}', /a value that is not a string: "signature"/],
    ['names twice', '{"signature": "a", "signature": "b"}', /was not used/],
    ['of another object', '{"Key": "AWSLogs/x.json.gz", "Metadata": {"signature": "00"}}', /it names another object/],
    ['none', '{"Metadata": {}}', null],
    ['of others', '{"Metadata": {"note": "x"}}', null],
  ]
  const without = await verified(await directorySource(write(objects)))
  for (const [about, text, sentence] of rows) {
    const run = await verified(await directorySource(write(withSidecars(() => text))))
    t.equal(run.summary.verdict, without.summary.verdict, about)
    t.same(run.findings, without.findings, about)
    t.equal(run.summary.notChecked.filter((one) => sentence?.test(one)).length, sentence === null ? 0 : 3, about)
  }
  const swapped = await verified(await directorySource(write(withSidecars(() => headObject(wrong)))))
  contradicted(t, swapped)
})

/** Metadata that contradicts what is proven was altered: all but the newest are proven by their successors. */
function contradicted(t: Test, run: CaseRun): void {
  t.equal(run.summary.verdict, 'invalid')
  t.same(new Set(run.findings.map(({ code }) => code)).has('DIGEST_METADATA_MISMATCH'), true)
}
