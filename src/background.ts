/** Starting and stopping the server of a home from another process. */
import { join } from 'node:path'
import { ControlError, connectTo } from './admin/connection.ts'
import { serverProcess, startServer, stopServer } from './admin/server-process.ts'
import { type HomePaths, prepareHome } from './config/home.ts'
import { packageRoot } from './config/package-root.ts'

const longestStartMs = 60_000
const longestStopMs = 60_000

export interface ServerFlags {
  home?: string | undefined
  profile?: string | undefined
  log?: string | undefined
}

/** The command line of `server run` with the same flags; what it logs would be written twice otherwise. */
export function serverWords({ home, profile, log }: ServerFlags): string[] {
  return [
    join(packageRoot(), 'bin', 'coinstack-signon'),
    'server',
    'run',
    '--quiet',
    ...(home === undefined ? [] : ['--home', home]),
    ...(profile === undefined ? [] : ['--profile', profile]),
    ...(log === undefined ? [] : ['--log', log]),
  ]
}

/** @throws ControlError already_running, start_failed */
export async function startInBackground(paths: HomePaths, words: readonly string[]): Promise<number> {
  prepareHome(paths)
  const running = serverProcess(paths.pidFile)
  if (running !== undefined && (await connectTo(paths.controlSocket)))
    throw new ControlError('already_running', `a server runs already (process ${running})`)
  return startServer({
    words,
    environment: process.env,
    controlSocket: paths.controlSocket,
    outputFile: join(paths.logs, 'start.log'),
    longestMs: longestStartMs,
  })
}

/** @throws ControlError no_process, stop_failed */
export async function stopInBackground(paths: HomePaths, force: boolean): Promise<void> {
  const processId = serverProcess(paths.pidFile)
  if (processId === undefined) throw new ControlError('no_process', 'No process detected')
  await stopServer(processId, force, longestStopMs)
}
