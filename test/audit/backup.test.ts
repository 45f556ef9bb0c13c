/** Backup and restore: one snapshot however fast the ledger grows, and nothing restored that does not verify. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { cp, mkdir } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Level } from 'level'
import { beforeAll, describe, expect, type TestContext, test } from 'vitest'
import { type BackupManifest, backupParts, writeBackup } from '../../src/audit/backup.ts'
import { type RestorePlace, restoreBackup } from '../../src/audit/restore.ts'
import { auditThreads } from '../../src/audit-thread.ts'
import { eventKey, rangeOf, rowKey, sideKey } from '../../src/ledger/layout.ts'
import { rootOfSize } from '../../src/ledger/reader.ts'
import { openStorage, type StorageReader } from '../../src/ledger/storage.ts'
import { parseCheckpoint } from '../../src/tree/checkpoint.ts'
import { parseNote } from '../../src/tree/signed-note.ts'
import { mountSmallDisk, type SmallDisk } from '../support/small-disk.ts'
import {
  copyOf,
  lifeEvents,
  liveThrough,
  options,
  SampleLedger,
  tamper,
  template,
  temporaryDirectory,
} from './support.ts'

let directory: string
let backup: string
let manifest: BackupManifest
const how = { program: '1.2.3', nowMs: Date.UTC(2026, 0, 1) }

beforeAll(async () => {
  directory = await template(async (log) => {
    await liveThrough(log)
    await log.issueToClient(600)
  })
  backup = join(await temporaryDirectory(), 'backup')
  const storage = await openStorage(join(directory, 'ledger'))
  manifest = await writeBackup(storage, backup, how)
  await storage.close()
})

async function entriesOf(folder: string): Promise<Map<string, string>> {
  const storage = await openStorage(folder)
  const entries = new Map<string, string>()
  for await (const [key, value] of storage.entries({ gte: Buffer.alloc(1), lt: Buffer.alloc(4, 0xff) }))
    entries.set(key.toString('hex'), value.toString('hex'))
  await storage.close()
  return entries
}

async function emptyPlace(): Promise<RestorePlace> {
  const home = await temporaryDirectory()
  return {
    ledger: join(home, 'ledger'),
    segments: join(home, 'segments'),
    checkpointFile: join(home, 'checkpoint'),
    headFile: join(home, 'head'),
  }
}

const restore = (from: string, place: RestorePlace) =>
  restoreBackup(from, place, { verifyMessage: options.verifyMessage })
const code = (promise: Promise<unknown>) =>
  promise.then(
    () => 'resolved',
    ({ code: found, message }) => `${found}: ${message}`,
  )

describe('a backup', () => {
  test('says what it holds', () => {
    expect(JSON.parse(readFileSync(join(backup, 'manifest.json'), 'utf8'))).toEqual(manifest)
    expect(manifest).toMatchObject({
      version: 1,
      createdAt: '2026-01-01T00:00:00.000Z',
      program: '1.2.3',
      size: lifeEvents + 600,
      checkpointSize: lifeEvents,
    })
    const note = readFileSync(join(backup, 'checkpoint'), 'utf8')
    expect(parseCheckpoint(parseNote(note).text).size).toBe(lifeEvents)
    expect(statSync(backup).mode & 0o777).toBe(0o700)
  })

  test('is restored entry by entry, and left as it was', async () => {
    const before = readdirSync(join(backup, 'ledger'))
    const place = await emptyPlace()
    const { verification } = await restore(backup, place)
    expect(verification).toMatchObject({
      ok: true,
      events: manifest.size,
      root: manifest.root,
      unchecked: [],
    })
    expect(await entriesOf(place.ledger)).toEqual(await entriesOf(join(directory, 'ledger')))
    expect(readFileSync(place.checkpointFile, 'utf8')).toBe(readFileSync(join(backup, 'checkpoint'), 'utf8'))
    expect(readdirSync(join(backup, 'ledger'))).toEqual(before)
    expect(readdirSync(join(place.ledger, '..')).sort()).toEqual(['checkpoint', 'ledger'])
  })

  test('is verified by threads where there are some', async () => {
    const place = await emptyPlace()
    const copies: string[] = []
    const { verification } = await restoreBackup(backup, place, {
      verifyMessage: options.verifyMessage,
      threadsOf(ledger) {
        copies.push(ledger)
        return { ...auditThreads({ ledger, segments: place.segments })!, count: 2, leastEvents: 0 }
      },
    })
    expect(verification).toMatchObject({ ok: true, events: manifest.size })
    expect(copies).toHaveLength(1)
    expect(await entriesOf(place.ledger)).toEqual(await entriesOf(backupParts(backup).ledger))
  })

  test('of a log that grows meanwhile is that of one moment', async () => {
    const copy = await copyOf(directory)
    const log = await SampleLedger.open(copy)
    const target = join(await temporaryDirectory(), 'backup')
    let grown = 0
    /** Between any two entries that are read the ledger may go on. */
    const reader: StorageReader = {
      get: (key) => log.storage.get(key),
      async *entries(range) {
        for await (const entry of log.storage.entries(range)) {
          yield entry
          if (grown++ % 50 === 0) await log.issueToClient(3, `meanwhile-${grown}`)
        }
      },
    }
    const { size, root } = await writeBackup(reader, target, how)
    expect(size).toBe(manifest.size)
    expect(log.ledger.size).toBeGreaterThan(size)
    expect(rootOfSize(log.storage, size).toString('base64')).toBe(root)
    await log.ledger.close()
    expect((await restore(target, await emptyPlace())).verification.ok).toBe(true)
  })

  test('without a checkpoint', async () => {
    const copy = await template(async (log) => {
      await liveThrough(log)
    })
    await tamper(copy, (db) => db.clear(rangeOf('annex')))
    const storage = await openStorage(join(copy, 'ledger'))
    const target = join(await temporaryDirectory(), 'backup')
    expect(await writeBackup(storage, target, how)).toMatchObject({ checkpointSize: null })
    await storage.close()
    const place = await emptyPlace()
    await restore(target, place)
    expect(existsSync(place.checkpointFile)).toBe(false)
  })

  test('is not written over anything', async () => {
    const storage = await openStorage(join(directory, 'ledger'))
    expect(await code(writeBackup(storage, backup, how))).toBe(`exists: ${backup} is there already`)
    await storage.close()
  })

  test('that breaks off leaves nothing', async () => {
    const parent = await temporaryDirectory()
    const reader: StorageReader = {
      get: () => undefined,
      async *entries() {
        yield [eventKey(0), Buffer.from('x')]
        throw new Error('the server broke off')
      },
    }
    await expect(writeBackup(reader, join(parent, 'backup'), how)).rejects.toThrow('broke off')
    expect(readdirSync(parent)).toEqual([])
    const short: StorageReader = {
      ...reader,
      entries: async function* () {
        yield [eventKey(0), Buffer.from('x')]
      },
    }
    expect(await code(writeBackup(short, join(parent, 'backup'), how))).toMatch(
      /^damaged: .* 0 events, but 1/,
    )
    expect(readdirSync(parent)).toEqual([])
  })
})

