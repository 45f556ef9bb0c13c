/** Group commit: one batch in flight, the next fills meanwhile, nothing is visible before it is durable. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkLedger, codeOf, held, isSettled, openLedger } from '../support/ledger.ts'
import { textRowKey } from '../support/text-events.ts'

const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

describe('appends share batches', () => {
  test('all of one turn are one write', async () => {
    const open = await openLedger()
    const appends = Array.from({ length: 100 }, (_, i) => open.ledger.append(`s${i}`, 0, [{ text: 'x' }], 0))
    await Promise.all(appends)
    expect(open.storage.writes).toBe(1)
    expect((await checkLedger(open)).length).toBe(100)
  })

  test('where many wait at a time, one half is encoded while the other is written', async () => {
    const open = await openLedger()
    const appendAll = (version: number) =>
      Promise.all(
        Array.from({ length: 100 }, (_, i) => open.ledger.append(`s${i}`, version, [{ text: 'x' }], 0)),
      )
    await appendAll(0)
    await appendAll(1)
    expect(open.storage.writes).toBe(3)
    expect((await checkLedger(open)).length).toBe(200)
  })

  test('all that come while one is on its way are the next', async () => {
    const open = await openLedger()
    const { promise, release } = held()
    open.storage.gate = promise
    const appends = [open.ledger.append('first', 0, [{ text: 'x' }], 0)]
    await nextTurn()
    for (let i = 0; i < 50; i++) {
      appends.push(open.ledger.append(`s${i}`, 0, [{ text: 'x' }], 0))
      await nextTurn()
    }
    expect(open.storage.writes).toBe(1)
    release()
    await Promise.all(appends)
    expect(open.storage.writes).toBe(2)
    expect((await checkLedger(open)).length).toBe(51)
  })
})

describe('before write() resolves', () => {
  test('nothing resolves, no row shows, nobody hears, size and tree stay', async () => {
    const open = await openLedger()
    const { ledger, storage, heard } = open
    await ledger.append('a', 0, [{ text: 'one' }], 0)
    const frontier = ledger.frontier
    const { promise, release } = held()
    storage.gate = promise
    const appends = [
      ledger.append('a', 1, [{ text: 'two' }], 0),
      ledger.append('b', 0, [{ text: 'three' }], 0),
    ]
    const settled = ledger.settled()
    for (let turn = 0; turn < 5; turn++) {
      await nextTurn()
      for (const waiting of [...appends, settled]) expect(await isSettled(waiting)).toBe(false)
    }
    expect(storage.writes).toBe(2)
    expect(ledger.row(textRowKey('a'))?.toString()).toBe('one;')
    expect(ledger.row(textRowKey('b'))).toBeUndefined()
    expect(heard.length).toBe(1)
    expect(ledger.size).toBe(1)
    expect(ledger.frontier).toBe(frontier)
    release()
    await Promise.all(appends)
    expect(heard.map(({ event }) => event.text)).toEqual(['one', 'two', 'three'])
    expect(ledger.row(textRowKey('a'))?.toString()).toBe('one;two;')
    await checkLedger(open)
  })

  test('followers have heard, and rows show, when an append resolves', async () => {
    const { ledger, heard } = await openLedger()
    await Promise.all(
      Array.from({ length: 20 }, async (_, i) => {
        const [recorded] = await ledger.append(`s${i}`, 0, [{ text: 'x' }], 0)
        expect(heard).toContainEqual(recorded)
        expect(ledger.row(textRowKey(`s${i}`))?.toString()).toBe('x;')
        expect(ledger.size).toBeGreaterThan(recorded!.position)
      }),
    )
    expect(heard.map(({ position }) => position)).toEqual(Array.from({ length: 20 }, (_, i) => i))
  })

  test('what follows may append, and that is written too', async () => {
    const open = await openLedger()
    const echoes: Promise<unknown>[] = []
    open.ledger.committed$.subscribe((events) => {
      for (const { stream } of events)
        if (stream.length < 4) echoes.push(open.ledger.append(`${stream}!`, 0, [{ text: 'echo' }], 0))
    })
    await open.ledger.append('a', 0, [{ text: 'x' }], 0)
    await open.ledger.settled()
    await open.ledger.settled()
    await open.ledger.settled()
    await Promise.all(echoes)
    expect((await checkLedger(open)).map(({ stream }) => stream)).toEqual(['a', 'a!', 'a!!', 'a!!!'])
  })
})

test('law: whoever appends what and whenever, exactly one wins each version', async () => {
  const append = fc.record({
    stream: fc.constantFrom('a', 'b', 'c'),
    expected: fc.nat(3),
    wait: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(append, { maxLength: 30 }), async (appends) => {
      const open = await openLedger()
      const running: Promise<string>[] = []
      for (const { stream, expected, wait } of appends) {
        running.push(codeOf(open.ledger.append(stream, expected, [{ text: String(running.length) }], 0)))
        if (wait) await open.ledger.settled()
      }
      const won = (await Promise.all(running)).flatMap((code, i) => (code === 'resolved' ? [String(i)] : []))
      expect((await checkLedger(open)).map(({ event }) => event.text)).toEqual(won)
    }),
    { numRuns: 25 },
  )
})
