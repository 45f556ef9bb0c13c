/** The fault table: every write fails once "not stored" and once "stored but not acknowledged". */
import fc from 'fast-check'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { frontierKey } from '../../src/ledger/layout.ts'
import {
  checkLedger,
  codeOf,
  type Fault,
  held,
  isSettled,
  type OpenLedger,
  openLedger,
  temporaryFolder,
} from '../support/ledger.ts'
import { textRowKey } from '../support/text-events.ts'

const faults: Fault[] = ['not stored', 'stored but not acknowledged']
const texts = (events: readonly { event: { text: string } }[]) => events.map(({ event }) => event.text)
const append = ({ ledger }: OpenLedger, stream: string, version: number, text: string) =>
  codeOf(ledger.append(stream, version, [{ text }], 0))

describe.each(faults)('a write that fails, %s', (fault) => {
  const isStored = fault !== 'not stored'

  test('is an unavailable ledger to its caller, and the disk decides what has happened', async () => {
    const open = await openLedger()
    await append(open, 'a', 0, 'one')
    open.storage.faults = [fault]
    expect(await append(open, 'a', 1, 'two')).toBe('unavailable')
    const expected = isStored ? ['one', 'two'] : ['one']
    expect(texts(await checkLedger(open))).toEqual(expected)
    expect(texts(open.heard)).toEqual(expected)
    expect(open.ledger.size).toBe(expected.length)
    expect(open.ledger.isWritable).toBe(true)
  })

  test('decides nothing twice: who tries again meets what was stored', async () => {
    const open = await openLedger()
    open.storage.faults = [fault]
    expect(await append(open, 'code', 0, 'redeemed')).toBe('unavailable')
    expect(await append(open, 'code', 0, 'redeemed')).toBe(isStored ? 'conflict' : 'resolved')
    expect(texts(await checkLedger(open))).toEqual(['redeemed'])
    expect(texts(open.heard)).toEqual(['redeemed'])
  })

  test('fails all that share its batch and all that wait behind it, and frees their streams and names', async () => {
    const open = await openLedger()
    const { ledger, storage } = open
    const { promise, release } = held()
    storage.gate = promise
    storage.faults = [fault]
    const absentRows = [Buffer.from('name alice')]
    const inFlight = [
      append(open, 'a', 0, 'one'),
      codeOf(ledger.append('b', 0, [{ text: 'name alice' }], 0, { absentRows })),
    ]
    await new Promise((resolve) => setImmediate(resolve))
    const behind = [append(open, 'c', 0, 'behind'), append(open, 'd', 0, 'behind')]
    release()
    expect(await Promise.all([...inFlight, ...behind])).toEqual(Array(4).fill('unavailable'))
    storage.gate = undefined
    expect(texts(await checkLedger(open))).toEqual(isStored ? ['one', 'name alice'] : [])

    expect(await append(open, 'c', 0, 'again')).toBe('resolved')
    const name = ledger.append('e', 0, [{ text: 'name alice' }], 0, { absentRows })
    expect(await codeOf(name)).toBe(isStored ? 'exists' : 'resolved')
    await checkLedger(open)
  })

  test('one after the other: the ledger recovers by itself each time', async () => {
    const open = await openLedger()
    open.storage.faults = [undefined, fault, undefined, fault, fault, undefined]
    const codes: string[] = []
    for (let i = 0; i < 6; i++) codes.push(await append(open, `s${i}`, 0, String(i)))
    expect(codes).toEqual(['resolved', 'unavailable', 'resolved', 'unavailable', 'unavailable', 'resolved'])
    const expected = isStored ? ['0', '1', '2', '3', '4', '5'] : ['0', '2', '5']
    expect(texts(await checkLedger(open))).toEqual(expected)
    expect(texts(open.heard)).toEqual(expected)
  })

  test('while it recovers, nobody is told anything, and nobody waits for ever', async () => {
    const open = await openLedger()
    const { ledger, storage } = open
    await append(open, 'a', 0, 'one')
    const { promise, release } = held()
    storage.reopenGate = promise
    storage.faults = [fault]
    const failing = append(open, 'a', 1, 'two')
    while (ledger.isWritable) await new Promise((resolve) => setImmediate(resolve))
    expect(() => ledger.row(textRowKey('a'))).toThrow(expect.objectContaining({ code: 'unavailable' }))
    expect(await append(open, 'b', 0, 'meanwhile')).toBe('unavailable')
    const settled = ledger.settled()
    expect(await isSettled(settled)).toBe(false)
    release()
    expect(await failing).toBe('unavailable')
    await settled
    expect(await append(open, 'b', 0, 'after')).toBe('resolved')
    await checkLedger(open)
  })

  test('in the last batch before closing: what is stored is there again', async () => {
    const folder = temporaryFolder()
    const open = await openLedger(folder)
    open.storage.faults = [fault]
    const failing = append(open, 'a', 0, 'one')
    await open.ledger.close()
    expect(await failing).toBe('unavailable')
    const again = await openLedger(folder)
    expect(texts(await checkLedger(again))).toEqual(isStored ? ['one'] : [])
  })
})

