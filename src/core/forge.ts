/** What is needed of node-forge: RSA, DER and SHA-256. All of it takes as long to load as the rest of a small run. */
import { createRequire } from 'node:module'
import type { pki } from 'node-forge'

/** `import` would read each twice, once only for the names that it exports. */
const load = createRequire(import.meta.url)

export type ForgeKey = pki.rsa.PublicKey
export const forge: typeof import('node-forge') = load('node-forge/lib/forge.js')
load('node-forge/lib/rsa.js')
load('node-forge/lib/sha256.js')
