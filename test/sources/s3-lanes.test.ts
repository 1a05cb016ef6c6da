import { execFile } from 'node:child_process'
import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import forge from 'node-forge'
import pLimit from 'p-limit'
import t from 'tap'
import { type S3SourceOptions, s3Source } from '../../src/sources/s3.js'
import type { Source } from '../../src/sources/source.js'
import {
  bare,
  bytesOf,
  codeOf,
  EMPTY_LISTING,
  failure,
  isFast,
  isolate,
  LANES,
  misbehaving,
  QUICK,
  type Reply,
  raw,
  reset,
  silent,
  SOMEBODY,
  thrownBy,
  whole,
} from '../aws/misbehaving-store.js'

type Lane = (typeof LANES)[number]
type Opened = Readonly<Record<Lane, Source>>

async function open(t: Tap.Test, endpointUrl: string, options: S3SourceOptions = {}): Promise<Opened> {
  const one = async (lane: Lane): Promise<Source> => {
    const source = await s3Source('s3://bucket', { endpointUrl, lane, ...QUICK, ...options })
    t.teardown(() => source.close?.())
    return source
  }
  return { fast: await one('fast'), sdk: await one('sdk') }
}
