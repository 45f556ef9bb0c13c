/** Signed checkpoints, and the copy outside LevelDB that no other log can stand behind. */
import { createPublicKey } from 'node:crypto'
import { mkdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Checkpoints, listCheckpoints } from '../../src/ledger/checkpoints.ts'
import type { LedgerError } from '../../src/ledger/errors.ts'
import type { Ledger } from '../../src/ledger/ledger.ts'
import { openCheckpoint } from '../../src/tree/checkpoint.ts'
import { ed25519PrivateKey } from '../../src/tree/ed25519.ts'
import { ed25519Signer, ed25519Verifier } from '../../src/tree/signed-note.ts'
import { type Fault, openLedger, temporaryFolder } from '../support/ledger.ts'
import type { TextEvent } from '../support/text-events.ts'

const origin = 'ledger.example/checkpoints'
const key = ed25519PrivateKey(Buffer.alloc(32, 1))
const signer = ed25519Signer(origin, key)
const verifier = ed25519Verifier(origin, createPublicKey(key))

/** A ledger of so many events and where its checkpoint file lies. */
async function opened(size: number, folder = temporaryFolder(), word = 'event') {
  const { ledger } = await openLedger(join(folder, 'ledger'))
  await grow(ledger, size, word)
  return { folder, ledger, file: join(folder, 'checkpoint') }
}

async function grow(ledger: Ledger<TextEvent>, size: number, word = 'event'): Promise<void> {
  for (let position = ledger.size; position < size; position++)
    await ledger.append(`s${position}`, 0, [{ text: `${word} ${position}` }], 0)
}

const sizes = async (ledger: Ledger<TextEvent>): Promise<number[]> => {
  const all: number[] = []
  for await (const { checkpoint } of listCheckpoints(ledger.storage)) all.push(checkpoint.size)
  return all
}

/** The error that opening comes to. */
const refusal = (opening: Promise<unknown>): Promise<LedgerError | undefined> =>
  opening.then(
    () => undefined,
    (error) => error,
  )

describe('sign', () => {
  test('signs all that is on disk, into the annex and the file', async () => {
    const { ledger, file } = await opened(3)
    const checkpoints = await Checkpoints.open(ledger, file, origin, signer)
    expect(checkpoints.last).toBeUndefined()
    const signed = await checkpoints.sign()
    const { checkpoint, verified } = openCheckpoint(signed!.note, origin, [verifier])
    expect(verified.length).toBe(1)
    expect(checkpoint).toMatchObject({ origin, size: 3 })
    expect(await readFile(file, 'utf8')).toBe(signed!.note)
    expect(checkpoints.last).toEqual(signed)
  })

  test('signs nothing of an empty ledger, and nothing twice', async () => {
    const { ledger, file } = await opened(0)
    const checkpoints = await Checkpoints.open(ledger, file, origin, signer)
    expect(await checkpoints.sign()).toBeUndefined()
    await grow(ledger, 1)
    const first = await checkpoints.sign()
    expect(await checkpoints.sign()).toBe(first)
    await grow(ledger, 2)
    expect((await checkpoints.sign())?.checkpoint.size).toBe(2)
    expect(await sizes(ledger)).toEqual([1, 2])
  })

  test('is listed by size, also beyond ten', async () => {
    const { ledger, file } = await opened(0)
    const checkpoints = await Checkpoints.open(ledger, file, origin, signer)
    for (const size of [2, 9, 10, 11, 100]) {
      await grow(ledger, size)
      await checkpoints.sign()
    }
    expect(await sizes(ledger)).toEqual([2, 9, 10, 11, 100])
  })

  test('is remembered by the next start', async () => {
    const { folder, ledger, file } = await opened(3)
    const signed = await (await Checkpoints.open(ledger, file, origin, signer)).sign()
    await ledger.close()
    const again = await opened(3, folder)
    const checkpoints = await Checkpoints.open(again.ledger, file, origin, signer)
    expect(checkpoints.last).toEqual(signed)
    expect(await checkpoints.sign()).toEqual(signed)
  })
})

