/** Every fixture case, through every kind of source, with equal reports. */
import { join } from 'node:path'
import t from 'tap'
import { directorySource, memorySource, type Result, type Source } from '../src/index.js'
import { type Case, type CaseRun, caseMetadata, caseObjects, casePath, differences, exitCode, readCases, runCase } from './support/cases.js'

const cases = readCases()

/** A run's results without what may differ between two runs over equal input. */
function comparable({ results }: CaseRun): Result[] {
  return results.map((result) => (result.kind === 'summary' ? { ...result, run: { ...result.run, startedAt: '', finishedAt: '', sources: [] } } : result))
}

async function inMemory(one: Case): Promise<Source[]> {
  const onDisk = await Promise.all(one.sources.map((folder) => directorySource(join(casePath(one.name), folder))))
  return onDisk.map((source, index) =>
    memorySource({ name: source.name, path: source.path ?? [], objects: caseObjects(join(casePath(one.name), one.sources[index] ?? '')) }),
  )
}

t.test('every case from a directory', async (t) => {
  for (const one of cases.filter(({ only }) => only !== 's3')) {
    const sources = await Promise.all(one.sources.map((folder) => directorySource(join(casePath(one.name), folder))))
    const run = await runCase(one, sources, { metadata: caseMetadata(one) })
    t.strictSame(differences(one, run), [], `${one.name}: ${one.about}`)
    t.equal(exitCode(run), one.expected.exit, `${one.name}: exit code`)
    const ignored = sources.some((source) => (source.ignored ?? 0) > 0)
    if (ignored) continue
    const other = await runCase(one, await inMemory(one), { metadata: caseMetadata(one), concurrency: 3, doubleCheckSignatures: true })
    t.strictSame(comparable(other), comparable(run), `${one.name}: the same from memory, at another concurrency, with signatures checked twice`)
  }
})
