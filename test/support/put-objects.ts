/** Fills a bucket for a test. */
import { CreateBucketCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3'
import pLimit from 'p-limit'

export interface PutObject {
  readonly bytes: Uint8Array
  readonly metadata?: Readonly<Record<string, string>>
  readonly contentEncoding?: string
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
