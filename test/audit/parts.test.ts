/** In parts, by threads or alone, and in order: verification comes to the very same result, of whatever log. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import type { Level } from 'level'
import { beforeAll, describe, expect, test } from 'vitest'
import type { ThreadSource } from '../../src/audit/audit-threads.ts'
import {
  type Verification,
  type VerifyOptions,
  verifyLedger,
  verifyLedgerInOrder,
} from '../../src/audit/verify.ts'
import { auditThreads } from '../../src/audit-thread.ts'
import {
  annexKey,
  encodePosition,
  eventKey,
  frontierKey,
  rangeOf,
  sideKey,
  streamKey,
  tileKey,
} from '../../src/ledger/layout.ts'
import { decodeRecord, encodeRecord } from '../../src/ledger/record.ts'
import { openStorage } from '../../src/ledger/storage.ts'
import { type Event, streamOf } from '../../src/oauth/events.ts'
import {
  clientToken,
  codeIssued,
  copyOf,
  lifeEvents,
  liveThrough,
  options,
  rebuildTree,
  refreshed,
  revoked,
  type SampleLedger,
  startMs,
  tamper,
  template,
  userToken,
} from './support.ts'

type Db = Level<Buffer, Buffer>

const grantCount = 200
const orderedCount = 3
const size = lifeEvents + grantCount * 6 + orderedCount * 5
let original: string

const hash = (name: string) => clientToken(name).accessTokenHash

/** Codes, then their redemptions and refreshes much later: nearly all streams reach over several stretches. */
async function liveLong(log: SampleLedger): Promise<void> {
  await liveThrough(log)
  const append = async (version: number, events: (i: number) => Event[]) => {
    for (let i = 0; i < grantCount; i++) await log.append(streamOf.grant(`long-${i}`), version, events(i))
  }
  await append(0, (i) => [{ ...codeIssued, codeHash: hash(`code ${i}`) }])
  await log.checkpoints.sign()
  await log.issueToClient(grantCount)
  await append(1, (i) => [
    { type: 'code.redeemed' },
    { ...userToken, accessTokenHash: hash(`at ${i}`), refreshTokenHash: hash(`rt ${i}`) },
  ])
  await append(3, (i) => [
    { ...refreshed, accessTokenHash: hash(`at2 ${i}`), refreshTokenHash: hash(`rt2 ${i}`) },
  ])
  await orderRotations(log)
  await log.issueToClient(grantCount, 'more')
  await log.checkpoints.sign()
}

/** What the administrator signs, and what does not need that, in turn in one stream. */
async function orderRotations(log: SampleLedger): Promise<void> {
  for (let i = 0; i < orderedCount; i++) {
    const grant = streamOf.grant(`long-${i}`)
    for (const [version, from, to] of [
      [4, 'rt2', 'rt3'],
      [6, 'rt3', 'rt4'],
    ] as const) {
      const order: Event = {
        type: 'rotation.ordered',
        refreshTokenHash: hash(`${from} ${i}`),
        signedAtSeconds: startMs / 1000,
        signature: '',
      }
      await log.administer(order, grant, version)
      const rotation = { accessTokenHash: hash(`at ${to} ${i}`), refreshTokenHash: hash(`${to} ${i}`) }
      await log.append(grant, version + 1, [{ ...refreshed, ...rotation }])
    }
    const end: Event = { ...revoked, reason: 'administrator', signedAtSeconds: startMs / 1000, signature: '' }
    await log.administer(end, grant, 8)
  }
}

beforeAll(async () => {
  original = await template(liveLong)
})

const inProcess = (directory: string): ThreadSource => {
  const threads = auditThreads({ ledger: join(directory, 'ledger'), segments: join(directory, 'segments') })
  return { ...threads!, count: 2, leastEvents: 0 }
}

/** Without the rows and with them; where reading fails, the failure. */
interface Agreed {
  log: Verification | string
  all: Verification | string
}

