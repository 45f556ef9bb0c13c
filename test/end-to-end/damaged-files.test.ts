/**
 * Whatever was done to the files of a stopped server: `server run` says it in one line and ends, `audit verify` names it as
 * a fault with its position and kind.
 */
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { Level } from 'level'
import { beforeAll, describe, expect, it } from 'vitest'
import type { FaultKind } from '../../src/audit/fault.ts'
import type { Verification } from '../../src/audit/verification.ts'
import { Checkpoints } from '../../src/ledger/checkpoints.ts'
import { eventKey, frontierKey, segmentKey, tileKey } from '../../src/ledger/layout.ts'
import { Ledger } from '../../src/ledger/ledger.ts'
import { openStorage } from '../../src/ledger/storage.ts'
import { projectRows } from '../../src/projections/rows.ts'
import { ed25519PrivateKey } from '../../src/tree/ed25519.ts'
import { ed25519Signer } from '../../src/tree/signed-note.ts'
import { eventCodec } from '../support/authorization.ts'
import { issueToken, registerSample } from '../support/oauth-requests.ts'
import { startServer, type TestServer, temporaryFolder } from '../support/server.ts'

let server: TestServer
let data: string
/** The files as `kill -9` left them, and as they were some events before. */
let killed: string
let older: string
/** Whose older events are in a segment. */
let sealed: string
let size: number

beforeAll(async () => {
  server = await startServer()
  data = join(server.home, 'data')
  killed = join(temporaryFolder(), 'killed')
  older = join(temporaryFolder(), 'older')
  await registerSample(server)
  await issueToken(server.url)
  await server.restart()
  cpSync(data, older, { recursive: true })
  for (let count = 0; count < 10; count++) await issueToken(server.url)
  size = (await (await server.connect())!.operations.status({})).position
  await server.kill('SIGKILL')
  cpSync(data, killed, { recursive: true })
  sealed = join(temporaryFolder(), 'sealed')
  expect((await server.cli(['ledger', 'seal', '--before', '2999-01-01'])).exitCode).toBe(0)
  cpSync(data, sealed, { recursive: true })
})

const ledger = (...name: string[]) => join(data, 'ledger', ...name)
const named = (pattern: RegExp) => readdirSync(ledger()).filter((name) => pattern.test(name))
const emptied = (file: string) => truncateSync(file, 0)

/** The ledger of the stopped server, opened as its owner would, under another checkpoint key. */
async function signAnew(): Promise<void> {
  const storage = await openStorage(ledger())
  const opened = new Ledger(storage, eventCodec, projectRows)
  rmSync(join(data, 'checkpoint'), { force: true })
  const origin = readFileSync(join(killed, 'checkpoint'), 'utf8').split('\n')[0]!
  for await (const [key] of storage.entries({
    gte: Buffer.from('acheckpoint/'),
    lt: Buffer.from('acheckpoint0'),
  })) {
    const batch = storage.batch()
    batch.del(key)
    await batch.write()
  }
  const signer = ed25519Signer(origin, ed25519PrivateKey(Buffer.alloc(32, 3)))
  await (await Checkpoints.open(opened, join(data, 'checkpoint'), origin, signer)).sign()
  await opened.close()
}

/** Changes entries as somebody with the disk in his hands could. */
async function change(entries: (db: Level<Buffer, Buffer>) => Promise<unknown>): Promise<void> {
  const db = new Level<Buffer, Buffer>(ledger(), { keyEncoding: 'buffer', valueEncoding: 'buffer' })
  await entries(db)
  await db.close()
}

const swapTwoEvents = (db: Level<Buffer, Buffer>) =>
  Promise.all([5, 6].map((position) => db.get(eventKey(position)))).then(([one, two]) =>
    db.batch([
      { type: 'put', key: eventKey(5), value: two! },
      { type: 'put', key: eventKey(6), value: one! },
    ]),
  )

const segment = () => join(data, 'segments', readdirSync(join(data, 'segments'))[0]!)

interface Damage {
  name: string
  act: () => unknown
  /** What the server says. */
  line: RegExp
  /** What the audit names. */
  kind: FaultKind
  position?: () => number | null
  /** Of a ledger with a segment. */
  isSealed?: true
}

const nowhere = () => null
const last = () => size - 1