describe('the file outside LevelDB', () => {
  test('may be behind: the program died between the two writes', async () => {
    const { folder, ledger, file } = await opened(3)
    const checkpoints = await Checkpoints.open(ledger, file, origin, signer)
    const older = (await checkpoints.sign())!.note
    await grow(ledger, 5)
    await checkpoints.sign()
    await ledger.close()
    await writeFile(file, older)
    const again = await opened(5, folder)
    const reopened = await Checkpoints.open(again.ledger, file, origin, signer)
    expect(reopened.last?.checkpoint.size).toBe(5)
    await grow(again.ledger, 6)
    await reopened.sign()
    expect(await readFile(file, 'utf8')).toBe(reopened.last?.note)
  })

  test('may be missing', async () => {
    const { ledger, file } = await opened(3)
    expect((await Checkpoints.open(ledger, file, origin, signer)).last).toBeUndefined()
  })

  test('may be ahead of the annex where the log holds what it says', async () => {
    const { file, folder, ledger } = await opened(3)
    const note = (await (await Checkpoints.open(ledger, file, origin, signer)).sign())!.note
    await ledger.close()
    const other = await opened(4)
    await writeFile(other.file, note)
    expect((await Checkpoints.open(other.ledger, other.file, origin, signer)).last).toBeUndefined()
    expect(folder).not.toBe(other.folder)
  })

  test('that another key signed is refused, unless a server of this ledger has that key', async () => {
    const { ledger, file, folder } = await opened(3)
    const stranger = ed25519PrivateKey(Buffer.alloc(32, 2))
    await (await Checkpoints.open(ledger, file, origin, ed25519Signer(origin, stranger))).sign()
    await ledger.close()
    const again = await opened(3, folder)
    const error = await refusal(Checkpoints.open(again.ledger, file, origin, signer))
    expect(error?.code).toBe('damaged')
    expect(error?.message).toMatch(
      /^the checkpoint of 3 events is not signed by a server of this ledger: no known key signed/,
    )
    const former = [ed25519Verifier(origin, createPublicKey(stranger))]
    expect((await Checkpoints.open(again.ledger, file, origin, signer, former)).last).toBeDefined()
  })

  test('of a longer log is refused, with both sizes named', async () => {
    const { file, ledger } = await opened(5)
    await (await Checkpoints.open(ledger, file, origin, signer)).sign()
    const shorter = await opened(4)
    const error = await refusal(Checkpoints.open(shorter.ledger, file, origin, signer))
    expect(error?.code).toBe('damaged')
    expect(error?.message).toBe(`the ledger has 4 events, but a checkpoint of 5 events was signed (${file})`)
  })

  test.each([
    ['as long', 5],
    ['longer', 300],
  ])('of a log with another root is refused, with both roots named (%s)', async (_, size) => {
    const { file, ledger } = await opened(5)
    const signed = (await (await Checkpoints.open(ledger, file, origin, signer)).sign())!
    const other = await opened(size, undefined, 'other')
    const error = await refusal(Checkpoints.open(other.ledger, file, origin, signer))
    expect(error?.code).toBe('damaged')
    expect(error?.message).toContain(signed.checkpoint.root.toString('base64'))
    expect(error?.message).toMatch(/^the first 5 events of the ledger have root [A-Za-z0-9+/]{43}=, but/)
    expect(error?.message).toContain(file)
  })

  test('that is malformed is refused', async () => {
    const { file, ledger } = await opened(1)
    for (const text of ['', 'no note', '\u2014 x y\n']) {
      await writeFile(file, text)
      const error = await refusal(Checkpoints.open(ledger, file, origin, signer))
      expect([text, error?.code, error?.message]).toEqual([
        text,
        'damaged',
        `the checkpoint file ${file} is malformed`,
      ])
    }
  })

  test('that cannot be read is refused, not passed over', async () => {
    const { folder, ledger } = await opened(1)
    expect((await refusal(Checkpoints.open(ledger, folder, origin, signer)))?.code).toBe('damaged')
  })
})

describe('a write that fails while a checkpoint is signed', () => {
  test.each<Fault>(['not stored', 'stored but not acknowledged'])('of the annex, %s', async (fault) => {
    const folder = temporaryFolder()
    const file = join(folder, 'checkpoint')
    const { ledger, storage } = await openLedger(join(folder, 'ledger'))
    await grow(ledger, 3)
    const checkpoints = await Checkpoints.open(ledger, file, origin, signer)
    storage.faults = [fault]
    await expect(checkpoints.sign()).rejects.toThrow('injected')
    // What nobody was told of binds nobody, and holds where it is there.
    expect(checkpoints.last).toBeUndefined()
    expect(await sizes(ledger)).toEqual(fault === 'not stored' ? [] : [3])
    const again = await Checkpoints.open(ledger, file, origin, signer)
    await grow(ledger, 4)
    expect((await again.sign())?.checkpoint.size).toBe(4)
    expect((await checkpoints.sign())?.checkpoint.size).toBe(4)
    expect((await Checkpoints.open(ledger, file, origin, signer)).last?.checkpoint.size).toBe(4)
  })

  test('of the file: the next one is written there', async () => {
    const { folder, ledger, file } = await opened(3)
    const checkpoints = await Checkpoints.open(ledger, file, origin, signer)
    await mkdir(join(folder, 'checkpoint.new'))
    await expect(checkpoints.sign()).rejects.toMatchObject({ code: 'EISDIR' })
    expect(await sizes(ledger)).toEqual([3])
    expect((await Checkpoints.open(ledger, file, origin, signer)).last?.checkpoint.size).toBe(3)
    await rmdir(join(folder, 'checkpoint.new'))
    expect(await readFile(file, 'utf8').catch(() => 'none')).toBe('none')
    const signed = await checkpoints.sign()
    expect(await readFile(file, 'utf8')).toBe(signed?.note)
  })
})
