import { firstValueFrom, VirtualTimeScheduler } from 'rxjs'
import { describe, expect, test } from 'vitest'
import { openAnchorer } from '../../src/anchor/anchorer.ts'
import { Bench } from './support.ts'

describe('the loop', () => {
  test('polls every second, waits longer while it fails, and leaves no timer', async () => {
    const bench = await Bench.open()
    await bench.write()
    const scheduler = new VirtualTimeScheduler()
    const anchorer = await openAnchorer({ ...bench.settings, scheduler })
    const step = async () => {
      const before = scheduler.frame
      scheduler.flush()
      await anchorer.tick()
      // The loop's own continuation behind the step.
      await new Promise((resolve) => setImmediate(resolve))
      return scheduler.frame - before
    }
    anchorer.start()
    expect(await step()).toBe(0)
    expect((await firstValueFrom(anchorer.changes$)).pending).toBe(1)
    expect(await step()).toBe(1000)
    await bench.node.close()
    expect(await step()).toBe(1000)
    const pauses: number[] = []
    for (let i = 0; i < 6; i++) pauses.push(await step())
    expect(pauses).toEqual([1000, 2000, 4000, 8000, 10_000, 10_000])
    await anchorer.stop()
    const { frame } = scheduler
    scheduler.flush()
    expect(scheduler.frame).toBe(frame)
  })

  test.each(['start', 'tick'] as const)('stop waits for the step that %s began', async (begin) => {
    const bench = await Bench.open()
    await bench.write()
    const { promise: gate, resolve: proceed } = promiseWithResolvers()
    const { promise: sending, resolve: arrived } = promiseWithResolvers()
    let isSent = false
    const { chain } = bench.settings
    const send = async (raw: Buffer) => {
      arrived()
      await gate
      await chain.send(raw)
      isSent = true
    }
    const anchorer = await openAnchorer({ ...bench.settings, chain: { ...chain, send } })
    anchorer[begin]()
    await sending
    const stopped = anchorer.stop()
    proceed()
    await stopped
    expect(isSent).toBe(true)
    expect(anchorer.status()).toMatchObject({ pending: 1 })
  })
})

function promiseWithResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {}
  const promise = new Promise<void>((done) => {
    resolve = done
  })
  return { promise, resolve }
}
