/** `kill -9` while events are appended: what was acknowledged is there, and the tree is that of the records. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { checkLedger, openLedger, temporaryFolder } from '../support/ledger.ts'

const program = fileURLToPath(new URL('./killed-appender.ts', import.meta.url))

/** Runs the program until so many events are acknowledged, kills it, and gives all lines it has printed. */
async function appendAndKill(folder: string, name: string, count: number): Promise<string[]> {
  const child = spawn(process.execPath, ['--import', 'tsx', program, folder, name], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const closed = once(child, 'close')
  const lines: string[] = []
  for await (const line of createInterface({ input: child.stdout })) {
    lines.push(line)
    if (lines.length === count) child.kill('SIGKILL')
  }
  expect(await closed).toEqual([null, 'SIGKILL'])
  return lines
}

test('every acknowledged event is there after each of several kills', async () => {
  const folder = temporaryFolder()
  const acknowledged = new Map<number, string>()
  for (const [round, count] of [1, 50, 400].entries()) {
    for (const line of await appendAndKill(folder, `round-${round}`, count)) {
      const position = Number.parseInt(line, 10)
      expect(acknowledged.has(position)).toBe(false)
      acknowledged.set(position, line.slice(line.indexOf(' ') + 1))
    }
    const open = await openLedger(folder)
    const events = await checkLedger(open)
    expect(events.length).toBeGreaterThanOrEqual(acknowledged.size)
    for (const [position, text] of acknowledged)
      expect(events[position]?.event).toEqual({ text, side: 'person' })
    await open.ledger.close()
  }
})
