/** A whole run over a written trail, in a directory or an archive: `child-verify PATH PUBLIC-KEYS WORKERS START END` */
import { archiveSource, directorySource, readPublicKeyFile, verifyTrail } from '../src/index.js'
import { reportCost } from './child.js'

const startedAt = Date.now() - performance.now()
const [, , directory = '', keys = '', workers = '0', startTime = '', endTime = ''] = process.argv
const sources = [/\.(tar|gz|zip)$/.test(directory) ? await archiveSource(directory) : await directorySource(directory)]
const publicKeys = await readPublicKeyFile(keys)
let answer = ''
for await (const result of verifyTrail({ sources, publicKeys, workers: Number(workers), startTime, endTime })) {
  if (result.kind === 'summary') answer = `${result.verdict} ${result.summary.logFiles.valid}`
}
reportCost(startedAt, answer)
