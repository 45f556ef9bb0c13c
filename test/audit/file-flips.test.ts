/** Law: a flipped bit anywhere in the ledger's files is found, or it was in bytes that say nothing. */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { openStorage } from '../../src/ledger/storage.ts'
import { copyOf, liveThrough, SampleLedger, template, verify } from './support.ts'

let directory: string
let files: string[]
let before: Map<string, string>

async function entriesOf(folder: string): Promise<Map<string, string>> {
  const storage = await openStorage(join(folder, 'ledger'))
  try {
    const entries = new Map<string, string>()
    for await (const [key, value] of storage.entries({ gte: Buffer.alloc(1), lt: Buffer.alloc(4, 0xff) }))
      entries.set(key.toString('latin1'), value.toString('latin1'))
    return entries
  } finally {
    await storage.close()
  }
}

beforeAll(async () => {
  directory = await template(async (log) => {
    await liveThrough(log)
    await log.issueToClient(100)
  })
  // Opened again, the first events stand in a table; the next ones are in the log alone.
  const log = await SampleLedger.open(directory)
  await log.issueToClient(50, 'later')
  const living = await copyOf(directory)
  await log.ledger.close()
  directory = living
  files = readdirSync(join(directory, 'ledger'))
    .filter((name) => !/^LO/.test(name))
    .map((name) => join('ledger', name))
  before = await entriesOf(await copyOf(directory))
})

/** What opens is verified to the end, whatever is in it. */
async function canBeOpened(folder: string): Promise<boolean> {
  try {
    await (await openStorage(join(folder, 'ledger'))).close()
    return true
  } catch (error) {
    expect(error).toMatchObject({ name: 'LedgerError' })
    expect((error as Error).message).not.toContain('\n')
    return false
  }
}

test('flipped', async () => {
  const outcomes = { found: 0, nothing: 0 }
  const place = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
  await fc.assert(
    fc.asyncProperty(fc.nat(), place, fc.nat({ max: 7 }), async (file, offset, bit) => {
      const copy = await copyOf(directory)
      const name = files[file % files.length]!
      const bytes = readFileSync(join(copy, name))
      bytes[Math.floor(offset * bytes.length)]! ^= 1 << bit
      writeFileSync(join(copy, name), bytes)
      const isFound = !(await canBeOpened(copy)) || !(await verify(copy)).ok
      outcomes[isFound ? 'found' : 'nothing']++
      if (isFound) return
      const after = await entriesOf(copy)
      // The end of the log may be gone: of that the head file tells (test/ledger/head-file.test.ts).
      const isShorter = after.size < before.size && name.endsWith('.log')
      if (!isShorter) expect(after).toEqual(before)
    }),
    { numRuns: 80 },
  )
  expect(outcomes.found).toBeGreaterThan(20)
  expect(statSync(join(directory, files[0]!)).size).toBeGreaterThan(0)
})
