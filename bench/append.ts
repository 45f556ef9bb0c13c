/**
 * `npm run bench -- append`: the ledger's append, with all that belongs to an event (record, stream key, tree, rows,
 * side record), beside `classic-level` alone, which writes the same bytes in the same groups with the same fsyncs.
 */
import { join } from 'node:path'
import { Level } from 'level'
import { TokenSecrets } from '../src/authorization-server/token-secrets.ts'
import { Ledger } from '../src/ledger/ledger.ts'
import { openStorage, type Storage } from '../src/ledger/storage.ts'
import { decodeEvent, encodeEvent } from '../src/oauth/event-codec.ts'
import { type Event, streamOf } from '../src/oauth/events.ts'
import { projectRows } from '../src/projections/rows.ts'
import type { Progress } from '../src/terminal/progress.ts'
import { listTable } from '../src/terminal/tables.ts'
import { median, range } from './report.ts'

const codec = { encode: encodeEvent, decode: decodeEvent }
const nowMs = Date.UTC(2026, 10, 2, 10)
const nowSeconds = nowMs / 1000
const roundCount = 7
/** As the use cases append what begins with a random name; a salt that both have. */
const options = { isNewStream: true, salt: Buffer.alloc(32, 7) }

/** What is appended: one event that begins a stream of its own. */
export const kinds = {
  /** Five keys: record, stream key, state, token row, history row. */
  'token.issued': (secrets: TokenSecrets): Appended => ({
    stream: streamOf.grant(secrets.identifier()),
    event: {
      type: 'token.issued',
      grantType: 'client_credentials',
      clientId: 'bench',
      clientVersion: 0,
      subject: null,
      scopes: ['read', 'write'],
      accessTokenHash: secrets.create('access').hash,
      accessExpiresAtSeconds: nowSeconds + 3600,
      refreshTokenHash: null,
      refreshExpiresAtSeconds: null,
    },
  }),
  /** The same and a side record. */
  'session.started': (secrets: TokenSecrets): Appended => ({
    stream: streamOf.session(secrets.identifier()),
    event: {
      type: 'session.started',
      subject: 'AAECAwQFBgcICQoLDA0ODw',
      cookieHash: secrets.create('session').hash,
      expiresAtSeconds: nowSeconds + 1800,
      side: {
        address: '2001:db8::1234',
        userAgent: 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101',
      },
    },
  }),
} as const

interface Appended {
  stream: string
  event: Event
}
export type AppendKind = keyof typeof kinds
export const appendKinds = Object.keys(kinds) as AppendKind[]
export const appenderCounts = [64, 256]

type Write = [key: Buffer, value: Buffer]

export interface AppendFigures {
  kind: AppendKind
  appenders: number
  eventsPerSecond: number
  referencePerSecond: number
  ratio: number
  fromTo: [number, number]
  /** Events that shared an fsync. */
  groupSize: number
}

/** @param eventCount of each single measurement */
export async function benchAppend(
  folder: string,
  eventCount: number,
  progress: Progress,
): Promise<AppendFigures[]> {
  const figures: AppendFigures[] = []
  for (const kind of appendKinds)
    for (const appenders of appenderCounts) {
      const place = join(folder, `${kind}-${appenders}`)
      figures.push(await compare(place, kind, appenders, eventCount, progress))
    }
  return figures
}

async function compare(
  folder: string,
  kind: AppendKind,
  appenders: number,
  eventCount: number,
  progress: Progress,
): Promise<AppendFigures> {
  const secrets = new TokenSecrets(Buffer.alloc(32))
  const groups = new GroupSizes(await openStorage(`${folder}-ledger`))
  const ledger = new Ledger<Event>(groups.storage, codec, projectRows)
  const shadow = new Shadow()
  const reference = new Level<Buffer, Buffer>(`${folder}-reference`, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    cacheSize: 64 << 20,
    writeBufferSize: 16 << 20,
    maxOpenFiles: 4096,
  })
  await reference.open()
  try {
    const own: number[] = []
    const bare: number[] = []
    const sizes: number[] = []
    // The first round warms both up.
    for (let round = 0; round <= roundCount; round++) {
      progress.update(`${kind}, ${appenders} appenders: round ${round} of ${roundCount}`)
      const events = Array.from({ length: eventCount }, () => kinds[kind](secrets))
      groups.sizes = []
      const ownSeconds = await seconds(() => appendAll(ledger, events, appenders))
      const batches = await shadow.batchesOf(events, groups.sizes)
      const bareSeconds = await seconds(() => writeAll(reference, batches))
      if (round === 0) continue
      own.push(eventCount / ownSeconds)
      bare.push(eventCount / bareSeconds)
      sizes.push(eventCount / groups.sizes.length)
    }
    const ratios = own.map((rate, round) => rate / bare[round]!)
    return {
      kind,
      appenders,
      eventsPerSecond: Math.round(median(own)),
      referencePerSecond: Math.round(median(bare)),
      ratio: median(ratios),
      fromTo: range(ratios),
      groupSize: Math.round(median(sizes)),
    }
  } finally {
    await ledger.close()
    await reference.close()
  }
}

