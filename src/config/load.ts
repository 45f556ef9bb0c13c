import { accessSync, constants, readdirSync, statSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import { environmentLayer, flagLayer } from './environment-layer.ts'
import { expectedText, type SettingFault, SettingsError, unknownKeyProblem } from './faults.ts'
import { packageRoot } from './package-root.ts'
import { environmentVariable, isSettingKey, type SettingKey, settingKeys, settingRow } from './schema.ts'
import { arrangeSettings, type SettingSource, type SettingSources, type Settings } from './settings.ts'
import { file as fileType, type OwnSigningKey } from './value-types.ts'
import { type Layer, readYamlFile, type WrittenSetting } from './yaml-layer.ts'

export interface LoadOptions {
  /** Home directory, absolute. */
  readonly home: string
  readonly profile?: string | undefined
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** Values by setting key, as given on the command line. */
  readonly flags?: Readonly<Record<string, string | undefined>>
  /** Folders with `<profile>.yaml`; the first that has it wins. */
  readonly profileFolders?: readonly string[]
}

export interface LoadedSettings {
  readonly settings: Settings
  readonly sources: SettingSources
  /** What is allowed but unwise, one line each. */
  readonly warnings: readonly string[]
}

interface Accepted {
  readonly value: unknown
  readonly source: SettingSource
}

/**
 * Reads `conf/coinstack.yaml`, the profile, the environment and the flags, each laid over the one before.
 * Throws one SettingsError with every fault of every layer: a wrong value counts as a fault even where a
 * later layer would hide it. The file may be missing if the other layers give what is required.
 */
export function loadSettings(options: LoadOptions): LoadedSettings {
  const file = join(options.home, 'conf', 'coinstack.yaml')
  const fileLayer = readYamlFile(file)
  const profileLayer = readProfile(options)
  const isSecret = (key: string) => isSettingKey(key) && settingRow(key).secret === true

  const layers: readonly [Layer | undefined, (written: WrittenSetting) => SettingSource][] = [
    [fileLayer, (written) => ({ layer: 'file', file, line: written.line ?? 1 })],
    [
      profileLayer.layer,
      (written) => ({ layer: 'profile', file: profileLayer.file, line: written.line ?? 1 }),
    ],
    [
      environmentLayer(options.environment ?? {}),
      (written) => ({ layer: 'environment', variable: environmentVariable(written.key as SettingKey) }),
    ],
    [flagLayer(options.flags ?? {}, isSecret), () => ({ layer: 'flag' })],
  ]

  const faults: SettingFault[] = []
  const accepted = new Map<SettingKey, Accepted>()
  const named = new Set<SettingKey>()
  for (const [layer, sourceOf] of layers) {
    if (layer === undefined) continue
    faults.push(...layer.faults)
    for (const written of layer.settings) {
      if (isSettingKey(written.key)) named.add(written.key)
      const outcome = accept(written)
      if ('problem' in outcome) faults.push({ where: written.where, problem: outcome.problem })
      else accepted.set(outcome.key, { value: outcome.value, source: sourceOf(written) })
    }
  }

  const unreadable = fileLayer !== undefined && fileLayer.settings.length === 0 && fileLayer.faults.length > 0
  const missing = settingKeys.filter((key) => settingRow(key).required && !named.has(key))
  if (fileLayer === undefined && missing.length > 0)
    faults.push({
      where: file,
      problem: `no such file; write it with: coinstack-signon server configure (${missing.join(', ')} missing)`,
    })
  else if (!unreadable) for (const key of missing) faults.push({ where: file, problem: missingText(key) })
  faults.push(...pathFaults(accepted, options.home), ...jointFaults(accepted))
  if (faults.length > 0) throw new SettingsError(faults)

  const sources = Object.fromEntries(
    settingKeys.map((key) => [key, accepted.get(key)?.source ?? defaultSource(key)]),
  ) as Record<SettingKey, SettingSource>
  const settings = arrangeSettings((key) => {
    const value = accepted.has(key) ? accepted.get(key)?.value : defaultValue(key)
    // The value was made by the parser of this very row.
    return value as never
  })
  return { settings, sources, warnings: fileLayer === undefined ? [] : modeWarnings(file) }
}

function accept(written: WrittenSetting): { key: SettingKey; value: unknown } | { problem: string } {
  const { key } = written
  if (!isSettingKey(key)) return { problem: unknownKeyProblem(key) }
  const { type, secret } = settingRow(key)
  if (!type.list && written.isList)
    return { problem: `${key} takes one value, not a list; expected ${type.expected}` }
  const first = written.texts[0] ?? ''
  const texts =
    type.list && !written.isList ? first.split(/[\s,]+/).filter((item) => item !== '') : written.texts
  if (!type.list && first.trim() === '') return { problem: `${key} is empty; expected ${type.expected}` }
  const parsed = type.parse(texts)
  if ('value' in parsed) return { key, value: parsed.value }
  if (texts.length === 0) return { problem: `${key} is empty; expected ${type.expected}` }
  if (!secret) return { problem: expectedText(key, type.expected, texts[parsed.wrong]) }
  const problem = expectedText(key, type.expected, undefined)
  return {
    problem: type.list ? `${problem} (number ${parsed.wrong + 1} is not, or is there twice)` : problem,
  }
}

function missingText(key: SettingKey): string {
  return `${key} is missing (${environmentVariable(key)} in the environment); expected ${settingRow(key).type.expected}`
}

function defaultValue(key: SettingKey): unknown {
  const row = settingRow(key)
  if (row.default === undefined) return undefined
  const parsed = row.type.parse(row.type.list ? row.default.split(/\s+/).filter(Boolean) : [row.default])
  if ('wrong' in parsed) throw new Error(`the default of ${key} does not fit its own type`)
  return parsed.value
}

function defaultSource(key: SettingKey): SettingSource {
  const row = settingRow(key)
  return { layer: row.default !== undefined ? 'default' : row.derived !== undefined ? 'derived' : 'unset' }
}

function readProfile(options: LoadOptions): { layer: Layer | undefined; file: string } {
  const { profile } = options
  if (profile === undefined) return { layer: undefined, file: '' }
  const folders = options.profileFolders ?? [join(options.home, 'profiles'), join(packageRoot(), 'profiles')]
  const refuse = (problem: string) => ({
    layer: { settings: [], faults: [{ where: `profile ${JSON.stringify(profile)}`, problem }] },
    file: '',
  })
  // A profile is a name, never a path: it must not reach files outside the folders.
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/.test(profile))
    return refuse('is not a profile name (letters, digits, - and _)')
  for (const folder of folders) {
    const file = join(folder, `${profile}.yaml`)
    const layer = readYamlFile(file)
    if (layer !== undefined) return { layer, file }
  }
  const names = folders.flatMap(profileNames)
  const known = names.length === 0 ? '' : `; there are ${[...new Set(names)].sort().join(', ')}`
  return refuse(`is not in ${folders.join(' or ')}${known}`)
}