/** What all ways agree upon. */
async function verifyAllWays(directory: string, withThreads: boolean): Promise<Agreed> {
  const storage = await openStorage(join(directory, 'ledger'))
  const told = (verification: Promise<Verification>) =>
    verification.catch((error: Error) => {
      expect(error).toMatchObject({ name: 'LedgerError' })
      return error.message
    })
  try {
    const agreed = async (asked: VerifyOptions) => {
      const inOrder = await told(verifyLedgerInOrder(storage, asked))
      expect(await told(verifyLedger(storage, asked))).toEqual(inOrder)
      if (withThreads)
        expect(await told(verifyLedger(storage, { ...asked, threads: inProcess(directory) }))).toEqual(
          inOrder,
        )
      return inOrder
    }
    return { log: await agreed(options), all: await agreed({ ...options, rows: true }) }
  } finally {
    await storage.close()
  }
}

async function editRecord(db: Db, position: number, edit: (record: Buffer) => Buffer | undefined) {
  const record = edit(Buffer.from((await db.get(eventKey(position)))!))
  if (record) await db.put(eventKey(position), record)
}

const flip = (bytes: Buffer, place: number, bit: number): Buffer => {
  bytes[Math.floor(place * bytes.length)]! ^= 1 << bit
  return bytes
}

interface Chance {
  position: number
  other: number
  place: number
  bit: number
}

/** Whoever rebuilds the tree and takes away what was signed is found by the records alone. */
async function unsigned(db: Db): Promise<void> {
  await rebuildTree(db)
  await db.clear({ gte: annexKey(''), lt: Buffer.from('b') })
}

const damages: Record<string, (db: Db, chance: Chance) => Promise<unknown>> = {
  'a bit of a record': (db, { position, place, bit }) =>
    editRecord(db, position, (record) => flip(record, place, bit)),
  'a bit of a record, with a new tree': async (db, { position, place, bit }) => {
    await editRecord(db, position, (record) => flip(record, place, bit))
    await unsigned(db)
  },
  'a row that is another one': async (db, { place }) => {
    const rows = await db.keys(rangeOf('row')).all()
    await db.put(rows[Math.floor(place * rows.length)]!, Buffer.from('another'))
  },
  'a missing row': async (db, { place }) => {
    const rows = await db.keys(rangeOf('row')).all()
    await db.del(rows[Math.floor(place * rows.length)]!)
  },
  'a missing record': (db, { position }) => db.del(eventKey(position)),
  'a record under a key of another form': async (db, { position }) => {
    await db.put(Buffer.concat([eventKey(position), Buffer.of(0)]), (await db.get(eventKey(position)))!)
    await db.del(eventKey(position))
  },
  'exchanged records, with a new tree': async (db, { position, other }) => {
    const [one, two] = [await db.get(eventKey(position)), await db.get(eventKey(other))]
    await db.put(eventKey(position), two!)
    await db.put(eventKey(other), one!)
    await unsigned(db)
  },
  'exchanged events, with a new tree and index': async (db, { position, other }) => {
    const [one, two] = await Promise.all(
      [position, other].map(async (at) => decodeRecord((await db.get(eventKey(at)))!)),
    )
    for (const [at, { timeMs }, record] of [
      [position, one!, two!],
      [other, two!, one!],
    ] as const) {
      await db.put(eventKey(at), encodeRecord({ ...record, position: at, timeMs }))
      await db.put(streamKey(record.stream, record.version), encodePosition(at))
    }
    await unsigned(db)
  },
  'another time, with a new tree': async (db, { position, other }) => {
    await editRecord(db, position, (record) =>
      encodeRecord({ ...decodeRecord(record), timeMs: startMs + other * 1000 }),
    )
    await unsigned(db)
  },
  'an index entry that is missing': async (db, { position }) => {
    const { stream, version } = decodeRecord((await db.get(eventKey(position)))!)
    await db.del(streamKey(stream, version))
  },
  'index entries that name each other': async (db, { position, other }) => {
    const [one, two] = await Promise.all(
      [position, other].map(async (at) => decodeRecord((await db.get(eventKey(at)))!)),
    )
    await db.put(streamKey(one!.stream, one!.version), encodePosition(other))
    await db.put(streamKey(two!.stream, two!.version), encodePosition(position))
  },
  'an index entry too many': (db, { position, other }) =>
    db.put(streamKey(streamOf.grant(`none-${other}`), 0), encodePosition(position)),
  'a bit of a tile': async (db, { position, place, bit }) => {
    const key = tileKey(0, Math.floor(position / 256))
    await db.put(key, flip(Buffer.from((await db.get(key))!), place, bit))
  },
  'a missing tile': (db, { position }) => db.del(tileKey(0, Math.floor(position / 256))),
  'a bit of the upper tile': async (db, { place, bit }) =>
    db.put(tileKey(1, 0), flip(Buffer.from((await db.get(tileKey(1, 0)))!), place, bit)),
  'a bit of the tree head': async (db, { place, bit }) =>
    db.put(frontierKey, flip(Buffer.from((await db.get(frontierKey))!), place, bit)),
  'a side record too many': (db, { position }) => db.put(sideKey(position), Buffer.alloc(40)),
  'side records that nobody erased': (db) => db.clear(rangeOf('side')),
  nothing: async () => {},
}
const harmless = ['nothing']