describe('followers who append as soon as they hear of what was recovered', () => {
  test('are written too', async () => {
    const open = await openLedger()
    const echoes: Promise<string>[] = []
    open.ledger.committed$.subscribe((events) => {
      if (events[0]?.stream === 'a') echoes.push(append(open, 'echo', 0, 'echo'))
    })
    open.storage.faults = ['stored but not acknowledged']
    expect(await append(open, 'a', 0, 'one')).toBe('unavailable')
    expect(await Promise.all(echoes)).toEqual(['resolved'])
    expect(texts(await checkLedger(open))).toEqual(['one', 'echo'])
  })

  test('so do those who append in any turn of the event loop while it recovers', async () => {
    const open = await openLedger()
    open.storage.faults = ['stored but not acknowledged']
    let isDone = false
    const failing = append(open, 'a', 0, 'one').finally(() => {
      isDone = true
    })
    const others: Promise<string>[] = []
    for (let i = 0; !isDone; i++) {
      others.push(append(open, `s${i}`, 0, 'x'))
      await (i % 2 === 0 ? Promise.resolve() : new Promise((resolve) => setImmediate(resolve)))
    }
    expect(await failing).toBe('unavailable')
    const codes = await Promise.all(others)
    const stored = await checkLedger(open)
    expect(stored.filter(({ event }) => event.text === 'x').length).toBeGreaterThanOrEqual(
      codes.filter((code) => code === 'resolved').length,
    )
    expect(stored).toEqual(open.heard)
  })
})

describe('a storage that cannot be opened again', () => {
  afterEach(() => vi.useRealTimers())

  /** A ledger whose write has failed and whose storage is gone; `performance.now` stands still. */
  async function broken(fault: Fault) {
    vi.useFakeTimers({ toFake: ['performance'] })
    const open = await openLedger()
    await append(open, 'a', 0, 'one')
    open.storage.faults = [fault]
    open.storage.isBroken = true
    expect(await append(open, 'a', 1, 'two')).toBe('unavailable')
    return open
  }

  test.each(faults)('is unavailable to all until it can, and then nothing is lost (%s)', async (fault) => {
    const open = await broken(fault)
    expect(await append(open, 'b', 0, 'x')).toBe('unavailable')
    expect(() => open.ledger.row(textRowKey('a'))).toThrow(expect.objectContaining({ code: 'unavailable' }))
    expect(open.ledger.isWritable).toBe(false)

    open.storage.isBroken = false
    expect(await append(open, 'b', 0, 'too early to try again')).toBe('unavailable')
    expect(open.ledger.isWritable).toBe(false)
    vi.advanceTimersByTime(1000)
    expect(await append(open, 'b', 0, 'the call that starts the recovery')).toBe('unavailable')
    await open.ledger.settled()
    expect(open.ledger.isWritable).toBe(true)
    expect(await append(open, 'b', 0, 'x')).toBe('resolved')
    const expected = fault === 'not stored' ? ['one', 'x'] : ['one', 'two', 'x']
    expect(texts(await checkLedger(open))).toEqual(expected)
    expect(texts(open.heard)).toEqual(expected)
  })

  test('tells followers late, and writes what they append then', async () => {
    const open = await broken('stored but not acknowledged')
    const echoes: Promise<string>[] = []
    open.ledger.committed$.subscribe(() => {
      if (echoes.length === 0) echoes.push(append(open, 'echo', 0, 'echo'))
    })
    open.storage.isBroken = false
    vi.advanceTimersByTime(1000)
    expect(await append(open, 'b', 0, 'the call that starts the recovery')).toBe('unavailable')
    await open.ledger.settled()
    expect(await Promise.all(echoes)).toEqual(['resolved'])
    expect(texts(await checkLedger(open))).toEqual(['one', 'two', 'echo'])
  })

  test('or that has lost what was acknowledged, stays unavailable', async () => {
    const open = await openLedger()
    const { storage } = open
    const before = open.ledger.frontier
    await append(open, 'a', 0, 'one')
    const { reopen } = storage
    storage.reopen = async () => {
      await reopen()
      const batch = storage.batch()
      batch.put(frontierKey, before)
      await batch.write()
    }
    storage.faults = ['not stored']
    expect(await append(open, 'a', 1, 'two')).toBe('unavailable')
    expect(open.ledger.isWritable).toBe(false)
    expect(open.ledger.size).toBe(1)
    expect(await append(open, 'b', 0, 'x')).toBe('unavailable')
  })

  test('is closed all the same, also while it is tried again', async () => {
    const open = await broken('not stored')
    const { promise, release } = held()
    open.storage.reopenGate = promise
    vi.advanceTimersByTime(1000)
    expect(await append(open, 'b', 0, 'x')).toBe('unavailable')
    const closing = open.ledger.close()
    release()
    await closing
    expect(await append(open, 'b', 0, 'x')).toBe('closed')
  })
})

test('law: whatever fails in whatever order, memory, disk and followers agree', async () => {
  const step = fc.record({
    fault: fc.constantFrom<Fault | undefined>(undefined, ...faults),
    streams: fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 1 }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 8 }), async (steps) => {
      const open = await openLedger()
      const acknowledged: string[] = []
      for (const [i, { fault, streams }] of steps.entries()) {
        open.storage.faults = [fault]
        await Promise.all(
          streams.map(async (stream) => {
            const version = open.heard.filter((recorded) => recorded.stream === stream).length
            const code = await append(open, stream, version, `${i} ${stream}`)
            if (code === 'resolved') acknowledged.push(`${i} ${stream}`)
            else expect([code, fault]).toEqual(['unavailable', fault ?? 'none'])
          }),
        )
        const stored = await checkLedger(open)
        expect(stored).toEqual(open.heard)
        expect(texts(stored)).toEqual(expect.arrayContaining(acknowledged))
      }
    }),
    { numRuns: 20 },
  )
})