function profileNames(folder: string): string[] {
  try {
    return readdirSync(folder).flatMap((name) => (name.endsWith('.yaml') ? [name.slice(0, -5)] : []))
  } catch {
    return []
  }
}

/** Makes the paths absolute in place, and reports files that cannot be read. */
function pathFaults(accepted: Map<SettingKey, Accepted>, home: string): SettingFault[] {
  return [...accepted].flatMap(([key, given]) => {
    if (settingRow(key).type !== fileType) return []
    const path = isAbsolute(String(given.value)) ? String(given.value) : join(home, String(given.value))
    accepted.set(key, { ...given, value: path })
    try {
      accessSync(path, constants.R_OK)
      return []
    } catch {
      return [{ where: describeSource(given.source), problem: `${key}: the file ${path} cannot be read` }]
    }
  })
}

/** Settings that fit one by one but not together. */
function jointFaults(accepted: ReadonlyMap<SettingKey, Accepted>): SettingFault[] {
  const certificate = accepted.get('signon.server.tls.certificate')
  const privateKey = accepted.get('signon.server.tls.privatekey')
  const faults: SettingFault[] = []
  const alone = certificate === undefined ? privateKey : privateKey === undefined ? certificate : undefined
  if (alone !== undefined)
    faults.push({
      where: describeSource(alone.source),
      problem: 'signon.server.tls.certificate and signon.server.tls.privatekey go together; only one is set',
    })
  const value = (key: SettingKey) => (accepted.has(key) ? accepted.get(key)?.value : defaultValue(key))
  const port = value('signon.server.port')
  if (value('coinstack.endpoint') === 'embedded' && port !== 0 && port === value('node.port'))
    faults.push({
      where: describeSource(accepted.get('node.port')?.source ?? accepted.get('signon.server.port')?.source),
      problem: `node.port and signon.server.port are both ${port}; the embedded node needs a port of its own`,
    })
  const { algorithm } = (value('jwt.privatekey') ?? {}) as Partial<OwnSigningKey>
  if (algorithm !== undefined && !(value('signon.keys.algorithms') as string[]).includes(algorithm))
    faults.push({
      where: describeSource(accepted.get('jwt.privatekey')?.source),
      problem: `jwt.privatekey signs by ${algorithm}, which signon.keys.algorithms does not hold`,
    })
  faults.push(...retentionFaults(accepted, value))
  return faults
}

/** Payloads are dropped from sealed files, and their side records with them. */
function retentionFaults(
  accepted: ReadonlyMap<SettingKey, Accepted>,
  value: (key: SettingKey) => unknown,
): SettingFault[] {
  const [payloads, sealed, sides] = (
    ['signon.ledger.keep-payloads', 'signon.ledger.seal-after', 'signon.ledger.keep-side-records'] as const
  ).map((key) => Number(value(key))) as [number, number, number]
  if (payloads === 0) return []
  const where = describeSource(accepted.get('signon.ledger.keep-payloads')?.source)
  const problem =
    sealed === 0
      ? 'signon.ledger.keep-payloads needs sealing, but signon.ledger.seal-after is 0'
      : payloads < sealed
        ? `signon.ledger.keep-payloads (${payloads}) is less than signon.ledger.seal-after (${sealed})`
        : sides > payloads
          ? `signon.ledger.keep-side-records (${sides}) is more than signon.ledger.keep-payloads (${payloads}), with which side records go`
          : undefined
  return problem === undefined ? [] : [{ where, problem }]
}

/** Where a value stands, for messages. */
export function describeSource(source: SettingSource | undefined): string {
  switch (source?.layer) {
    case 'file':
    case 'profile':
      return `${source.file}:${source.line}`
    case 'environment':
      return `environment variable ${source.variable}`
    case 'flag':
      return 'command line'
    default:
      return source?.layer ?? 'default'
  }
}

function modeWarnings(file: string): string[] {
  if (process.platform === 'win32') return []
  const mode = statSync(file).mode & 0o777
  if ((mode & 0o077) === 0) return []
  return [
    `${file} holds private keys and others may read it (mode ${mode.toString(8)}); run: chmod 600 ${file}`,
  ]
}

/** The name of the log, where it does not follow from the issuer. */
export const chosenOrigin = ({ settings, sources }: LoadedSettings): string | undefined =>
  ['default', 'derived', 'unset'].includes(sources['signon.ledger.origin'].layer)
    ? undefined
    : settings.ledger.origin
