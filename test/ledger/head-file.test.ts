/** The head file: a ledger that lost what was acknowledged is refused, one that has more goes on. */
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { LedgerError } from '../../src/ledger/errors.ts'
import { keepHeadFile } from '../../src/ledger/head-file.ts'
import { rootOfSize } from '../../src/ledger/reader.ts'
import { checkLedger, type Fault, openLedger, temporaryFolder } from '../support/ledger.ts'

async function openWithHead(folder: string) {
  const open = await openLedger(join(folder, 'ledger'))
  await keepHeadFile(open.ledger, join(folder, 'head'))
  const append = (stream: string) =>
    open.ledger.append(stream, 0, [{ text: stream }], 0).then(
      () => true,
      () => false,
    )
  return { ...open, append }
}
const headOf = (folder: string) => readFileSync(join(folder, 'head'), 'latin1')
const refusal = (folder: string): Promise<LedgerError | undefined> =>
  openWithHead(folder).then(
    () => undefined,
    (error) => error,
  )
function copyOf(folder: string): string {
  const copy = temporaryFolder()
  cpSync(folder, copy, { recursive: true })
  return copy
}

describe('the head', () => {
  test('is that of every batch before anybody is answered', async () => {
    const folder = temporaryFolder()
    const { ledger, append } = await openWithHead(folder)
    for (let i = 0; i < 20; i++) {
      await Promise.all([append(`a${i}`), append(`b${i}`)])
      const { size, storage } = ledger
      const root = rootOfSize(storage, size).toString('base64')
      expect(headOf(folder)).toBe(`${String(2 * i + 2).padStart(16, '0')} ${root}\n`)
      expect(headOf(folder).length).toBe(62)
    }
    expect(existsSync(join(folder, 'head.new'))).toBe(false)
  })

  test.each<[Fault, number]>([
    ['not stored', 1],
    ['stored but not acknowledged', 2],
  ])('after a write that failed, %s, is that of the disk', async (fault, size) => {
    const folder = temporaryFolder()
    const { append, storage, ledger } = await openWithHead(folder)
    await append('a')
    storage.faults = [fault]
    expect(await append('b')).toBe(false)
    expect(headOf(folder)).toBe(
      `${String(size).padStart(16, '0')} ${rootOfSize(ledger.storage, size).toString('base64')}\n`,
    )
  })

  test('that cannot be written any more makes no append fail, and holds as it is', async () => {
    const folder = temporaryFolder()
    const { append, ledger } = await openWithHead(folder)
    await append('a')
    rmSync(join(folder, 'head'))
    expect(await append('b')).toBe(true)
    await ledger.close()
    const again = await openWithHead(folder)
    expect(headOf(folder)).toMatch(/^0{15}2 /)
    await checkLedger(again)
  })

  test('behind the log is no fault: a batch may be stored and not acknowledged', async () => {
    const folder = temporaryFolder()
    const first = await openWithHead(folder)
    await first.append('a')
    const head = headOf(folder)
    await first.append('b')
    await first.ledger.close()
    writeFileSync(join(folder, 'head'), head)
    const { ledger } = await openWithHead(folder)
    expect(ledger.size).toBe(2)
    expect(headOf(folder)).toMatch(/^0{15}2 /)
  })
})

describe('is refused, by both values:', () => {
  test('a ledger that is shorter than what was acknowledged', async () => {
    const folder = temporaryFolder()
    const { append } = await openWithHead(folder)
    await append('a')
    const older = copyOf(folder)
    await append('b')
    cpSync(join(folder, 'head'), join(older, 'head'))
    const head = headOf(older)
    const error = await refusal(older)
    expect(error).toMatchObject({ code: 'damaged' })
    expect(error?.message).toBe(
      `the ledger has 1 events, but 2 were acknowledged (${join(older, 'head')}): its end is lost, or an older one was put back`,
    )
    expect(headOf(older)).toBe(head)
  })

  test('a ledger of another history', async () => {
    const one = temporaryFolder()
    const other = temporaryFolder()
    await (await openWithHead(one)).append('a')
    const { append, ledger } = await openWithHead(other)
    await append('b')
    await append('c')
    await ledger.close()
    cpSync(join(one, 'head'), join(other, 'head'))
    const error = await refusal(other)
    expect(error).toMatchObject({ code: 'damaged' })
    expect(error?.message).toMatch(
      /^the first 1 events of the ledger have root \S+, but those acknowledged had root/,
    )
  })

  test.each(['', 'x', '0000000000000001 \n', `${'0'.repeat(62)}`])('a malformed head: %j', async (text) => {
    const folder = temporaryFolder()
    await (await openWithHead(folder)).ledger.close()
    writeFileSync(join(folder, 'head'), text)
    const error = await refusal(folder)
    expect(error).toMatchObject({ code: 'damaged' })
    expect(error).toBeInstanceOf(LedgerError)
    expect(error?.message).toBe(`the head file ${join(folder, 'head')} is malformed`)
  })
})
