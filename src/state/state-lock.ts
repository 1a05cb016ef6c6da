/**
 * One run at a time goes on with a state. The lock is a socket that listens: whoever dies lets go of it, however that was. It holds among
 * the runs of one user on one machine.
 */
import { createHash } from 'node:crypto'
import { realpathSync, rmSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { VerifyTrailError } from '../errors.js'

/** Resolves with what lets go of it. Rejects with ERR_STATE where another run has it. */
export async function lockState(path: string): Promise<() => Promise<void>> {
  const place = placeOf(path)
  let server = await listen(place)
  if (server === undefined) {
    if (await isHeld(place))
      throw new VerifyTrailError(
        'ERR_STATE',
        `the state file '${path}' is in use by another run: wait for it, or give another file`,
      )
    // Nobody listens: it is that of a run that was killed.
    rmSync(place, { force: true })
    server = await listen(place)
  }
  return () => new Promise((resolve) => (server === undefined ? resolve() : server.close(() => resolve())))
}

/** Names of sockets are short: a path may be longer. */
function placeOf(path: string): string {
  const name = createHash('sha256')
    .update(join(realpathSync(dirname(path)), basename(path)))
    .digest('hex')
    .slice(0, 32)
  return process.platform === 'win32' ? `\\\\.\\pipe\\verify-trail-${name}` : join(tmpdir(), `verify-trail-${name}.lock`)
}

/** Undefined where the place is taken. */
function listen(place: string): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy()).unref()
  return new Promise((resolve, reject) => {
    server.on('error', (error: NodeJS.ErrnoException) => (error.code === 'EADDRINUSE' ? resolve(undefined) : reject(error)))
    server.listen(place, () => resolve(server))
  })
}

function isHeld(place: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(place, () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
