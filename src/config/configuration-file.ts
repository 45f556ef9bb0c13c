import { randomUUID } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { stringify } from 'yaml'
import { shown } from './faults.ts'
import { type SettingKey, settingRow } from './schema.ts'

/** What `server configure` knows. */
export interface Configuration {
  readonly endpoint: string
  readonly port: number
  readonly adminAddress: string
  readonly privateKeys: readonly string[]
}

/** There is a configuration file already; overwriting it must be asked for. */
export class ConfigurationExistsError extends Error {
  readonly code = 'configuration-exists'
}

/** A value that the settings would refuse. */
export class ConfigurationValueError extends Error {
  readonly code = 'configuration-value'
}

/** The value as its setting takes it, or a ConfigurationValueError that names what was asked for. */
export function checkedValue(key: SettingKey, text: string, name: string = key): string {
  const { type } = settingRow(key)
  const trimmed = text.trim()
  if (trimmed === '') throw new ConfigurationValueError(`${name} is missing; expected ${type.expected}`)
  const parsed = type.parse([trimmed])
  if ('wrong' in parsed)
    throw new ConfigurationValueError(`${name} cannot be ${shown(trimmed)}; expected ${type.expected}`)
  return trimmed
}

/** Text of `conf/coinstack.yaml`. */
export function configurationText(configuration: Configuration): string {
  const { endpoint, port, adminAddress, privateKeys } = configuration
  return `# Written by: coinstack-signon server configure
# Every setting is described in docs/settings.md.
coinstack:
  endpoint: ${stringify(endpoint).trim()}
signon:
  admin:
    address: ${adminAddress}
  server:
    port: ${port}
    # Private keys of this server (WIF), one a line. Whoever has them can write in its name.
    privatekeys: |
${privateKeys.map((key) => `      ${key}\n`).join('')}`
}

/**
 * Writes the file for its owner alone. It appears whole or not at all: the bytes are on disk before the name
 * is. With `overwrite` the former file stays beside it as `coinstack.yaml.1`, `.2`, ..., because it holds
 * private keys that exist nowhere else; its path is returned.
 */
export function writeConfiguration(
  file: string,
  configuration: Configuration,
  options: { readonly overwrite: boolean },
): { readonly keptAs: string | undefined } {
  const folder = dirname(file)
  mkdirSync(dirname(folder), { recursive: true, mode: 0o700 })
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const text = configurationText(configuration)
  const temporary = join(folder, `.coinstack.yaml.${randomUUID()}`)
  try {
    const descriptor = openSync(temporary, 'wx', 0o600)
    try {
      writeFileSync(descriptor, text)
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    const keptAs = options.overwrite ? keepFormer(file) : undefined
    if (options.overwrite) renameSync(temporary, file)
    // A link fails where the name is taken, even by somebody who came between the question and now.
    else if (!linkNew(temporary, file))
      throw new ConfigurationExistsError(
        `${file} exists already; use --force to replace it (the former file is kept)`,
      )
    syncFolder(folder)
    return { keptAs }
  } finally {
    rmSync(temporary, { force: true })
  }
}

function keepFormer(file: string): string | undefined {
  for (let number = 1; ; number++) {
    try {
      if (linkNew(file, `${file}.${number}`)) return `${file}.${number}`
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }
}

function linkNew(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

function syncFolder(folder: string): void {
  const descriptor = openSync(folder, 'r')
  try {
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}
