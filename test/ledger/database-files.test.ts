/** LevelDB's files cut, flipped or taken away: the ledger is refused by name, or it is a shorter one, never one with a hole. */
import { cpSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openStorage } from '../../src/ledger/storage.ts'
import { checkLedger, openLedger, temporaryFolder } from '../support/ledger.ts'

const events = 40

/** A ledger as a dead process leaves it: tables of former starts, and the events of the last one in the log. */
async function deadLedger(): Promise<string> {
  const folder = temporaryFolder()
  for (let start = 0; start < 3; start++) {
    const { ledger } = await openLedger(folder)
    await ledger.append(`former-${start}`, 0, [{ text: 'x'.repeat(500), side: 'person' }], 0)
    await ledger.close()
  }
  const { ledger } = await openLedger(folder)
  for (let i = 0; i < events; i++) await ledger.append(`s${i}`, 0, [{ text: `event ${i}` }], 0)
  const dead = temporaryFolder()
  cpSync(folder, dead, { recursive: true })
  await ledger.close()
  return dead
}

const namesOf = (folder: string, pattern: RegExp) => readdirSync(folder).filter((name) => pattern.test(name))
function copyOf(folder: string): string {
  const copy = temporaryFolder()
  cpSync(folder, copy, { recursive: true })
  return copy
}

/** What opening says; undefined where it succeeds. */
async function refusalOf(folder: string): Promise<string | undefined> {
  try {
    await (await openStorage(folder)).close()
    return undefined
  } catch (error) {
    expect(error).toMatchObject({ name: 'LedgerError', code: 'damaged' })
    const { message } = error as Error
    expect(message).not.toContain('\n')
    return message
  }
}

describe('a file that is not there', () => {
  test('CURRENT: no new database takes the place of the old one', async () => {
    const folder = await deadLedger()
    rmSync(join(folder, 'CURRENT'))
    const before = namesOf(folder, /./)
    expect(await refusalOf(folder)).toBe(
      `${join(folder, 'CURRENT')} is missing, though the ledger has other files`,
    )
    expect(namesOf(folder, /./)).toEqual(before)
  })

  test('the manifest', async () => {
    const folder = await deadLedger()
    const [manifest = ''] = namesOf(folder, /^MANIFEST/)
    rmSync(join(folder, manifest))
    expect(await refusalOf(folder)).toBe(
      `${join(folder, 'CURRENT')} names a file that is not there: "${manifest}"`,
    )
  })

  test('each table', async () => {
    const dead = await deadLedger()
    const tables = namesOf(dead, /\.ldb$/)
    expect(tables.length).toBeGreaterThan(0)
    for (const table of tables) {
      const folder = copyOf(dead)
      rmSync(join(folder, table))
      expect(await refusalOf(folder)).toContain(table)
    }
  })
})

test('each table, cut by a byte or to nothing', async () => {
  const dead = await deadLedger()
  for (const table of namesOf(dead, /\.ldb$/))
    for (const left of [statSync(join(dead, table)).size - 1, 0]) {
      const folder = copyOf(dead)
      truncateSync(join(folder, table), left)
      expect(await refusalOf(folder)).toBe(
        `${join(folder, table)} has ${left} bytes, but ${statSync(join(dead, table)).size} were written`,
      )
    }
})

test('the manifest cut anywhere: refused, or nothing of the tables is lost', async () => {
  const dead = await deadLedger()
  const [manifest = ''] = namesOf(dead, /^MANIFEST/)
  const { size } = statSync(join(dead, manifest))
  for (let left = 0; left < size; left += 7) {
    const folder = copyOf(dead)
    truncateSync(join(folder, manifest), left)
    if ((await refusalOf(folder)) !== undefined) continue
    const { ledger } = await openLedger(folder)
    expect((await checkLedger({ ledger })).length).toBe(events + 3)
  }
})

describe('the write-ahead log', () => {
  test('cut at any byte: the ledger ends with the last whole batch', async () => {
    const dead = await deadLedger()
    const [log = ''] = namesOf(dead, /\.log$/)
    const { size } = statSync(join(dead, log))
    const sizes = new Set<number>()
    for (let left = size - 1; left > 0; left -= 491) {
      const folder = copyOf(dead)
      truncateSync(join(folder, log), left)
      const { ledger } = await openLedger(folder)
      sizes.add((await checkLedger({ ledger })).length)
    }
    expect(Math.max(...sizes)).toBe(events + 3 - 1)
    expect(sizes.size).toBeGreaterThan(events / 4)
  })

  test('with a flipped bit anywhere: refused, or it ends there; never a hole', async () => {
    const dead = await deadLedger()
    const [log = ''] = namesOf(dead, /\.log$/)
    const bytes = readFileSync(join(dead, log))
    let refused = 0
    for (let at = 0; at < bytes.length; at += 251) {
      const folder = copyOf(dead)
      const flipped = Buffer.from(bytes)
      flipped[at]! ^= 1 << (at % 8)
      writeFileSync(join(folder, log), flipped)
      const refusal = await refusalOf(folder)
      if (refusal !== undefined) {
        expect(refusal).toMatch(/\.log is damaged at byte \d+: what was written behind it is intact$/)
        refused++
        continue
      }
      const { ledger } = await openLedger(folder)
      const { length } = await checkLedger({ ledger })
      expect(length).toBeLessThan(events + 3)
    }
    // Where the length of a batch is flipped, nothing behind it can be found, and the log ends there.
    expect(refused).toBeGreaterThan(bytes.length / 251 / 2)
  })
})
