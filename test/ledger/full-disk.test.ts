/** A disk that is really full: nothing is acknowledged that is not there after `kill -9`, and it goes on when there is room. */
import { cpSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { putAnnex } from '../../src/ledger/annex.ts'
import { checkLedger, codeOf, openLedger, temporaryFolder } from '../support/ledger.ts'
import { mountSmallDisk, type SmallDisk } from '../support/small-disk.ts'

/** What would be found on the disk if the process died now. */
async function asIfKilled(ledger: string) {
  const folder = temporaryFolder()
  cpSync(ledger, folder, { recursive: true })
  return openLedger(folder)
}

async function untilFull(append: (i: number) => Promise<string>): Promise<number> {
  for (let i = 0; ; i++) if ((await append(i)) !== 'resolved') return i
}

function diskOrSkip(skip: (reason: string) => never): SmallDisk {
  const disk = mountSmallDisk(8)
  return typeof disk === 'string' ? skip(disk) : disk
}

describe('a full disk', () => {
  test('fails appends, loses none, and takes them again when there is room', async ({ skip }) => {
    const disk = diskOrSkip(skip)
    const folder = join(disk.folder, 'ledger')
    const open = await openLedger(folder)
    const { ledger } = open
    const acknowledged: string[] = []
    const append = async (stream: string) => {
      const code = await codeOf(ledger.append(stream, 0, [{ text: 'x'.repeat(3000) }], 0))
      if (code === 'resolved') acknowledged.push(stream)
      return code
    }
    disk.fill()
    const failed = await untilFull((i) => append(`before-${i}`))
    expect(await append('full')).toBe('unavailable')
    // An operator is told why, at once and for as long as it lasts.
    await expect(ledger.append('told', 0, [{ text: 'x' }], 0)).rejects.toThrow(/No space left on device/)
    const dead = await asIfKilled(folder)
    expect((await checkLedger(dead)).map(({ stream }) => stream)).toEqual(acknowledged)

    disk.free()
    while ((await append(`again-${failed}`)) !== 'resolved')
      await new Promise((resolve) => setTimeout(resolve, 20))
    for (let i = 0; i < 50; i++) expect(await append(`after-${i}`)).toBe('resolved')
    expect((await checkLedger(open)).map(({ stream }) => stream)).toEqual(acknowledged)
    const again = await asIfKilled(folder)
    expect((await checkLedger(again)).map(({ stream }) => stream)).toEqual(acknowledged)
  })

  test('in a write that is no append: what is acknowledged behind it is not lost either', async ({
    skip,
  }) => {
    const disk = diskOrSkip(skip)
    const folder = join(disk.folder, 'ledger')
    const open = await openLedger(folder)
    const { ledger, storage } = open
    const acknowledged: string[] = []
    const append = async (stream: string) => {
      const code = await codeOf(ledger.append(stream, 0, [{ text: stream }], 0))
      if (code === 'resolved') acknowledged.push(stream)
      return code
    }
    await append('before')
    disk.fill()
    // A checkpoint or an anchor does not fit any more; a moment later there is room.
    await untilFull((i) => codeOf(putAnnex(storage, { [`big/${i}`]: Buffer.alloc(3000, i) })))
    disk.free()
    for (let i = 0; i < 50; i++) await append(`after-${i}`)
    while ((await append('again')) !== 'resolved') await new Promise((resolve) => setTimeout(resolve, 20))
    const dead = await asIfKilled(folder)
    expect((await checkLedger(dead)).map(({ stream }) => stream)).toEqual(acknowledged)
  })
})
