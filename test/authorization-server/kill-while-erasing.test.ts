/** `kill -9` while users are erased: each one is erased whole, or not at all. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { finishErasures } from '../../src/authorization-server/erase-user.ts'
import { listAnnex } from '../../src/ledger/annex.ts'
import { rangeOf } from '../../src/ledger/layout.ts'
import { readEvents } from '../../src/ledger/reader.ts'
import { projectRows, stateRowKey, usernameRowKey } from '../../src/projections/rows.ts'
import { eventCodec, openWorld, type World } from '../support/authorization.ts'
import { runAndKill } from '../support/killed-program.ts'
import { checkTree, temporaryFolder } from '../support/ledger.ts'

const program = new URL('./killed-eraser.ts', import.meta.url)

const eraseAndKill = (folder: string, round: number, count: number, ...hold: string[]) =>
  runAndKill(program, [folder, String(round), ...hold], count)

/** @returns the erased subjects */
async function checkWholeness({ storage, ledger }: World): Promise<Set<string>> {
  await checkTree(ledger)
  const registered = new Set<string>()
  const erased = new Set<string>()
  const sides = new Set<string>()
  const rows = new Map<string, Buffer>()
  for await (const recorded of readEvents(storage, eventCodec, 0, ledger.size)) {
    const { event } = recorded
    if (event.type === 'user.registered') registered.add(event.subject)
    if (event.type === 'user.erased') erased.add(event.subject)
    if ('side' in event && 'subject' in event && Object.keys(event.side).length > 0)
      sides.add(`${event.type} ${event.subject}`)
    projectRows(recorded, {
      get: (key) => rows.get(key.toString('hex')),
      put: (key, value) => void rows.set(key.toString('hex'), value),
      del: (key) => void rows.delete(key.toString('hex')),
    })
  }
  for (const subject of registered) {
    const isErased = erased.has(subject)
    expect(sides.has(`user.registered ${subject}`)).toBe(!isErased)
    if (isErased) expect(sides).not.toContain(`session.started ${subject}`)
    expect(ledger.row(usernameRowKey(`name of ${subject}`)) === undefined).toBe(isErased)
    expect(ledger.row(stateRowKey(`user:${subject}`))!.includes('name of')).toBe(!isErased)
  }
  let count = 0
  for await (const [key, value] of storage.entries(rangeOf('row'))) {
    expect(rows.get(key.toString('hex', 1))?.equals(value)).toBe(true)
    count++
  }
  expect(count).toBe(rows.size)
  return erased
}

test('after each of several kills', async () => {
  const folder = temporaryFolder()
  const acknowledged: string[] = []
  for (const [round, count] of [1, 3, 20, 60].entries()) {
    acknowledged.push(...(await eraseAndKill(folder, round, count)))
    const world = await openWorld({ folder })
    const erased = await checkWholeness(world)
    for (const subject of acknowledged) expect(erased).toContain(subject)
    await world.ledger.close()
  }
})

/** Files of the ledger that hold something of a person. */
const naming = (folder: string) =>
  readdirSync(folder).filter((name) =>
    /(name|address) of s-/.test(readFileSync(join(folder, name), 'latin1')),
  )

test('killed when the event was stored and the files not yet rewritten: the next opening rewrites them', async () => {
  const folder = temporaryFolder()
  await eraseAndKill(folder, 0, 4, 'held')
  const world = await openWorld({ folder })
  expect((await checkWholeness(world)).size).toBe(4)
  expect(naming(folder)).not.toEqual([])
  await finishErasures(world.ledger)
  expect(naming(folder)).toEqual([])
  const notes: string[] = []
  for await (const [name] of listAnnex(world.storage, 'erasing/')) notes.push(name)
  expect(notes).toEqual([])
  expect((await checkWholeness(world)).size).toBe(4)
})

test('killed at any moment, with what was being written then: after the next opening nothing names the erased', async () => {
  const folder = temporaryFolder()
  for (const [round, count] of [5, 13].entries()) {
    await eraseAndKill(folder, round, count)
    const world = await openWorld({ folder })
    const erased = await checkWholeness(world)
    await finishErasures(world.ledger)
    const files = readdirSync(folder).map((name) => readFileSync(join(folder, name), 'latin1'))
    // Longer subjects begin with it.
    for (const subject of erased)
      for (const text of [`name of ${subject}`, `address of ${subject}`])
        expect(
          files.some((file) => new RegExp(`${text}(?!\\d)`).test(file)),
          text,
        ).toBe(false)
    await world.ledger.close()
  }
})
