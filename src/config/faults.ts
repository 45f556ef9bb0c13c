import { environmentVariable, isSettingKey, type SettingKey, settingKeys } from './schema.ts'

/** One wrong setting. `where` is a file (with line), a variable or the command line. */
export interface SettingFault {
  readonly where: string
  readonly problem: string
}

/** The settings are not usable; nothing was started. The message has one line a fault. */
export class SettingsError extends Error {
  readonly code = 'settings-invalid'
  readonly faults: readonly SettingFault[]

  constructor(faults: readonly SettingFault[]) {
    super(faults.map((fault) => `${fault.where}: ${fault.problem}`).join('\n'))
    this.name = 'SettingsError'
    this.faults = faults
  }
}

/**
 * A text of the user as it may stand in a message: quoted, on one line, at most 60 characters of it, and
 * without anything that could be a private key put in the wrong place (a WIF has 51 or 52 characters).
 */
export function shown(value: string): string {
  const safe = value.replace(/[1-9A-HJ-NP-Za-km-z]{40,}/g, '...')
  const clipped = safe.length > 60 ? `${safe.slice(0, 57)}...` : safe
  // Controls and invisible characters of any script could rewrite the terminal's line.
  return JSON.stringify(clipped).replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}`,
  )
}

/** The known key that was probably meant. */
export function nearestKey(text: string): SettingKey | undefined {
  const wanted = text.toLowerCase().replace(/[_\s]/g, '-')
  const bySuffix = settingKeys.filter((key) => wanted.includes('.') && key.endsWith(`.${wanted}`))
  if (bySuffix.length === 1) return bySuffix[0]
  return nearest(wanted, settingKeys, Math.max(2, Math.min(4, Math.floor(wanted.length / 5))))
}

/**
 * The known environment variable that was probably meant. Two slips at most: Kubernetes sets
 * SIGNON_SERVICE_PORT for a service called signon, three letters from SIGNON_SERVER_PORT.
 */
export function nearestVariable(name: string): string | undefined {
  return nearest(name, settingKeys.map(environmentVariable), 2)
}

/** Problem text for a key that does not exist. */
export function unknownKeyProblem(key: string): string {
  const name = shown(key).slice(1, -1)
  if (settingKeys.some((known) => known.startsWith(`${key}.`)))
    return `${name} is a group of settings and takes no value itself`
  const near = nearestKey(key)
  return `${name} is not a known setting${near === undefined ? '' : `; did you mean ${near}?`}`
}

/** Problem text for a value that does not fit its key; a secret is never shown. */
export function expectedText(key: string, expected: string, value: string | undefined): string {
  const given = value === undefined ? 'has a wrong value' : `cannot be ${shown(value)}`
  return `${isSettingKey(key) ? key : shown(key)} ${given}; expected ${expected}`
}

function nearest<W extends string>(text: string, words: readonly W[], limit: number): W | undefined {
  let best: W | undefined
  let bestDistance = limit + 1
  for (const word of words) {
    if (Math.abs(word.length - text.length) >= bestDistance) continue
    const distance = editDistance(text, word)
    if (distance < bestDistance) {
      best = word
      bestDistance = distance
    }
  }
  return best
}

/** Levenshtein distance in which two swapped neighbours count once. */
function editDistance(from: string, to: string): number {
  let beforeLast: number[] = []
  let last = Array.from({ length: to.length + 1 }, (_, column) => column)
  for (let row = 1; row <= from.length; row++) {
    const current = [row]
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1]
      let cost = Math.min(current[column - 1]! + 1, last[column]! + 1, last[column - 1]! + (same ? 0 : 1))
      const swapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1]
      if (row > 1 && column > 1 && swapped) cost = Math.min(cost, beforeLast[column - 2]! + 1)
      current.push(cost)
    }
    beforeLast = last
    last = current
  }
  return last[to.length]!
}
