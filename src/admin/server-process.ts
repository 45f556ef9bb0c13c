/** The server as a process: its pid file, starting it in the background, stopping it. */
import { spawn } from 'node:child_process'
import { openSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { isProcessAlive } from '../ledger/live-process.ts'
import { ControlError, connectTo, otherUsers } from './connection.ts'

const pollMs = 50

/**
 * Process id of the server of this pid file, if such a process is there; a stale file counts for nothing.
 *
 * @throws ControlError forbidden, where this user may not see it
 */
export function serverProcess(pidFile: string): number | undefined {
  let text: string
  try {
    text = readFileSync(pidFile, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EACCES') throw otherUsers(pidFile)
    return undefined
  }
  const processId = Number(text.trim())
  return Number.isInteger(processId) && processId > 0 && isProcessAlive(processId) && isServer(processId)
    ? processId
    : undefined
}

/** `server run` as words of a command line, or the quickstart, which serves in its own process. */
const serverCommandLine = /\0server[\0:]run\0|quickstart\.[jt]s\0/

/** A number may have been given to another program since; where the system can tell, its command line decides. */
function isServer(processId: number): boolean {
  try {
    return serverCommandLine.test(readFileSync(`/proc/${processId}/cmdline`, 'utf8'))
  } catch {
    return true
  }
}

export interface StartOptions {
  /** Words after the Node executable. */
  words: readonly string[]
  environment: NodeJS.ProcessEnv
  controlSocket: string
  /** What the process says before its log is open. */
  outputFile: string
  longestMs: number
}

/**
 * Starts a server in the background and waits until it serves.
 *
 * @throws ControlError with the process's own last words where it ends instead
 */
export async function startServer(options: StartOptions): Promise<number> {
  const { words, environment, controlSocket, outputFile, longestMs } = options
  const output = openSync(outputFile, 'w', 0o600)
  const child = spawn(process.execPath, words, {
    detached: true,
    env: environment,
    stdio: ['ignore', output, output],
  })
  let ended: number | string | undefined
  child.on('exit', (code, signal) => {
    ended = code ?? signal ?? 'unknown'
  })
  child.on('error', (error) => {
    ended = error.message
  })
  for (let waitedMs = 0; waitedMs < longestMs; waitedMs += pollMs) {
    if (ended !== undefined) {
      const words = readFileSync(outputFile, 'utf8').trim()
      throw new ControlError(
        'start_failed',
        words || `the server ended at once (${ended}); server run would say why`,
      )
    }
    const connection = await connectTo(controlSocket).catch(() => undefined)
    if (connection && (await connection.operations.status({})).processId === child.pid) {
      child.unref()
      return child.pid!
    }
    await delay(pollMs)
  }
  child.kill('SIGKILL')
  throw new ControlError('start_failed', `the server did not serve within ${longestMs / 1000} s`)
}

/**
 * Ends a server and waits until its process is gone.
 *
 * @param force at once (SIGKILL): what was acknowledged is on disk all the same
 */
export async function stopServer(processId: number, force: boolean, longestMs: number): Promise<void> {
  process.kill(processId, force ? 'SIGKILL' : 'SIGTERM')
  for (let waitedMs = 0; isProcessAlive(processId); waitedMs += pollMs) {
    if (waitedMs >= longestMs)
      throw new ControlError(
        'stop_failed',
        `process ${processId} did not end within ${longestMs / 1000} s; try --force`,
      )
    await delay(pollMs)
  }
}
