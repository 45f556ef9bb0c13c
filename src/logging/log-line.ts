/** Levels of pino by their numbers (pino, docs/api.md, `logger.levels`). */
const levelNames: Readonly<Record<number, string>> = {
  10: 'TRACE',
  20: 'DEBUG',
  30: 'INFO',
  40: 'WARN',
  50: 'ERROR',
  60: 'FATAL',
}

const levelColours: Readonly<Record<string, number>> = { WARN: 33, ERROR: 31, FATAL: 31 }

// pid and hostname are the same in every line of a server's own file.
const leftOut = new Set(['level', 'time', 'msg', 'pid', 'hostname', 'v'])

/**
 * A line of the JSON log as text for people: time, level, message, then the fields as `key=value`. A line that
 * is not such an object (text format, the end of a broken one) comes back as it is, made harmless.
 */
export function prettyLogLine(line: string, options: { readonly colour: boolean }): string {
  const record = parseRecord(line)
  if (record === undefined) return harmless(line)
  const level = levelNames[Number(record.level)] ?? String(record.level)
  const colour = options.colour ? levelColours[level] : undefined
  const shownLevel = level.padEnd(5)
  const parts = [
    timeText(record.time),
    colour === undefined ? shownLevel : `\u001b[${colour}m${shownLevel}\u001b[39m`,
    ...(typeof record.msg === 'string' ? [harmless(record.msg)] : []),
    ...Object.entries(record)
      .filter(([key]) => !leftOut.has(key))
      .map(([key, value]) => `${harmless(key)}=${fieldText(value)}`),
  ]
  return parts.join(' ')
}

function parseRecord(line: string): Record<string, unknown> | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    const record: unknown = JSON.parse(line)
    const isRecord = typeof record === 'object' && record !== null && 'level' in record
    return isRecord ? (record as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}

function timeText(time: unknown): string {
  const date = new Date(typeof time === 'number' || typeof time === 'string' ? time : Number.NaN)
  return Number.isNaN(date.getTime()) ? '-' : date.toISOString().replace('T', ' ').replace('Z', '')
}

function fieldText(value: unknown): string {
  const text = typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : (JSON.stringify(value) ?? '-')
  return harmless(text)
}

// A logged user name must not steer the terminal of who reads the log, nor forge a second line.
function harmless(text: string): string {
  return text.replace(
    /[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu,
    (character) => `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}`,
  )
}
