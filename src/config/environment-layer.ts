import { nearestVariable } from './faults.ts'
import { environmentVariable, isSettingKey, settingKeys } from './schema.ts'
import type { Layer, WrittenSetting } from './yaml-layer.ts'

/**
 * Settings given by environment variables. An empty variable counts as not set. A variable that begins
 * like ours is refused only when it is nearly a known one: container platforms set many SIGNON_... of their own.
 */
export function environmentLayer(environment: Readonly<Record<string, string | undefined>>): Layer {
  const known = new Set(settingKeys.map(environmentVariable))
  const settings: WrittenSetting[] = []
  for (const key of settingKeys) {
    const variable = environmentVariable(key)
    const value = environment[variable]
    if (value === undefined || value === '') continue
    settings.push({ key, texts: [value], isList: false, where: `environment variable ${variable}` })
  }
  const faults = Object.keys(environment)
    .filter((name) => /^(SIGNON|COINSTACK)_/.test(name) && !known.has(name) && environment[name] !== '')
    .flatMap((name) => {
      const near = nearestVariable(name)
      if (near === undefined) return []
      return [
        { where: `environment variable ${name}`, problem: `is not a known setting; did you mean ${near}?` },
      ]
    })
  return { settings, faults }
}

/** Settings given as flags, by their keys. Secrets are refused: every user of the machine sees arguments. */
export function flagLayer(
  flags: Readonly<Record<string, string | undefined>>,
  isSecret: (key: string) => boolean,
): Layer {
  const where = 'command line'
  const given = Object.entries(flags).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return {
    settings: given
      .filter(([key]) => !(isSettingKey(key) && isSecret(key)))
      .map(([key, value]) => ({ key, texts: [value], isList: false, where })),
    faults: given
      .filter(([key]) => isSettingKey(key) && isSecret(key))
      .map(([key]) => ({
        where,
        problem: `${key} is a secret and is taken from the file or environment only`,
      })),
  }
}
