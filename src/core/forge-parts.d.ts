/** @types/node-forge knows the whole of it only. */
declare module 'node-forge/lib/forge.js' {
  import forge = require('node-forge')
  export = forge
}
declare module 'node-forge/lib/rsa.js'
declare module 'node-forge/lib/sha256.js'
