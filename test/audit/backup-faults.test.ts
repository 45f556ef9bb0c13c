/** Each step of a backup and of a restore fails once: what is under its name then is whole, or nothing is there. */
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { type BackupManifest, writeBackup } from '../../src/audit/backup.ts'
import { restoreBackup } from '../../src/audit/restore.ts'
import { keepHeadFile } from '../../src/ledger/head-file.ts'
import { rowKey } from '../../src/ledger/layout.ts'
import { openStorage, type StorageReader } from '../../src/ledger/storage.ts'
import { renderError } from '../../src/terminal/error-line.ts'
import { type DiskFault, type Step, withFault } from '../support/failing-disk.ts'
import { liveThrough, options, SampleLedger, template, temporaryDirectory } from './support.ts'

vi.mock('node:fs/promises', async (original) =>
  (await import('../support/failing-disk.ts')).failingFiles(await original()),
)
vi.mock('../../src/ledger/storage.ts', async (original) =>
  (await import('../support/failing-disk.ts')).failingStorages(await original()),
)

const timeout = 240_000
const how = { program: '1.2.3', nowMs: Date.UTC(2026, 0, 1) }
/** Of three more rows: two of them fill a batch of a backup. */
const moreRows = ['one', 'two', 'three'].map((name) => rowKey(Buffer.from(name)))
const longValue = Buffer.alloc(3 << 20, 'x')

let source: StorageReader
let backup: string
let manifest: BackupManifest

beforeAll(async () => {
  const directory = await template(liveThrough)
  const storage = await openStorage(join(directory, 'ledger'))
  source = storage
  backup = join(await temporaryDirectory(), 'backup')
  manifest = await writeBackup(source, backup, how)
  return () => storage.close()
})

async function entriesOf(reader: StorageReader): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  for await (const [key, value] of reader.entries({ gte: Buffer.alloc(1), lt: Buffer.alloc(4, 0xff) }))
    found.set(key.toString('hex'), value.toString('latin1'))
  return found
}

const namesIn = (folder: string) => (existsSync(folder) ? readdirSync(folder).sort() : [])

/** A command, where it writes, and what must hold when it is done, or says that it was. */
interface Attempt {
  folder: string
  run(): Promise<unknown>
  check(): Promise<void>
}

async function restoring(): Promise<Attempt> {
  const home = await temporaryDirectory()
  const place = {
    ledger: join(home, 'ledger'),
    segments: join(home, 'segments'),
    checkpointFile: join(home, 'checkpoint'),
    headFile: join(home, 'head'),
  }
  // As a new home has it.
  mkdirSync(place.ledger)
  return {
    folder: place.ledger,
    run: () => restoreBackup(backup, place, { verifyMessage: options.verifyMessage }),
    /** What a server does that starts there. */
    async check() {
      const log = await SampleLedger.open(home)
      expect(await entriesOf(log.storage)).toEqual(await entriesOf(source))
      await keepHeadFile(log.ledger, place.headFile)
      await log.issueToClient(1)
      await log.checkpoints.sign()
      expect(readFileSync(place.checkpointFile, 'utf8')).toContain(`\n${manifest.size + 1}\n`)
      await log.ledger.close()
      expect(namesIn(home)).toEqual(['checkpoint', 'head', 'ledger'])
    },
  }
}

async function backingUp(): Promise<Attempt> {
  const folder = join(await temporaryDirectory(), 'backup')
  const reader: StorageReader = {
    get: (key) => source.get(key),
    async *entries(range) {
      yield* source.entries(range)
      for (const key of moreRows) yield [key, longValue]
    },
  }
  return {
    folder,
    run: () => writeBackup(reader, folder, how),
    async check() {
      const { size, root, entries } = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'))
      expect([size, root]).toEqual([manifest.size, manifest.root])
      expect(entries).toBe(manifest.entries + moreRows.length)
      const copy = await openStorage(join(folder, 'ledger'))
      expect(await entriesOf(copy)).toEqual(await entriesOf(reader))
      await copy.close()
      expect(namesIn(dirname(folder))).toEqual(['backup'])
    },
  }
}

/** What the command says when it ends. */
const lineOf = (run: () => Promise<unknown>): Promise<string> =>
  run().then(
    () => 'done',
    (error) => renderError(error, { debug: false }).lines.join('\n'),
  )

const attempts: [what: string, begin: () => Promise<Attempt>, kinds: string[]][] = [
  ['a restore', restoring, ['readFile', 'cp', 'openStorage', 'close', 'fsync', 'rename', 'write']],
  ['a backup', backingUp, ['openStorage', 'batch', 'close', 'writeFile', 'fsync', 'rename']],
]

describe.each(attempts)('of %s', (_, begin, kinds) => {
  test.each<DiskFault>(['not stored', 'stored but not acknowledged', 'not stored, nor anything after it'])(
    'each step fails in its turn, %s',
    { timeout },
    async (fault) => {
      const failed = new Set<string>()
      for (let failing = 1; ; failing++) {
        const { folder, run, check } = await begin()
        let line = ''
        const steps = await withFault(failing, fault, async () => {
          line = await lineOf(run)
        })
        if (steps.length < failing) {
          expect(line).toBe('done')
          break
        }
        const { what } = steps[failing - 1]!
        failed.add(what)
        expect(line).toMatch(/^(?!unexpected error).*(could not be|cannot be|EIO|a power cut may).*$/)
        expect(line).toMatch(new RegExp(`${dirname(folder)}|${backup}`))
        // That it could not be removed either is not what it failed of.
        expect(line.includes('error, rm')).toBe(what === 'rm')
        if (fault !== 'not stored, nor anything after it')
          expect(namesIn(dirname(folder)).join()).not.toContain('.partial-')
        if (namesIn(folder).length === 0) expect(await lineOf(run)).toBe('done')
        else expect(await lineOf(run)).toMatch(/already$/)
        await check()
      }
      expect([...failed]).toEqual(expect.arrayContaining(kinds))
    },
  )

  test('all of it is synced before it gets its name, and then its name', async () => {
    const { folder, run } = await begin()
    const steps = await withFault(Number.POSITIVE_INFINITY, 'not stored', run)
    const isNamed = steps.findIndex(({ what }) => what === 'rename')
    const partial = steps[isNamed]!.path
    const isWritten = steps.findLastIndex(
      ({ what, path }, i) =>
        i < isNamed && path.startsWith(partial) && ['batch', 'close', 'writeFile'].includes(what),
    )
    const synced = (some: Step[]) => some.filter(({ what }) => what === 'fsync').map(({ path }) => path)
    expect(synced(steps.slice(isWritten, isNamed)).sort()).toEqual(
      ['', ...readdirSync(folder, { recursive: true, encoding: 'utf8' })]
        .map((name) => join(partial, name))
        .sort(),
    )
    expect(synced(steps.slice(isNamed))[0]).toBe(dirname(folder))
  })
})
