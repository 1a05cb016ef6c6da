/** What is needed of node-forge: RSA, DER and SHA-256. All of it takes as long to load as the rest of a small run. */
import type { pki } from 'node-forge'
import 'node-forge/lib/rsa.js'
import 'node-forge/lib/sha256.js'
import forge from 'node-forge/lib/forge.js'

export type ForgeKey = pki.rsa.PublicKey
export { forge }
