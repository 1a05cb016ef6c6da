/** Results in a bucket. */
import { parseFailure } from '../aws/failure.js'
import { openS3Store } from '../aws/s3-store.js'
import { VerifyTrailError } from '../errors.js'
import type { Results } from './results.js'

export interface S3ResultsOptions {
  readonly endpointUrl?: string
  readonly profile?: string
}

/** S3 answers so where two put the same name at once: whoever repeats it finds it there. */
const CONFLICT = 409
const NOT_THERE = 404
const THERE = 412
const MOST_CONFLICTS = 5

/** `s3://bucket[/prefix]`. Puts are conditional (`If-None-Match: *`): what is there stays. */
export async function s3Results(url: string, options: S3ResultsOptions = {}): Promise<Results> {
  const [, bucket, path = ''] = /^s3:\/\/([^/]+)(?:\/(.*))?$/s.exec(url) ?? []
  if (bucket === undefined)
    throw new VerifyTrailError('ERR_CLUSTER', `not a bucket: ${JSON.stringify(url)} (give s3://bucket[/prefix])`)
  const prefix = path === '' || path.endsWith('/') ? path : `${path}/`
  const store = await openS3Store(url, options)
  const client = store.client(store.region)
  const { PutObjectCommand, GetObjectCommand, HeadObjectCommand } = store.sdk

  async function putOnce(name: string, bytes: Uint8Array): Promise<'put' | 'there' | 'conflict'> {
    const object = { Bucket: bucket, Key: prefix + name, Body: bytes, ContentType: 'application/json', IfNoneMatch: '*' }
    try {
      await client.send(new PutObjectCommand(object))
      return 'put'
    } catch (error) {
      const { status } = parseFailure(error)
      if (status === THERE) return 'there'
      if (status === CONFLICT) return 'conflict'
      throw error
    }
  }
  return {
    name: url,
    async put(name, bytes) {
      for (let attempt = 1; ; attempt++) {
        const answer = await putOnce(name, bytes)
        if (answer !== 'conflict') return answer
        if (attempt === MOST_CONFLICTS) throw new Error(`others put ${name} at the same time, ${attempt} times`)
      }
    },
    async has(name) {
      try {
        await client.send(new HeadObjectCommand({ Bucket: bucket, Key: prefix + name }))
        return true
      } catch (error) {
        if (parseFailure(error).status === NOT_THERE) return false
        throw error
      }
    },
    async get(name) {
      try {
        const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: prefix + name }))
        return Buffer.from((await Body?.transformToByteArray()) ?? [])
      } catch (error) {
        if (parseFailure(error).code === 'NoSuchKey') return undefined
        throw error
      }
    },
    async close() {
      store.close()
    },
  }
}
