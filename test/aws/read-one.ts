/** Reads an object in a process of its own, whose environment is the test's: prints the answer. */
import { s3Source } from '../../src/sources/s3.js'

const [endpointUrl = '', lane] = process.argv.slice(2)
try {
  const source = await s3Source('s3://bucket', {
    endpointUrl,
    maxAttempts: 2,
    retryDelay: 1,
    lane: lane === 'sdk' ? lane : 'fast',
  })
  const answer = await source.read('key')
  console.log(JSON.stringify(answer.kind === 'object' ? { ...answer, body: String(answer.body) } : answer))
  await source.close?.()
} catch (error) {
  console.log(String(error))
}
