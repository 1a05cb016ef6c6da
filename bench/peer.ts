/**
 * The whole command beside what people have today, wall time, in turns, on one trail of 5,000 small log files: `aws cloudtrail
 * validate-logs` on the same S3 endpoint, and `zcat | sha256sum` and `sha256sum -c` on the same directory. With `--full`
 * aws-cli checks the whole trail at 20 ms too, which takes minutes; else three of its 25 digests, scaled.
 */
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { extname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { formatTime } from '../src/core/time.js'
import { median, runChild } from './child.js'
import { type Behaviour, type Requests, type Serving, TRAIL } from './peer-server.js'
import { printRows, type Row } from './row.js'
import { type WrittenTrail, writeTrail } from './written-trail.js'

export const name = 'peer'

const ROUNDS = 3
const PART_DIGESTS = 3
const LOG_FILES = TRAIL.hours * TRAIL.logFilesPerHour
const COMMAND = 'dist/cli/main.js'
const DEBIAN_AWS = '/usr/bin/aws'
const TARGETS = [
  { latencyMs: 0, target: 10 },
  { latencyMs: 20, target: 50 },
] as const
const SECOND = 1000
const HOUR = 3600 * SECOND
/** Our default. */
const AT_ONCE = 128

/** aws-cli 2.9 knows no endpoint setting for S3; this is its documented way in. */
const PLUGIN = `import os

def awscli_initialize(cli):
    cli.register('session-initialized', at_our_endpoint)

def at_our_endpoint(session, **kwargs):
    create_client = session.create_client
    def create(service, *args, **options):
        options['endpoint_url'] = os.environ['BENCH_ENDPOINT']
        return create_client(service, *args, **options)
    session.create_client = create
`

interface Range {
  readonly start: string
  readonly end: string
}

/** What a run said. */
interface Outcome {
  readonly seconds: number
  readonly exit: number | null
  readonly digests: string
  readonly logFiles: string
}

export interface Bench {
  readonly serving: Serving
  readonly environment: NodeJS.ProcessEnv
  /** aws-cli's: how it is told of the endpoint. */
  readonly awsConfig: string
  /** Tells the server how to answer from now on; resolves with the requests before. */
  behave(behaviour: Behaviour): Promise<Requests>
  stop(): void
}

export async function run(): Promise<Row[]> {
  if (!existsSync(COMMAND)) throw new Error(`${COMMAND} is not there: npm run build`)
  const directory = mkdtempSync(join(tmpdir(), 'verify-trail-bench-'))
  try {
    return [...(await besideAws(directory, process.argv.includes('--full'))), ...(await besideShell(join(directory, 'trail')))]
  } finally {
    rmSync(directory, { recursive: true })
  }
}

async function besideAws(directory: string, full: boolean): Promise<Row[]> {
  const aws = findAws()
  if (aws === undefined) return []
  const bench = await startServer(directory)
  try {
    await checkBothSeeTampering(bench, aws)
    const rows: Row[] = []
    for (const { latencyMs, target } of TARGETS) rows.push(...(await compare(bench, aws, latencyMs, target, full)))
    return rows
  } finally {
    bench.stop()
  }
}

async function compare(bench: Bench, aws: string, latencyMs: number, target: number, full: boolean): Promise<Row[]> {
  const { serving } = bench
  await bench.behave({ latencyMs, tampered: false })
  const whole = latencyMs === 0 || full
  const ours: number[] = []
  const peer: number[] = []
  const client: number[] = []
  const oursOnce = (): void => void ours.push(valid(verifyTrail(bench, newest(serving, TRAIL.hours)), TRAIL.hours).seconds)
  for (let round = 0; round < (latencyMs > 0 && full ? 1 : ROUNDS); round++) {
    oursOnce()
    if (round === 0) note(`  ours at ${latencyMs} ms`, await bench.behave({ latencyMs, tampered: false }))
    peer.push(whole ? valid(validateLogs(bench, aws, newest(serving, TRAIL.hours)), TRAIL.hours).seconds : scaled(bench, aws))
    if (round === 0) note(`  aws-cli at ${latencyMs} ms`, await bench.behave({ latencyMs, tampered: false }))
    client.push(fetchAlone(bench))
    oursOnce()
  }
  note(`  seconds at ${latencyMs} ms`, { ours: ours.map((n) => n.toFixed(2)), 'aws-cli': peer.map((n) => n.toFixed(1)) })
  const [mine, theirs, least] = [median(ours), median(peer), median(client)]
  const row = { what: `${LOG_FILES} log files on S3, ${latencyMs} ms a request`, ours: `${mine.toFixed(2)} s` }
  const besidePeer: Row = {
    ...row,
    limit: `${theirs.toFixed(1)} s (aws-cli${whole ? '' : `, scaled from ${PART_DIGESTS * TRAIL.logFilesPerHour} log files`})`,
    ratio: theirs / mine,
    target,
    better: 'more',
  }
  const limit = `${least.toFixed(2)} s (an HTTP client fetching them, ${AT_ONCE} at a time)`
  return [besidePeer, { ...row, limit, ratio: mine / least, target: 3, better: 'less' }]
}

function fetchAlone({ serving: { url, bucket } }: Bench): number {
  const { wallMs, answer } = runChild('child-fetch', [url, bucket, String(AT_ONCE)])
  if (answer !== String(LOG_FILES)) throw new Error(`${answer} log files were fetched`)
  return wallMs / SECOND
}

/** What starts and lists, and checks nothing, is not scaled; that range is one that has no digests. */
function scaled(bench: Bench, aws: string): number {
  const after = Date.parse(bench.serving.endTime) + 2 * HOUR
  const nothing = validateLogs(bench, aws, { start: formatTime(after), end: formatTime(after + HOUR) })
  const part = valid(validateLogs(bench, aws, newest(bench.serving, PART_DIGESTS)), PART_DIGESTS)
  return nothing.seconds + ((part.seconds - nothing.seconds) * TRAIL.hours) / PART_DIGESTS
}

/** The newest digests of the trail. A second later than the hour: aws-cli includes a digest that ends where a range starts. */
function newest({ endTime }: Serving, digests: number): Range {
  return { start: formatTime(Date.parse(endTime) - digests * HOUR + SECOND), end: endTime }
}

async function checkBothSeeTampering(bench: Bench, aws: string): Promise<void> {
  await bench.behave({ latencyMs: 0, tampered: true })
  const range = newest(bench.serving, 1)
  const rest = `${TRAIL.logFilesPerHour - 1}/${TRAIL.logFilesPerHour}`
  for (const outcome of [verifyTrail(bench, range), validateLogs(bench, aws, range)]) {
    if (outcome.exit !== 1 || outcome.digests !== '1/1' || outcome.logFiles !== rest)
      throw new Error(`a changed log file was not seen: ${JSON.stringify(outcome)}`)
  }
}

function valid(outcome: Outcome, digests: number): Outcome {
  const logFiles = digests * TRAIL.logFilesPerHour
  if (outcome.exit === 0 && outcome.digests === `${digests}/${digests}` && outcome.logFiles === `${logFiles}/${logFiles}`)
    return outcome
  throw new Error(`${digests} digests and ${logFiles} log files were to be found valid: ${JSON.stringify(outcome)}`)
}

function verifyTrail({ serving: { url, bucket }, environment }: Bench, { start, end }: Range): Outcome {
  const range = ['--start-time', start, '--end-time', end]
  return oursOn([`s3://${bucket}`, '--endpoint-url', url, ...range], environment)
}

function oursOn(args: readonly string[], environment: NodeJS.ProcessEnv): Outcome {
  const { seconds, exit, stdout } = timed(process.execPath, [COMMAND, ...args, '--json', '--no-progress'], environment)
  const { digests, logFiles } = JSON.parse(stdout).summary
  return { seconds, exit, digests: `${digests.valid}/${digests.found}`, logFiles: `${logFiles.valid}/${logFiles.listed}` }
}

function validateLogs({ serving: { trailArn }, environment, awsConfig }: Bench, aws: string, { start, end }: Range): Outcome {
  const args = ['cloudtrail', 'validate-logs', '--trail-arn', trailArn, '--start-time', start, '--end-time', end]
  const { seconds, exit, stdout, stderr } = timed(aws, args, { ...environment, AWS_CONFIG_FILE: awsConfig })
  if (exit !== 0 && exit !== 1) throw new Error(`aws-cli ended with ${exit}: ${stderr}`)
  const count = (kind: string): string => new RegExp(`(\\d+/\\d+) ${kind} files valid`).exec(stdout)?.[1] ?? 'none'
  return { seconds, exit, digests: count('digest'), logFiles: count('log') }
}

function timed(command: string, args: readonly string[], env: NodeJS.ProcessEnv, cwd?: string) {
  const before = performance.now()
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    env,
    ...(cwd !== undefined && { cwd }),
    encoding: 'utf8',
    maxBuffer: 1e9,
  })
  const seconds = (performance.now() - before) / SECOND
  if (error !== undefined) throw error
  return { seconds, exit: status, stdout, stderr }
}

