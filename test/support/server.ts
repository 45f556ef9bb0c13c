/**
 * Real server processes for tests: the built program, each in a home of its own in the temporary folder, on free
 * ports of 127.0.0.1. What the test file started ends after its last test, and its homes are gone.
 */
import { existsSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll } from 'vitest'
import { type Connection, connectTo } from '../../src/admin/connection.ts'
import { createKeys, type KeyText } from '../../src/admin/keys.ts'
import { serverProcess } from '../../src/admin/server-process.ts'
import { writeConfiguration } from '../../src/config/configuration-file.ts'
import { type HomePaths, homePaths } from '../../src/config/home.ts'
import { type Finished, type Running, start } from '../terminal/child-process.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const program = join(root, 'bin', 'coinstack-signon')

type Environment = Readonly<Record<string, string>>

export interface CliOptions {
  /** On standard input. */
  readonly input?: string
  readonly environment?: Environment
}

export interface CliResult {
  readonly stdout: string
  readonly stderr: string
  readonly exitCode: number | null
}

/** A home directory, and the program in it. */
export interface Home {
  readonly home: string
  readonly paths: HomePaths
  /** Runs the program to its end. */
  cli(words: readonly string[], options?: CliOptions): Promise<CliResult>
  /** Runs the program until it ends or is ended. */
  run(words: readonly string[], environment?: Environment): Running
  /** The server of this home, if one answers. */
  connect(): Promise<Connection | undefined>
}

export interface ConfiguredHome extends Home {
  readonly administrator: KeyText
  /** Holds the administrator's private key. */
  readonly adminKeyFile: string
  readonly serverKeys: readonly KeyText[]
}

export interface ServerOptions {
  readonly profile?: string
  /** Settings, by their environment variables; commands of the CLI get them too. */
  readonly environment?: Environment
  readonly keyCount?: number
  /** A home that is there already, with what is in it. */
  readonly home?: ConfiguredHome
}

export interface TestServer extends ConfiguredHome {
  /** Where it serves, which is also its issuer; another one after a restart on port 0. */
  readonly url: string
  readonly processId: number
  /** What the process has said when it ended. */
  readonly finished: Promise<Finished>
  /** Reads no more of what the process says. */
  closeOutput(): void
  /** Resolves when the process is gone. */
  kill(signal: NodeJS.Signals): Promise<Finished>
  /** Ends it gracefully. */
  stop(): Promise<Finished>
  /** Starts it again, after stopping it where it still runs. */
  restart(): Promise<void>
}

const folders: string[] = []
const homes: Home[] = []
const started = new Set<Running>()

afterAll(async () => {
  for (const child of started) child.kill('SIGKILL')
  await Promise.all([...started].map((child) => child.finished))
  // Servers in the background are no children of this process.
  for (const { paths } of homes.splice(0)) {
    const processId = serverProcess(paths.pidFile)
    if (processId !== undefined) await endProcess(processId)
  }
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
})

/** A folder that is gone after the file's tests. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'signon-test-'))
  folders.push(folder)
  return folder
}

/** A process that does not outlive the file's tests. */
export function startProcess(words: readonly string[], environment: Environment = {}): Running {
  const child = start(process.execPath, words, environment)
  started.add(child)
  child.finished.finally(() => started.delete(child)).catch(() => {})
  return child
}

/** Asks until the answer is there. @throws after `limitMs`, naming what was waited for */
export async function eventually<T>(
  what: string,
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  limitMs = 45_000,
): Promise<T> {
  for (const end = Date.now() + limitMs; ; await delay(50)) {
    const answer = await ask()
    if (answer !== undefined && answer !== false) return answer
    if (Date.now() > end) throw new Error(`waited ${limitMs / 1000} s in vain: ${what}`)
  }
}

/** An empty home. `environment` goes to every process that is started in it. */
export function makeHome(environment: Environment = {}): Home {
  if (!existsSync(join(root, 'dist', '.setup.json')))
    throw new Error('there is no finished build in dist: run node bin/setup.js first')
  const home = join(temporaryFolder(), 'home')
  const paths = homePaths(home)
  const run = (words: readonly string[], more: Environment = {}) =>
    startProcess([program, ...words], { HOME: home, COINSTACK_SIGNON_HOME: home, ...environment, ...more })
  const made: Home = {
    home,
    paths,
    run,
    async cli(words, options = {}) {
      const child = run(words, options.environment)
      if (options.input !== undefined) child.write(options.input)
      child.endInput()
      const { code, stdout, stderr } = await child.finished
      return { stdout, stderr, exitCode: code }
    },
    connect: () => connectTo(paths.controlSocket).catch(() => undefined),
  }
  homes.push(made)
  return made
}

/** A home as `server configure --batch` leaves it, on free ports, with the administrator's key in a file. */
export function makeConfiguredHome(environment: Environment = {}, keyCount = 1): ConfiguredHome {
  const home = makeHome({ SIGNON_SERVER_PORT: '0', NODE_PORT: '0', ...environment })
  const administrator = createKeys(1)[0]!
  const serverKeys = createKeys(keyCount)
  writeConfiguration(
    home.paths.configurationFile,
    {
      endpoint: 'embedded',
      port: 0,
      adminAddress: administrator.address,
      privateKeys: serverKeys.map((key) => key.wif),
    },
    { overwrite: false },
  )
  const adminKeyFile = join(home.home, 'admin.key')
  writeFileSync(adminKeyFile, `${administrator.wif}\n`, { mode: 0o600 })
  return { ...home, administrator, adminKeyFile, serverKeys }
}

/** Resolves once the server serves. @throws with its last words where it ends instead */
export async function startServer(options: ServerOptions = {}): Promise<TestServer> {
  const home = options.home ?? makeConfiguredHome(options.environment, options.keyCount)
  const words = ['server', 'run', '--profile', options.profile ?? 'test']
  let child: Running
  let url: string
  const begin = async () => {
    child = home.run(words)
    let ended: Finished | undefined
    child.finished.then((finished) => {
      ended = finished
    })
    url = await eventually('the server serves', async () => {
      if (ended) throw new Error(`the server ended: ${ended.stderr || ended.code}`)
      const status = await (await home.connect())?.operations.status({}).catch(() => undefined)
      return status?.processId === child.pid && status.issuer
    })
  }
  await begin()
  const kill = (signal: NodeJS.Signals) => {
    child.kill(signal)
    return child.finished
  }
  return {
    ...home,
    get url() {
      return url
    },
    get processId() {
      return child.pid
    },
    get finished() {
      return child.finished
    },
    closeOutput: () => child.closeOutput(),
    kill,
    stop: () => kill('SIGTERM'),
    async restart() {
      await kill('SIGTERM')
      await begin()
    },
  }
}

async function endProcess(processId: number): Promise<void> {
  const isThere = () => {
    try {
      return process.kill(processId, 'SIGKILL')
    } catch {
      return false
    }
  }
  await eventually('the server in the background is gone', () => !isThere())
}
