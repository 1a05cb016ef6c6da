/** A worker thread: hashes a file that another thread has open. */
import { parentPort, workerData } from 'node:worker_threads'
import { sha256OfOpen } from './file-hash.js'

parentPort?.postMessage(sha256OfOpen(workerData))
