import { createHash } from 'node:crypto'
import { chmodSync, lstatSync, mkdirSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

/** The files and folders of one server. */
export interface HomePaths {
  readonly home: string
  readonly configurationFile: string
  readonly profiles: string
  readonly ledger: string
  /** Older events in compressed files, part of the ledger. */
  readonly segments: string
  readonly node: string
  /** Last signed checkpoint, outside LevelDB on purpose. */
  readonly checkpointFile: string
  /** Size and root of what was acknowledged, outside LevelDB too. */
  readonly headFile: string
  /** Private keys that sign tokens, encrypted. */
  readonly signingKeys: string
  readonly logs: string
  readonly pidFile: string
  readonly controlSocket: string
}

/** The home cannot be used as it is. */
export class HomeError extends Error {
  readonly code = 'home-unusable'
}

// sun_path holds 108 bytes on Linux and 104 on macOS, the closing NUL included.
const longestSocketPath = 100

/** Home directory, absolute: the flag, else COINSTACK_SIGNON_HOME, else `~/.coinstack-signon`. */
export function resolveHome(
  environment: Readonly<Record<string, string | undefined>>,
  flag?: string | undefined,
): string {
  const given = flag || environment.COINSTACK_SIGNON_HOME
  return given ? resolve(given) : join(environment.HOME || homedir(), '.coinstack-signon')
}

/** Where everything lies under a home directory. Touches nothing. */
export function homePaths(home: string, temporaryFolder: string = tmpdir()): HomePaths {
  const socket = join(home, 'run', 'control.sock')
  return {
    home,
    configurationFile: join(home, 'conf', 'coinstack.yaml'),
    profiles: join(home, 'profiles'),
    ledger: join(home, 'data', 'ledger'),
    segments: join(home, 'data', 'segments'),
    node: join(home, 'data', 'node'),
    checkpointFile: join(home, 'data', 'checkpoint'),
    headFile: join(home, 'data', 'head'),
    signingKeys: join(home, 'data', 'keys'),
    logs: join(home, 'log'),
    pidFile: join(home, 'run', 'server.pid'),
    controlSocket:
      Buffer.byteLength(socket) <= longestSocketPath ? socket : shortSocketPath(home, temporaryFolder),
  }
}

/** Creates the folders, readable by their owner alone. Existing folders of the home keep their mode. */
export function prepareHome(paths: HomePaths): void {
  const { home, configurationFile, ledger, segments, node, logs, pidFile, controlSocket } = paths
  for (const folder of [
    home,
    dirname(configurationFile),
    dirname(ledger),
    ledger,
    segments,
    node,
    logs,
    dirname(pidFile),
  ])
    makePrivateFolder(folder)
  const socketFolder = dirname(controlSocket)
  if (socketFolder === dirname(pidFile)) return
  makePrivateFolder(socketFolder)
  // The temporary folder is everybody's: somebody else may have been there first under this very name.
  const found = lstatSync(socketFolder)
  if (!found.isDirectory() || found.uid !== (process.getuid?.() ?? found.uid))
    throw new HomeError(
      `${socketFolder} belongs to somebody else; set TMPDIR or use a shorter home directory`,
    )
  chmodSync(socketFolder, 0o700)
}

function shortSocketPath(home: string, temporaryFolder: string): string {
  const name = createHash('sha256').update(home).digest('hex').slice(0, 16)
  return join(temporaryFolder, `coinstack-signon-${process.getuid?.() ?? 'user'}`, `${name}.sock`)
}

function makePrivateFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    throw new HomeError(`the directory ${folder} cannot be created (${code})`, { cause: error })
  }
}