describe('a full disk', () => {
  const smallDisk = (context: TestContext) => {
    const disk = mountSmallDisk(8)
    if (typeof disk === 'string') context.skip(disk)
    else disk.fill()
    return disk as SmallDisk
  }

  test('ends a restore, which says so, leaves nothing, and can be done once there is room', async (context) => {
    const disk = smallDisk(context)
    const place = {
      ledger: join(disk.folder, 'ledger'),
      segments: join(disk.folder, 'segments'),
      checkpointFile: join(disk.folder, 'checkpoint'),
      headFile: join(disk.folder, 'head'),
    }
    const filled = readdirSync(disk.folder)
    expect(await code(restore(backup, place))).toMatch(
      /^unavailable: .*\/ledger could not be written: ENOSPC: no space left on device/,
    )
    expect(readdirSync(disk.folder)).toEqual(filled)
    disk.free()
    expect((await restore(backup, place)).verification.ok).toBe(true)
  })

  test('ends a backup, which says so, leaves nothing, and can be done once there is room', async (context) => {
    const disk = smallDisk(context)
    const filled = readdirSync(disk.folder)
    const storage = await openStorage(join(directory, 'ledger'))
    try {
      const target = join(disk.folder, 'backup')
      expect(await code(writeBackup(storage, target, how))).toMatch(
        /^unavailable: the ledger in .*\/backup\.partial-\d+\/ledger c.*: No space left on device$/,
      )
      expect(readdirSync(disk.folder)).toEqual(filled)
      disk.free()
      expect(await writeBackup(storage, target, how)).toMatchObject({ size: manifest.size })
    } finally {
      await storage.close()
    }
  })
})

