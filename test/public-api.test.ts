/** What can be imported, and what each part of the house may not do. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import * as library from '../src/index.js'
import * as s3 from '../src/s3.js'
import { VERSION } from '../src/version.js'
import { ROOT } from './support/command.js'

const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))

/** The code of a folder of src/, without its comments. */
function code(folder: string): { name: string; text: string }[] {
  const files = readdirSync(join(ROOT, 'src', folder), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  )
  return files.map((file) => {
    const text = readFileSync(join(ROOT, 'src', folder, file), 'utf8')
    return { name: `${folder}/${file}`, text: text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$|\s\/\/ .*$/gm, '') }
  })
}

t.test('the package has two doors', async (t) => {
  t.strictSame(Object.keys(manifest.exports), ['.', './s3', './schema/report.schema.json', './package.json'])
  t.equal(manifest.version, VERSION)
  t.strictSame(Object.keys(library).sort(), [
    'BodyError',
    'FINDING_VERDICTS',
    'ReportComparison',
    'VerifyTrailError',
    'archiveSource',
    'asffReport',
    'bordersOfPlan',
    'coverageCsv',
    'dataToSign',
    'directorySource',
    'emfReport',
    'escapeTerminal',
    'findingsCsv',
    'htmlReport',
    'jsonReport',
    'junitReport',
    'memorySource',
    'mergeShards',
    'ndjsonReport',
    'ocsfReport',
    'parseDigest',
    'parseExpectations',
    'parseMetadata',
    'parseObjectKey',
    'parsePublicKeyList',
    'planTrail',
    'prometheusReport',
    'readPublicKeyFile',
    'readReport',
    'terminalReport',
    'textReport',
    'verifySignature',
    'verifyTrail',
  ])
  t.strictSame(Object.keys(s3).sort(), ['askTrail', 'cloudTrailKeys', 's3Source'])
})

t.test('nothing else can be imported', async (t) => {
  await t.rejects(import('verify-trail/dist/core/digest.js' as string), { message: /NOT_EXPORTED|not defined by "exports"/ })
})

t.test('errors have a code to test', async (t) => {
  await t.rejects(library.directorySource('/no/such/directory'), { name: 'VerifyTrailError', code: 'ERR_SOURCE' })
  await t.rejects(library.verifyTrail({ sources: [] }).next(), { code: 'ERR_INVALID_OPTION' })
})

t.test('core is pure and synchronous: no I/O, no clock, no environment', async (t) => {
  for (const { name, text } of code('core')) {
    t.notMatch(text, /\basync\b|\bawait\b|\bPromise\b/, `${name} is synchronous`)
    t.notMatch(text, /from 'node:(?!crypto'|module')|\bprocess\.|Date\.now|new Date\(\)|Math\.random|toLocale/, `${name} is pure`)
  }
})

t.test('the environment is read in cli/main.ts only', async (t) => {
  for (const folder of ['core', 'engine', 'reports', 'cli']) {
    for (const { name, text } of code(folder))
      if (name !== 'cli/main.ts') t.notMatch(text, /process\.(env|argv|stdout|stderr)/, name)
  }
})
