/** Fills a bucket for a test. */
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import pLimit from 'p-limit'

export interface PutObject {
  readonly bytes: Uint8Array
  readonly metadata?: Readonly<Record<string, string>>
  readonly contentEncoding?: string
  /** When it was put, in ms, where the store is to tell. */
  readonly modified?: number
}

/** Creates the bucket where it is not there, and puts every object into it. Bodies are buffers: radosgw 16 refuses streams. */
export async function putObjects(client: S3Client, bucket: string, objects: ReadonlyMap<string, PutObject>): Promise<void> {
  await client.send(new CreateBucketCommand({ Bucket: bucket }))
  await pLimit(32).map(objects, ([key, object]) =>
    client.send(
      new PutObjectCommand({
        Bucket: bucket,
        Key: key,
        Body: object.bytes,
        Metadata: { ...object.metadata },
        ...(object.contentEncoding !== undefined && { ContentEncoding: object.contentEncoding }),
      }),
    ),
  )
}

/** Deletes all objects; a bucket that is not there is empty. */
export async function emptyBucket(client: S3Client, bucket: string): Promise<void> {
  for (;;) {
    const listed = await client.send(new ListObjectsV2Command({ Bucket: bucket, EncodingType: 'url' })).catch(() => undefined)
    const keys = (listed?.Contents ?? []).map(({ Key = '' }) => decodeURIComponent(Key.replaceAll('+', ' ')))
    if (keys.length === 0) return
    // One by one: XML cannot carry every key.
    await Promise.all(keys.map((Key) => client.send(new DeleteObjectCommand({ Bucket: bucket, Key }))))
  }
}
