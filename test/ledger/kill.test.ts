/** `kill -9` while events are appended: what was acknowledged is there, and the tree is that of the records. */
import { expect, test } from 'vitest'
import { runAndKill } from '../support/killed-program.ts'
import { checkLedger, openLedger, temporaryFolder } from '../support/ledger.ts'

const program = new URL('./killed-appender.ts', import.meta.url)

test('every acknowledged event is there after each of several kills', async () => {
  const folder = temporaryFolder()
  const acknowledged = new Map<number, string>()
  for (const [round, count] of [1, 50, 400].entries()) {
    for (const line of await runAndKill(program, [folder, `round-${round}`], count)) {
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