describe('what a process has left that was killed', () => {
  const { pid: dead } = spawnSync(process.execPath, ['--version'])
  /** Lays a half copy beside `folder`, of a dead process, of a live one, and of nobody. */
  async function leave(folder: string): Promise<{ parent: string; kept: string[] }> {
    const left = [dead, process.pid, process.ppid, 'by-hand'].map((name) => `${folder}.partial-${name}`)
    for (const half of left) {
      await cp(join(backup, 'ledger'), half, { recursive: true })
      writeFileSync(join(half, 'CURRENT'), 'half')
    }
    return { parent: dirname(folder), kept: left.slice(2).map((half) => basename(half)) }
  }

  test("of a restore is in nobody's way, and gone after the next one", async () => {
    const place = await emptyPlace()
    const { parent, kept } = await leave(place.ledger)
    expect((await restore(backup, place)).verification).toMatchObject({ ok: true, events: manifest.size })
    expect(readdirSync(parent).sort()).toEqual(['checkpoint', 'ledger', ...kept].sort())
    await leave(place.ledger)
    expect(await code(restore(backup, place))).toMatch(/^exists/)
    expect(readdirSync(parent)).not.toContain(`ledger.partial-${dead}`)
  })

  test('of a backup too', async () => {
    const target = join(await temporaryDirectory(), 'backup')
    const { parent, kept } = await leave(target)
    const storage = await openStorage(join(directory, 'ledger'))
    expect(await writeBackup(storage, target, how)).toEqual(manifest)
    expect(readdirSync(parent).sort()).toEqual(['backup', ...kept].sort())
    await storage.close()
  })
})

describe('nothing is restored', () => {
  test('over a ledger or a checkpoint', async () => {
    const place = await emptyPlace()
    await restore(backup, place)
    expect(await code(restore(backup, place))).toBe(`exists: there is a ledger in ${place.ledger} already`)
    const other = await emptyPlace()
    writeFileSync(other.checkpointFile, 'x')
    expect(await code(restore(backup, other))).toMatch(/^exists: there is a checkpoint/)
    const third = await emptyPlace()
    writeFileSync(third.headFile, 'x')
    expect(await code(restore(backup, third))).toMatch(/^exists: there is the head/)
  })

  test('but into a folder that is empty', async () => {
    const place = await emptyPlace()
    await mkdir(place.ledger)
    expect((await restore(backup, place)).manifest.size).toBe(manifest.size)
  })

  test('from what is no backup', async () => {
    const folder = await temporaryDirectory()
    expect(await code(restore(folder, await emptyPlace()))).toMatch(/^malformed: .* has no manifest\.json$/)
    expect(await code(restore(join(folder, 'nothing'), await emptyPlace()))).toMatch(/^malformed/)
    const { manifest: file } = backupParts(folder)
    for (const [text, message] of [
      ['{', 'is no JSON'],
      [JSON.stringify({ ...manifest, version: 2 }), 'version 2 of backups is not known'],
      [JSON.stringify({ version: 1 }), 'incomplete'],
      [JSON.stringify(manifest), 'checkpoint file'],
      [JSON.stringify({ ...manifest, checkpointSize: null }), 'cannot be read'],
    ] as const) {
      writeFileSync(file, text)
      expect(await code(restore(folder, await emptyPlace()))).toMatch(new RegExp(`^malformed: .*${message}`))
    }
  })

  const damages: [string, (db: Level<Buffer, Buffer>) => Promise<unknown>, RegExp][] = [
    ['a record is gone', (db) => db.del(eventKey(7)), /record_missing at position 7/],
    ['a row is gone', (db) => db.del(rowKey(Buffer.from('sclient:trusted'))), /row_missing/],
    [
      'a side record is another one',
      (db) => db.put(sideKey(2), Buffer.alloc(50)),
      /side_altered at position 2/,
    ],
    ['the tiles are gone', (db) => db.clear(rangeOf('tile')), /tile/],
  ]
  test.each(damages)('%s', async (_, act, message) => {
    const copy = join(await temporaryDirectory(), 'backup')
    await cp(backup, copy, { recursive: true })
    await tamper(copy, act)
    const place = await emptyPlace()
    expect(await code(restore(copy, place))).toMatch(message)
    expect(readdirSync(join(place.ledger, '..'))).toEqual([])
  })

  test('where it is not the tree of its manifest, or not the one that was signed', async () => {
    const other = await template(async (log) => {
      await liveThrough(log)
      await log.issueToClient(600, 'other')
    })
    const copy = join(await temporaryDirectory(), 'backup')
    await cp(backup, copy, { recursive: true })
    const shorter = { ...manifest, size: manifest.size - 1 }
    writeFileSync(join(copy, 'manifest.json'), JSON.stringify(shorter))
    expect(await code(restore(copy, await emptyPlace()))).toMatch(/^damaged: .* its manifest says 612 /)
    const storage = await openStorage(join(other, 'ledger'))
    const target = join(await temporaryDirectory(), 'backup')
    await writeBackup(storage, target, how)
    await storage.close()
    writeFileSync(join(target, 'manifest.json'), JSON.stringify(manifest))
    expect(await code(restore(target, await emptyPlace()))).toMatch(/^damaged/)
  })
})
