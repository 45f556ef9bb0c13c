/** What the commands share that speak to a server or to its data. */
import { readFileSync } from 'node:fs'
import { Flags } from '@oclif/core'
import type { Administrator } from './admin/administration.ts'
import { type Connection, ControlError } from './admin/connection.ts'
import { administratorKey } from './admin/keys.ts'
import { type HomePaths, homePaths, resolveHome } from './config/home.ts'
import { type LoadedSettings, loadSettings } from './config/load.ts'
import { packageRoot } from './config/package-root.ts'
import type { Access } from './core.ts'
import { BaseCommand } from './terminal/base-command.ts'

export const profileFlag = {
  profile: Flags.string({ char: 'p', description: 'named set of settings laid over the configuration file' }),
}

export const privateKeyFlags = {
  privatekey: Flags.string({
    description: 'private key (WIF); other users of this machine can see it: prefer --privatekey-file',
    exclusive: ['privatekey-file'],
  }),
  'privatekey-file': Flags.string({
    description: 'file with the private key (WIF), or - for standard input',
  }),
}

interface HomeFlags {
  home?: string | undefined
  profile?: string | undefined
}

export interface PrivateKeyFlags {
  privatekey?: string | undefined
  'privatekey-file'?: string | undefined
}

/** The version in package.json. */
export function programVersion(): string {
  return (JSON.parse(readFileSync(`${packageRoot()}/package.json`, 'utf8')) as { version: string }).version
}

/** A command that needs the settings, a server, or both. */
export abstract class OperatorCommand extends BaseCommand {
  /** Milliseconds since 1970. */
  protected readonly now = (): number => Date.now()

  protected paths(home: string | undefined): HomePaths {
    return homePaths(resolveHome(process.env, home))
  }

  /** @throws SettingsError with every fault */
  protected load(paths: HomePaths, profile: string | undefined): LoadedSettings {
    const loaded = loadSettings({ home: paths.home, profile, environment: process.env })
    for (const warning of loaded.warnings) this.note(warning, 'warn')
    return loaded
  }

  /**
   * Runs with the running server, or with the data of a stopped one, and closes in any case. A command that only
   * looks changes nothing.
   */
  protected withConnection<T>(flags: HomeFlags, use: (connection: Connection) => Promise<T>): Promise<T> {
    return this.#connected('read', flags, use)
  }

  /** As `withConnection`, for a command that changes the ledger. */
  protected withWriteAccess<T>(flags: HomeFlags, use: (connection: Connection) => Promise<T>): Promise<T> {
    return this.#connected('write', flags, use)
  }

  async #connected<T>(
    access: Access,
    flags: HomeFlags,
    use: (connection: Connection) => Promise<T>,
  ): Promise<T> {
    const paths = this.paths(flags.home)
    // Half a second of modules that most commands do not need.
    const { connect } = await import('./connect.ts')
    const load = () => this.load(paths, flags.profile)
    const connection = await connect(load, paths, programVersion(), this.now, access)
    try {
      return await use(connection)
    } finally {
      await connection.close()
    }
  }

  /** Runs with a connection and the administrator's key, which stays in this process. */
  protected withAdministrator<T>(
    flags: HomeFlags & PrivateKeyFlags,
    use: (administrator: Administrator) => Promise<T>,
  ): Promise<T> {
    const key = administratorKey(this.readKey(flags))
    return this.withWriteAccess(flags, (connection) => use({ connection, key, now: this.now }))
  }

  /** @throws ControlError where no key is given */
  protected readKey(flags: PrivateKeyFlags): string {
    if (flags.privatekey !== undefined) return flags.privatekey
    const file = flags['privatekey-file']
    if (file === undefined)
      throw new ControlError(
        'no_key',
        'the private key is missing: give --privatekey-file FILE, or - for standard input',
      )
    return readText(file)
  }

  /** The first line of a file or of standard input. @throws ControlError malformed */
  protected readLine(file: string | undefined, keyFile: string | undefined): string {
    if ((file ?? '-') === '-' && keyFile === '-') throw bothFromInput()
    return readText(file ?? '-').split(/\r?\n/, 1)[0]!
  }

  /** A token or code as it was given, or from standard input for -, where `ps` does not show it. */
  protected readToken(given: string, keyFile?: string): string {
    return given === '-' ? this.readLine(undefined, keyFile) : given
  }

  /** JSON of a file or of standard input, as a list. @throws ControlError malformed */
  protected readItems(file: string | undefined, keyFile: string | undefined): unknown[] {
    if ((file ?? '-') === '-' && keyFile === '-') throw bothFromInput()
    const text = readText(file ?? '-')
    try {
      const input: unknown = JSON.parse(text)
      return Array.isArray(input) ? input : [input]
    } catch {
      throw new ControlError('malformed', `${file ?? 'standard input'}: a JSON object or array is expected`)
    }
  }
}

const bothFromInput = () =>
  new ControlError(
    'malformed',
    'standard input cannot hold both the private key and the other input: name a file for one',
  )

function readText(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new ControlError('malformed', `${file === '-' ? 'standard input' : file} cannot be read (${code})`)
  }
}