async function seconds(run: () => Promise<void>): Promise<number> {
  const startMs = performance.now()
  await run()
  return (performance.now() - startMs) / 1000
}

/** Each appender waits for its event to be on disk before it takes the next. */
async function appendAll(
  ledger: Ledger<Event>,
  events: readonly Appended[],
  appenders: number,
): Promise<void> {
  let next = 0
  const appender = async () => {
    while (next < events.length) {
      const { stream, event } = events[next++]!
      await ledger.append(stream, 0, [event], nowMs, options)
    }
  }
  await Promise.all(Array.from({ length: appenders }, appender))
}

async function writeAll(level: Level<Buffer, Buffer>, batches: readonly (readonly Write[])[]): Promise<void> {
  for (const writes of batches) {
    const batch = level.batch()
    for (const [key, value] of writes) batch.put(key, value)
    await batch.write({ sync: true })
  }
}

/** The storage of the ledger that is measured, which notes how many events each of its batches has. */
class GroupSizes {
  readonly storage: Storage
  sizes: number[] = []

  constructor(storage: Storage) {
    let size = 0
    const eventPrefix = 'e'.charCodeAt(0)
    this.storage = {
      get: (key) => storage.get(key),
      entries: (entries) => storage.entries(entries),
      forget: (keys) => storage.forget(keys),
      reopen: () => storage.reopen(),
      close: () => storage.close(),
      batch: () => {
        const batch = storage.batch()
        size = 0
        return {
          put(key, value) {
            if (key[0] === eventPrefix) size++
            batch.put(key, value)
          },
          del: (key) => batch.del(key),
          write: () => {
            this.sizes.push(size)
            size = 0
            return batch.write()
          },
        }
      },
    }
  }
}

/** A ledger of the same events that writes nothing but tells what it would: the bytes for the reference. */
class Shadow {
  #batches: Write[][] = []
  readonly #ledger: Ledger<Event>

  constructor() {
    const storage = {
      get: () => undefined,
      batch: () => {
        const writes: Write[] = []
        return {
          put: (key: Buffer, value: Buffer) => void writes.push([key, value]),
          del: () => {},
          write: async () => void this.#batches.push(writes),
        }
      },
      close: async () => {},
    } as unknown as Storage
    this.#ledger = new Ledger<Event>(storage, codec, projectRows)
  }

  async batchesOf(events: readonly Appended[], sizes: readonly number[]): Promise<Write[][]> {
    this.#batches = []
    let next = 0
    for (const size of sizes) {
      const group = events.slice(next, next + size)
      next += size
      await Promise.all(
        group.map(({ stream, event }) => this.#ledger.append(stream, 0, [event], nowMs, options)),
      )
    }
    return this.#batches
  }
}

export const appendTable = (figures: readonly AppendFigures[]): string =>
  listTable(
    ['event', 'appenders', 'a group', 'events/s', 'classic-level alone', 'ratio', 'from to'],
    figures.map(({ kind, appenders, groupSize, eventsPerSecond, referencePerSecond, ratio, fromTo }) => [
      kind,
      String(appenders),
      String(groupSize),
      eventsPerSecond.toLocaleString('en-US'),
      referencePerSecond.toLocaleString('en-US'),
      ratio.toFixed(2),
      fromTo.map((it) => it.toFixed(2)).join(' to '),
    ]),
  )
