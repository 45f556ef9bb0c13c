/**
 * Positions of the ledger as bytes: for each run of neighbours the number of positions between it and the run before
 * (for the first run, before it) and its length, each a LEB128. In base64url, as hashes are in memory.
 */

/** Positions from `from` up to but not including `to`. */
export interface PositionRun {
  from: number
  to: number
}

/** @param positions ascending, each once */
export function runsOf(positions: readonly number[]): PositionRun[] {
  const runs: PositionRun[] = []
  for (const position of positions) {
    const last = runs.at(-1)
    if (last?.to === position) last.to++
    else runs.push({ from: position, to: position + 1 })
  }
  return runs
}

export function encodeRuns(runs: readonly PositionRun[]): string {
  const bytes: number[] = []
  let end = 0
  for (const { from, to } of runs) {
    writeNumber(bytes, from - end)
    writeNumber(bytes, to - from)
    end = to
  }
  return Buffer.from(bytes).toString('base64url')
}

/** @throws RangeError for what `encodeRuns` does not write */
export function decodeRuns(text: string): PositionRun[] {
  const bytes = Buffer.from(text, 'base64url')
  const runs: PositionRun[] = []
  let end = 0
  let at = 0
  const number = (): number => {
    let value = 0
    for (let factor = 1; ; factor *= 0x80) {
      const byte = bytes[at++]
      if (byte === undefined || factor > 2 ** 49) throw new RangeError('the list of positions is cut')
      value += (byte & 0x7f) * factor
      if (byte >= 0x80) continue
      if (byte === 0 && factor > 1) throw new RangeError('a number in the list of positions is too long')
      return value
    }
  }
  while (at < bytes.length) {
    const from = end + number()
    const to = from + number()
    const isMerged = runs.length > 0 && from === end
    if (to === from || isMerged || !Number.isSafeInteger(to))
      throw new RangeError('the list of positions is not in order')
    runs.push({ from, to })
    end = to
  }
  return runs
}

export const countOf = (runs: readonly PositionRun[]): number =>
  runs.reduce((sum, { from, to }) => sum + to - from, 0)

function writeNumber(bytes: number[], value: number): void {
  let rest = value
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80)
  bytes.push(rest)
}
