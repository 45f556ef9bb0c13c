import { PassThrough, Writable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { publicEvent } from '../../src/audit/public-event.ts'
import { type ReplayOptions, replay } from '../../src/audit/replay.ts'
import { eventKey } from '../../src/ledger/layout.ts'
import { readEvents } from '../../src/ledger/reader.ts'
import { openStorage, type Storage } from '../../src/ledger/storage.ts'
import { writeLines } from '../../src/terminal/lines.ts'
import { collect } from '../support/collect.ts'
import { codec, copyOf, lifeEvents, liveThrough, startMs, tamper, template } from './support.ts'

let directory: string
let storage: Storage
beforeAll(async () => {
  directory = await template(liveThrough)
  storage = await openStorage(`${directory}/ledger`)
})
afterAll(() => storage.close())

const replayed = (options: ReplayOptions = {}, reader: Storage = storage) => collect(replay(reader, options))

describe('replay', () => {
  test.each([true, false])('is every event in its public form, disclosed: %s', async (disclose) => {
    const events = await collect(readEvents(storage, codec, 0, lifeEvents))
    const expected = events.map((recorded) => publicEvent(recorded, { disclose }))
    expect(await replayed({ disclose })).toEqual(expected)
    expect(JSON.stringify(expected).includes('192.0.2.7')).toBe(disclose)
  })

  test.each<[ReplayOptions, number[]]>([
    [{ from: 11 }, [11, 12]],
    [{ from: 13 }, []],
    [{ from: 99 }, []],
    [{ untilMs: startMs }, []],
    [{ untilMs: startMs + 2000 }, [0, 1]],
    [{ from: 6, untilMs: startMs + 7000 }, [6, 7]],
    [{ from: 6, untilMs: startMs + 2000 }, []],
  ])('%j', async (options, positions) => {
    expect((await replayed(options)).map(({ position }) => position)).toEqual(positions)
  })

  test.each([4, 12])('without the record at %i: told, after what stands before it', async (missing) => {
    const copy = await copyOf(directory)
    await tamper(copy, (db) => db.del(eventKey(missing)))
    const damaged = await openStorage(`${copy}/ledger`)
    const seen: number[] = []
    const run = async () => {
      for await (const { position } of replay(damaged)) seen.push(position)
    }
    await expect(run()).rejects.toMatchObject({ code: 'damaged' })
    expect(seen).toHaveLength(missing)
    await damaged.close()
  })
})

describe('lines', () => {
  async function* numbers(count: number, taken: number[] = []) {
    for (let i = 0; i < count; i++) {
      taken.push(i)
      yield i
    }
  }
  const long = (item: number) => `${item} `.padEnd(10_000, 'x')

  test('all of them, in order', async () => {
    const stream = new PassThrough()
    const written = writeLines(stream, numbers(1000), String).then(() => stream.end())
    let text = ''
    for await (const chunk of stream) text += chunk
    await written
    expect(text).toBe(Array.from({ length: 1000 }, (_, i) => `${i}\n`).join(''))
  })

  test('no faster than the stream takes them', async () => {
    const taken: number[] = []
    const stuck = new Writable({ write: () => {} })
    void writeLines(stuck, numbers(10_000, taken), long)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(taken.length).toBeLessThan(20)
  })

  test('a reader that has seen enough ends it', async () => {
    const taken: number[] = []
    const closed = new Writable({
      write: (_chunk, _encoding, done) => done(Object.assign(new Error('closed'), { code: 'EPIPE' })),
    })
    await writeLines(closed, numbers(10_000, taken), long)
    expect(taken.length).toBeLessThan(20)
  })
})
