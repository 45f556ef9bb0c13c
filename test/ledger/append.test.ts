/** Append, read, follow: positions, times, expected versions, unique rows. */
import { describe, expect, test } from 'vitest'
import { eventKey, rowKey, sideKey } from '../../src/ledger/layout.ts'
import { readEvents, readStream, streamVersion } from '../../src/ledger/reader.ts'
import { collect } from '../support/collect.ts'
import { checkLedger, codeOf, openLedger, temporaryFolder } from '../support/ledger.ts'
import { textCodec, textRowKey } from '../support/text-events.ts'

const text = (...texts: string[]) => texts.map((of) => ({ text: of }))

describe('append', () => {
  test('resolves with the events at their places, which can be read and followed', async () => {
    const open = await openLedger()
    const { ledger, heard } = open
    const first = await ledger.append('a', 0, text('one', 'two'), 1000)
    const second = await ledger.append('b', 0, text('three'), 2000)
    const third = await ledger.append('a', 2, text('four'), 3000)
    const all = [...first, ...second, ...third]
    expect(all).toEqual([
      { position: 0, timeMs: 1000, stream: 'a', version: 0, event: { text: 'one' } },
      { position: 1, timeMs: 1000, stream: 'a', version: 1, event: { text: 'two' } },
      { position: 2, timeMs: 2000, stream: 'b', version: 0, event: { text: 'three' } },
      { position: 3, timeMs: 3000, stream: 'a', version: 2, event: { text: 'four' } },
    ])
    expect(heard).toEqual(all)
    expect(await collect(readEvents(ledger.storage, textCodec, 0, 100))).toEqual(all)
    expect(await collect(readEvents(ledger.storage, textCodec, 1, 3))).toEqual(all.slice(1, 3))
    expect(await collect(readStream(ledger.storage, textCodec, 'a'))).toEqual([...first, ...third])
    expect(await streamVersion(ledger.storage, 'a')).toBe(3)
    expect(await streamVersion(ledger.storage, 'nobody')).toBe(0)
    expect(ledger.row(textRowKey('a'))?.toString()).toBe('one;two;four;')
    await checkLedger(open)
  })

  test('gives times that never run backwards, though the clock does', async () => {
    const open = await openLedger()
    const times: number[] = []
    for (const nowMs of [5000, 4000, 5001, 0, 5001]) {
      const [recorded] = await open.ledger.append(`at ${times.length}`, 0, text('x'), nowMs)
      times.push(recorded!.timeMs)
    }
    expect(times).toEqual([5000, 5000, 5001, 5001, 5001])
    await checkLedger(open)
  })

  test('of streams whose names begin alike keeps them apart', async () => {
    const open = await openLedger()
    const names = ['a', 'a:', 'a:b', 'a\u0001', 'ab', '\u00e9', 'a'.repeat(255)]
    await Promise.all(names.map((name) => open.ledger.append(name, 0, text(name), 0)))
    for (const name of names) {
      expect(await streamVersion(open.ledger.storage, name)).toBe(1)
      expect((await collect(readStream(open.ledger.storage, textCodec, name))).map((e) => e.stream)).toEqual([
        name,
      ])
    }
    await checkLedger(open)
  })

  test('keeps the side record beside the record, under a salt of its own', async () => {
    const open = await openLedger()
    const event = { text: 'x', side: 'alice' }
    await open.ledger.append('a', 0, [event, event], 0)
    const [one, other] = [0, 1].map((position) => open.ledger.storage.get(sideKey(position))!)
    expect(one!.subarray(32).toString()).toBe('alice')
    expect(one!.subarray(0, 32)).not.toEqual(other!.subarray(0, 32))
    expect(open.ledger.storage.get(eventKey(0))!.toString('latin1')).not.toContain('alice')
    const salt = Buffer.alloc(32, 9)
    await open.ledger.append('b', 0, [event], 0, { salt })
    expect(open.ledger.storage.get(sideKey(2))!.subarray(0, 32)).toEqual(salt)
    await checkLedger(open)
  })
})