/** Debian's; it is installed where it can be. */
function findAws(): string | undefined {
  if (!existsSync(DEBIAN_AWS) && process.getuid?.() === 0 && existsSync('/usr/bin/apt-get')) {
    console.error('installing awscli')
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    spawnSync('apt-get', ['install', '-y', '--no-install-recommends', 'awscli'], { stdio: ['ignore', 'ignore', 'inherit'], env })
  }
  const aws = existsSync(DEBIAN_AWS) ? DEBIAN_AWS : 'aws'
  const { stdout = '' } = spawnSync(aws, ['--version'], { encoding: 'utf8' })
  console.error(`  ${aws}: ${stdout?.trim() || 'not there'}`)
  if (stdout?.startsWith('aws-cli/2.')) return aws
  console.error('\n!!! AWS-CLI WAS NOT COMPARED: there is no aws-cli 2 here (apt-get install awscli)\n')
  return undefined
}

export async function startServer(directory: string): Promise<Bench> {
  const self = fileURLToPath(import.meta.url)
  const path = fileURLToPath(new URL(`./peer-server${extname(self)}`, import.meta.url))
  const child = spawn(process.execPath, [...process.execArgv, path], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const answer = async () => {
    const { value, done } = await lines.next()
    if (done) throw new Error('the server ended')
    return JSON.parse(value)
  }
  const serving: Serving = await answer()
  return {
    serving,
    environment: environmentFor(serving.url, directory),
    awsConfig: writeAwsConfig(directory),
    behave(behaviour) {
      child.stdin.write(`${JSON.stringify(behaviour)}\n`)
      return answer()
    },
    stop: () => child.stdin.end(),
  }
}

/** Nothing of the user's own: not their credentials, their endpoints, or their proxy. */
function environmentFor(url: string, directory: string): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    HOME: directory,
    AWS_CONFIG_FILE: join(directory, 'no-config'),
    AWS_SHARED_CREDENTIALS_FILE: join(directory, 'no-credentials'),
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
    AWS_SECRET_ACCESS_KEY: 'example',
    AWS_REGION: 'us-east-1',
    AWS_ENDPOINT_URL_CLOUDTRAIL: url,
    BENCH_ENDPOINT: url,
  }
}

