/**
 * One run at a time goes on with a state. The lock is a socket that listens: whoever dies lets go of it, however that was. On Linux its
 * name is in no file system, so that nothing is left over; elsewhere it holds among the runs of one user with one TMPDIR.
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
  const server = (await listen(place)) ?? (await takeOver(place))
  if (server === undefined)
    throw new VerifyTrailError(
      'ERR_STATE',
      `the state file '${path}' is in use by another run: wait for it, or give another file`,
    )
  return () => new Promise((resolve) => void server.close(() => resolve()))
}

/** The place of a run that was killed: nobody listens there. Undefined where somebody does, or was quicker. */
async function takeOver(place: string): Promise<Server | undefined> {
  if (place.startsWith('\0') || (await isHeld(place))) return undefined
  rmSync(place, { force: true })
  return listen(place)
}

/** Names of sockets are short: a path may be longer. */
function placeOf(path: string): string {
  const name = `verify-trail-${createHash('sha256').update(realPath(path)).digest('hex').slice(0, 32)}`
  if (process.platform === 'linux') return `\0${name}`
  if (process.platform === 'win32') return `\\\\.\\pipe\\${name}`
  const folder = tmpdir()
  return join(folder.length + name.length < MOST_SOCKET_NAME ? folder : '/tmp', `${name}.lock`)
}

const MOST_SOCKET_NAME = 90

/** The file itself, where it is there: it may be called by several names. */
function realPath(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return join(realpathSync(dirname(path)), basename(path))
  }
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
    // Of what cannot be asked, another user's, nobody can say that it is free.
    socket.on('error', ({ code }: NodeJS.ErrnoException) => resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT'))
  })
}