describe('the expected version', () => {
  test.each([
    ['too low', 0],
    ['too low by one', 1],
    ['too high by one', 3],
    ['far too high', 1000],
  ])('%s is a conflict, and nothing is appended', async (_, expected) => {
    const open = await openLedger()
    await open.ledger.append('a', 0, text('one', 'two'), 0)
    expect(await codeOf(open.ledger.append('a', expected, text('lost'), 0))).toBe('conflict')
    expect(open.ledger.size).toBe(2)
    await open.ledger.append('a', 2, text('three'), 0)
    expect((await checkLedger(open)).map(({ event }) => event.text)).toEqual(['one', 'two', 'three'])
  })

  test.each([
    ['too low', 1],
    ['too high', 3],
  ])('%s is a conflict for a ledger that was just opened too', async (_, expected) => {
    const folder = temporaryFolder()
    const before = await openLedger(folder)
    await before.ledger.append('a', 0, text('one', 'two'), 0)
    await before.ledger.close()
    const open = await openLedger(folder)
    expect(await codeOf(open.ledger.append('a', expected, text('lost'), 0))).toBe('conflict')
    await open.ledger.append('a', 2, text('three'), 0)
    expect((await checkLedger(open)).length).toBe(3)
  })

  test('of a stream beyond those whose versions are kept in memory is looked up', async () => {
    const { ledger } = await openLedger()
    const many = Array.from({ length: 30_000 }, (_, i) => `s${i}`)
    await Promise.all(many.map((stream) => ledger.append(stream, 0, text('x'), 0)))
    const [first = ''] = many
    expect(await codeOf(ledger.append(first, 0, text('lost'), 0))).toBe('conflict')
    expect(await codeOf(ledger.append(first, 2, text('lost'), 0))).toBe('conflict')
    await ledger.append(first, 1, text('y'), 0)
  })

  test('of a stream with a fresh random name is not looked up, and counts from then on', async () => {
    const open = await openLedger()
    await open.ledger.append('random', 0, text('one'), 0, { isNewStream: true })
    expect(await codeOf(open.ledger.append('random', 0, text('lost'), 0))).toBe('conflict')
    expect(await codeOf(open.ledger.append('random', 2, text('lost'), 0, { isNewStream: true }))).toBe(
      'conflict',
    )
    await open.ledger.append('random', 1, text('two'), 0)
    expect((await checkLedger(open)).length).toBe(2)
  })

  test('of a stream that another append is on its way to is a conflict, whatever it is', async () => {
    const open = await openLedger()
    const first = open.ledger.append('a', 0, text('one'), 0)
    const rivals = [0, 1].map((version) => codeOf(open.ledger.append('a', version, text('lost'), 0)))
    expect(await Promise.all(rivals)).toEqual(['conflict', 'conflict'])
    await first
    await open.ledger.append('a', 1, text('two'), 0)
    expect((await checkLedger(open)).length).toBe(2)
  })

  test('once settled, the loser wins', async () => {
    const open = await openLedger()
    const first = open.ledger.append('a', 0, text('one'), 0)
    expect(await codeOf(open.ledger.append('a', 1, text('two'), 0))).toBe('conflict')
    await open.ledger.settled()
    expect(open.ledger.size).toBe(1)
    await open.ledger.append('a', 1, text('two'), 0)
    await first
    await checkLedger(open)
  })

  test('an append that cannot be encoded leaves no trace', async () => {
    const open = await openLedger()
    expect(await codeOf(open.ledger.append('', 0, text('x'), 0))).toMatch(/RangeError|ERR_/)
    expect(await codeOf(open.ledger.append('a', 0, text('x'), 2 ** 48))).toMatch(/RangeError|ERR_/)
    await open.ledger.append('a', 0, text('x'), 0)
    expect((await checkLedger(open)).length).toBe(1)
  })
})

describe('rows that must be absent', () => {
  const row = Buffer.from('name alice')

  test('are there from the append on that takes them, also while it is on its way', async () => {
    const open = await openLedger()
    const { ledger } = open
    const first = ledger.append('user:1', 0, text('name alice'), 0, { absentRows: [row] })
    const second = ledger.append('user:2', 0, text('name alice'), 0, { absentRows: [row] })
    expect(await codeOf(second)).toBe('exists')
    await first
    expect(await codeOf(ledger.append('user:3', 0, text('name alice'), 0, { absentRows: [row] }))).toBe(
      'exists',
    )
    expect(ledger.row(row)?.toString()).toBe('user:1')
    await checkLedger(open)
  })

  test('that another append did not get are free again', async () => {
    const open = await openLedger()
    const { ledger } = open
    await ledger.append('user:1', 0, text('x'), 0)
    const other = Buffer.from('name bob')
    expect(await codeOf(ledger.append('user:1', 0, text('name bob'), 0, { absentRows: [other] }))).toBe(
      'conflict',
    )
    await ledger.append('user:2', 0, text('name bob'), 0, { absentRows: [other] })
    expect(ledger.storage.get(rowKey(other))?.toString()).toBe('user:2')
    await checkLedger(open)
  })
})

describe('a closed ledger', () => {
  test('has kept what was under way, and takes nothing more', async () => {
    const open = await openLedger()
    const first = open.ledger.append('a', 0, text('one'), 0)
    const closing = open.ledger.close()
    expect(await codeOf(open.ledger.append('b', 0, text('late'), 0))).toBe('closed')
    expect((await first)[0]?.position).toBe(0)
    await closing
    expect(await codeOf(open.ledger.append('b', 0, text('late'), 0))).toBe('closed')
    expect(() => open.ledger.row(textRowKey('a'))).toThrow(expect.objectContaining({ code: 'closed' }))
    expect(open.ledger.isWritable).toBe(false)
    await open.ledger.close()
  })
})
