/** Plans an organization: `child-plan ACCOUNTS REGIONS DAYS LOG-FILES-PER-HOUR (plan | list)`; `list`: the listings alone, as the limit. */
import { planTrail } from '../src/index.js'
import { reportCost } from './child.js'
import { ListedSource } from './listed-source.js'

const [, , ...given] = process.argv
const [accounts = 1, regions = 1, days = 1, logFilesPerHour = 1] = given.map(Number)
const source = new ListedSource({ accounts, regions, days, logFilesPerHour })
const startedAt = Date.now()
const { startTime, endTime } = source
if (given.at(-1) === 'plan') {
  const { scopes, digests } = await planTrail({ sources: [source], startTime, endTime })
  reportCost(startedAt, `${scopes.length} ${digests.objects}`)
} else reportCost(startedAt, String(await listAll('')))

async function listAll(prefix: string): Promise<number> {
  let objects = 0
  if (prefix.split('/').length === 8) {
    for await (const page of source.pages(prefix)) objects += page.length
    return objects
  }
  for (const folder of (await source.folders(prefix)).folders) objects += await listAll(folder)
  return objects
}