const damages: Damage[] = [
  {
    name: 'CURRENT is lost',
    act: () => rmSync(ledger('CURRENT')),
    line: /CURRENT is missing, though the ledger has other files$/,
    kind: 'store_damaged',
    position: nowhere,
  },
  {
    name: 'the manifest is lost',
    act: () => rmSync(ledger(named(/^MANIFEST/)[0]!)),
    line: /CURRENT names a file that is not there/,
    kind: 'store_damaged',
    position: nowhere,
  },
  {
    name: 'a table is lost',
    act: () => rmSync(ledger(named(/\.ldb$/)[0]!)),
    line: /is damaged: .*1 missing files.*\.ldb$/,
    kind: 'store_damaged',
    position: nowhere,
  },
  {
    name: 'a table is cut',
    act: () => emptied(ledger(named(/\.ldb$/)[0]!)),
    line: /\.ldb has 0 bytes, but \d+ were written$/,
    kind: 'store_damaged',
    position: nowhere,
  },
  {
    name: 'the log is cut',
    act: () => emptied(ledger(named(/\.log$/).at(-1)!)),
    line: /has \d+ events, but \d+ were acknowledged|was signed/,
    kind: 'head_beyond_log',
    position: last,
  },
  {
    name: 'the log is lost',
    act: () => rmSync(ledger(named(/\.log$/).at(-1)!)),
    line: /has \d+ events, but \d+ were acknowledged|was signed/,
    kind: 'head_beyond_log',
    position: last,
  },
  {
    name: 'a bit of the log is flipped',
    act() {
      const file = ledger(named(/\.log$/).at(-1)!)
      const bytes = readFileSync(file)
      bytes[200]! ^= 4
      writeFileSync(file, bytes)
    },
    line: /\.log is damaged at byte \d+: what was written behind it is intact$/,
    kind: 'store_damaged',
    position: nowhere,
  },
  {
    name: 'the ledger is lost',
    act: () => rmSync(ledger(), { recursive: true }),
    line: /has 0 events, but/,
    kind: 'head_beyond_log',
    position: last,
  },
  {
    name: 'an older ledger is put back',
    act() {
      rmSync(ledger(), { recursive: true })
      cpSync(join(older, 'ledger'), ledger(), { recursive: true })
    },
    line: /has \d+ events, but (\d+ were acknowledged|a checkpoint of \d+ events was signed)/,
    kind: 'head_beyond_log',
    position: last,
  },
  {
    name: 'an older ledger is put back, with its checkpoint',
    act() {
      rmSync(ledger(), { recursive: true })
      for (const name of ['ledger', 'checkpoint'])
        cpSync(join(older, name), join(data, name), { recursive: true })
    },
    line: /has \d+ events, but \d+ were acknowledged/,
    kind: 'head_beyond_log',
    position: last,
  },
  {
    name: 'the last checkpoint is signed by somebody else',
    act: signAnew,
    line: /is not signed by a server of this ledger: no known key/,
    kind: 'checkpoint_signature',
    position: last,
  },
  {
    name: 'the checkpoint file is altered',
    act: () => appendFileSync(join(data, 'checkpoint'), 'more'),
    line: /the checkpoint file .* is malformed$/,
    kind: 'checkpoint_malformed',
    position: nowhere,
  },
  {
    name: 'the head file is altered',
    act: () => appendFileSync(join(data, 'head'), 'more'),
    line: /the head file .* is malformed$/,
    kind: 'head_malformed',
    position: nowhere,
  },
  {
    name: 'the head file is a folder',
    act() {
      rmSync(join(data, 'head'))
      mkdirSync(join(data, 'head'))
    },
    line: /the head file .* cannot be read$/,
    kind: 'head_malformed',
    position: nowhere,
  },
  {
    name: 'the head file is of another ledger',
    act: () =>
      writeFileSync(join(data, 'head'), `${String(size).padStart(16, '0')} ${'A'.repeat(43)}=\n`, 'latin1'),
    line: /have root .*, but those acknowledged had root A+=/,
    kind: 'head_root',
    position: last,
  },
  {
    name: 'the last record is gone',
    act: () => change((db) => db.del(eventKey(last()))),
    line: /the record at position \d+ is missing$/,
    kind: 'record_missing',
    position: last,
  },
  {
    name: 'a stored hash of the last record is altered',
    act: () =>
      change(async (db) => {
        const tile = Buffer.from((await db.get(tileKey(0, 0)))!)
        tile[tile.length - 1]! ^= 1
        await db.put(tileKey(0, 0), tile)
      }),
    line: /have root .*, but/,
    kind: 'tile_altered',
    position: last,
  },
  {
    name: 'the tree head is gone',
    act: () => change((db) => db.del(frontierKey)),
    line: /has 0 events, but/,
    kind: 'frontier_altered',
    position: last,
  },
  {
    name: 'the tree head is cut',
    act: () => change((db) => db.put(frontierKey, Buffer.alloc(9))),
    line: /\S/,
    kind: 'frontier_altered',
    position: last,
  },
  {
    name: 'a segment is lost',
    act: () => rmSync(segment()),
    line: /segment-0-\d+ is missing/,
    kind: 'segment_missing',
    position: () => 0,
    isSealed: true,
  },
  {
    name: 'a segment is cut',
    act: () => truncateSync(segment(), 200),
    line: /the trailer of segment-0-\d+ is altered$/,
    kind: 'segment_altered',
    position: () => 0,
    isSealed: true,
  },
  {
    name: 'the first block of a segment is altered',
    act() {
      const bytes = readFileSync(segment())
      bytes[20]! ^= 1
      writeFileSync(segment(), bytes)
    },
    line: /block 0 of segment-0-\d+ is altered$/,
    kind: 'segment_altered',
    position: () => 0,
    isSealed: true,
  },
  {
    name: 'the filter of a segment is altered',
    act() {
      const bytes = readFileSync(segment())
      // In front of the trailer of 128 bytes.
      bytes[bytes.length - 130]! ^= 1
      writeFileSync(segment(), bytes)
    },
    line: /filter of segment-0-\d+ is altered$/,
    kind: 'segment_altered',
    position: () => 0,
    isSealed: true,
  },
  {
    name: 'a segment is not registered any more',
    act: () => change((db) => db.del(segmentKey(0))),
    line: /segment-0-\d+ is not registered, but nothing else has its events$/,
    kind: 'segment_unregistered',
    position: () => 0,
    isSealed: true,
  },
  {
    name: 'the registration of a segment cannot be read',
    act: () => change((db) => db.put(segmentKey(0), Buffer.from('{}'))),
    line: /the registration of a segment is malformed or of an unknown version$/,
    kind: 'segment_unregistered',
    position: () => 0,
    isSealed: true,
  },
  {
    name: 'a segment of another ledger lies beside it',
    act: () =>
      change(async (db) => {
        cpSync(join(sealed, 'segments'), join(data, 'segments'), { recursive: true })
        // The first event is another one.
        const tile = Buffer.from((await db.get(tileKey(0, 0)))!)
        tile[0]! ^= 1
        await db.put(tileKey(0, 0), tile)
      }),
    line: /segment-0-\d+ belongs to another ledger/,
    kind: 'segment_unexpected',
    position: nowhere,
  },
]