function writeAwsConfig(directory: string): string {
  const [config, plugins] = [join(directory, 'aws-config'), join(directory, 'plugins')]
  mkdirSync(plugins)
  writeFileSync(join(plugins, 'bench_endpoint.py'), PLUGIN)
  writeFileSync(config, `[default]\nregion = us-east-1\n[plugins]\ncli_legacy_plugin_path = ${plugins}\nbench = bench_endpoint\n`)
  return config
}

async function besideShell(directory: string): Promise<Row[]> {
  const trail = await writeTrail(directory, TRAIL)
  writeFileSync(join(directory, 'paths'), trail.logFilePaths.map((path) => `${path}\n`).join(''))
  const hash = (path: string): string =>
    createHash('sha256')
      .update(gunzipSync(readFileSync(path)))
      .digest('hex')
  const expected = trail.logFilePaths.map(hash)
  writeFileSync(join(directory, 'expected'), expected.map((sum) => `${sum}  -\n`).join(''))
  const inflated = trail.logFilePaths.map((path) => path.replace(/\.gz$/, ''))
  writeFileSync(join(directory, 'sums'), inflated.map((path, i) => `${expected[i]}  ${path}\n`).join(''))
  const ways = [
    { what: 'zcat | sha256sum each', target: 10, script: ZCAT_LOOP },
    { what: 'gzip -dk, sha256sum -c', target: 1, script: SUM_CHECK },
  ]
  const ours: number[] = []
  const times = ways.map((): number[] => [])
  for (let round = 0; round < ROUNDS; round++) {
    ours.push(verifyDirectory(trail))
    for (const [i, { script }] of ways.entries()) times[i]?.push(shell(script, directory))
    for (const path of inflated) rmSync(path)
  }
  const mine = median(ours)
  return ways.map(({ what, target }, i) => {
    const theirs = median(times[i] ?? [])
    const [own, limit] = [`${mine.toFixed(2)} s`, `${theirs.toFixed(2)} s (${what})`]
    return { what: `${LOG_FILES} log files in a directory`, ours: own, limit, ratio: theirs / mine, target, better: 'more' }
  })
}

/** As one writes it; what it found is compared, so that it checks. */
const ZCAT_LOOP = 'while read -r path; do zcat "$path" | sha256sum; done < paths > found && cmp found expected'
const SUM_CHECK = 'xargs gzip -dk < paths && sha256sum --quiet -c sums'

function shell(script: string, cwd: string): number {
  const { seconds, exit, stderr } = timed('/bin/sh', ['-c', script], process.env, cwd)
  if (exit !== 0) throw new Error(`${script} failed: ${stderr}`)
  return seconds
}

function verifyDirectory({ directory, publicKeyFile, metadataFile, startTime, endTime }: WrittenTrail): number {
  const evidence = ['--public-keys', publicKeyFile, '--metadata', metadataFile]
  const outcome = oursOn([directory, ...evidence, '--start-time', startTime, '--end-time', endTime], process.env)
  return valid(outcome, TRAIL.hours).seconds
}

function note(what: string, facts: object): void {
  console.error(`${what}: ${JSON.stringify(facts).replaceAll('"', '')}`)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) printRows(name, await run())