const chance = fc.record({
  position: fc.nat({ max: size - 1 }),
  other: fc.nat({ max: size - 1 }),
  place: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  bit: fc.nat({ max: 7 }),
})

describe.each(Object.keys(damages))('%s', (name) => {
  test('the same alone and in order', async () => {
    let found = 0
    await fc.assert(
      fc.asyncProperty(chance, async (drawn) => {
        const copy = await copyOf(original)
        await tamper(copy, (db) => damages[name]!(db, drawn))
        const { log, all } = await verifyAllWays(copy, false)
        const result = harmless.includes(name) ? log : all
        if (typeof result === 'string' || !result.ok) found++
      }),
      { numRuns: 6 },
    )
    if (harmless.includes(name)) expect(found).toBe(0)
    else expect(found).toBeGreaterThan(0)
  })

  test('the same with threads', async () => {
    const copy = await copyOf(original)
    await tamper(copy, (db) => damages[name]!(db, { position: 700, other: 1100, place: 0.9, bit: 1 }))
    await verifyAllWays(copy, true)
  })
})

test('a log that holds is gone through once, whoever does it', async () => {
  const storage = await openStorage(join(original, 'ledger'))
  try {
    for (const more of [{}, { threads: inProcess(original) }]) {
      const progress = new Map<string, number[]>()
      const result = await verifyLedger(storage, {
        ...options,
        ...more,
        rows: true,
        onProgress: (done, total, step) => {
          expect(total).toBe(size)
          progress.set(step, [...(progress.get(step) ?? []), done])
        },
      })
      expect(result).toMatchObject({ ok: true, events: size, checkpoints: 4 })
      expect([...progress.keys()]).toEqual(['events', 'stream index', 'read models'])
      expect(progress.get('events')).toEqual([256, 512, 768, 1024, size])
      for (const counts of progress.values()) {
        expect(counts).toEqual(counts.toSorted((a, b) => a - b))
        expect(counts.at(-1)).toBe(size)
      }
    }
  } finally {
    await storage.close()
  }
})

describe('what cannot be read', () => {
  test('a damaged table is a fault, whoever reads it', async () => {
    const copy = await copyOf(original)
    // What was in the log alone goes into a table at the next opening.
    await (await openStorage(join(copy, 'ledger'))).close()
    const folder = join(copy, 'ledger')
    const [table] = readdirSync(folder).filter((name) => name.endsWith('.ldb'))
    const bytes = readFileSync(join(folder, table!))
    for (let at = 100; at < bytes.length - 1000; at += 50) bytes[at]! ^= 0xff
    writeFileSync(join(folder, table!), bytes)
    const { log: result } = await verifyAllWays(copy, true)
    expect(result).toMatchObject({ ok: false, faults: [{ kind: 'store_damaged' }] })
  })

  test('a thread that ends, at once or on its way', async () => {
    const storage = await openStorage(join(original, 'ledger'))
    const ending = (program: string): ThreadSource => ({
      count: 2,
      leastEvents: 0,
      start: () => new Worker(program, { eval: true }),
    })
    try {
      for (const [program, why] of [
        ["throw new Error('out of luck')", 'a thread of the verification ended: out of luck'],
        ['process.exit(3)', 'a thread of the verification ended'],
        [
          "require('node:worker_threads').parentPort.once('message', () => process.exit(3))",
          'a thread of the verification ended',
        ],
      ] as const)
        await expect(verifyLedger(storage, { ...options, threads: ending(program) })).rejects.toMatchObject({
          name: 'LedgerError',
          code: 'unavailable',
          message: why,
        })
    } finally {
      await storage.close()
    }
  })
})