function putBack(folder: string): void {
  rmSync(data, { recursive: true })
  cpSync(folder, data, { recursive: true })
}

const verify = ['audit', 'verify', '--profile', 'test']

describe('named:', () => {
  it.each(damages)('$name', async ({ act, line, kind, position, isSealed }) => {
    putBack(isSealed ? sealed : killed)
    await act()
    const asJson = await server.cli([...verify, '--json'])
    expect({ exitCode: asJson.exitCode, stderr: asJson.stderr }).toEqual({ exitCode: 1, stderr: '' })
    const { ok, faults } = JSON.parse(asJson.stdout) as Verification
    const fault = faults.find((it) => it.kind === kind && (!position || it.position === position()))
    expect({ ok, faults, fault }).toEqual({ ok: false, faults, fault: expect.anything() })
    const { exitCode, stdout, stderr } = await server.cli(['server', 'run', '--profile', 'test'])
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: '' })
    expect(stderr.trimEnd()).toMatch(line)
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
  })

  it('two events are swapped: the audit names both', async () => {
    putBack(killed)
    await change(swapTwoEvents)
    const { exitCode, stdout, stderr } = await server.cli(verify)
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: '' })
    for (const position of [5, 6])
      expect(stdout).toMatch(new RegExp(`^FAULT record_\\w+ at position ${position}: `, 'm'))
  })

  it('a segment is not registered any more: no command deletes it', async () => {
    putBack(sealed)
    await change((db) => db.del(segmentKey(0)))
    const file = segment()
    for (const words of [
      ['ledger', 'stats', '--profile', 'test'],
      [...verify, '--rebuild'],
    ]) {
      expect((await server.cli(words)).exitCode).toBe(1)
      expect(existsSync(file)).toBe(true)
    }
  })

  it('two events are swapped, or a file is lost: nothing is rebuilt', async () => {
    for (const act of [() => change(swapTwoEvents), () => rmSync(ledger('CURRENT'))]) {
      putBack(killed)
      await act()
      const { exitCode, stdout, stderr } = await server.cli([...verify, '--rebuild', '--json'])
      expect({ exitCode, stderr }).toEqual({
        exitCode: 1,
        stderr: 'the log itself is damaged: nothing was rebuilt\n',
      })
      expect(JSON.parse(stdout)).toMatchObject({ ok: false, faults: expect.anything() })
    }
  })

  it('for people, a line each', async () => {
    putBack(killed)
    rmSync(ledger('CURRENT'))
    const { exitCode, stdout, stderr } = await server.cli(verify)
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: '' })
    expect(stdout).toMatch(
      /^0 events, 0 checkpoints, 0 anchors: 1 fault\nFAULT store_damaged: .*CURRENT is missing.*\nnot checked: .*\n$/,
    )
  })

  it('nothing of this, and the server serves', async () => {
    putBack(killed)
    await server.restart()
    await issueToken(server.url)
    await server.stop()
    expect((await server.cli(verify)).exitCode).toBe(0)
  })
})
