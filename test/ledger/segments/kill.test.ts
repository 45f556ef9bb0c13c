/** `kill -9` while tokens are issued and sealed: nothing is lost, nothing is there twice, and the rest is sealed later. */
import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { decodePosition, rangeOf, rowKey, streamKey } from '../../../src/ledger/layout.ts'
import { hashToken } from '../../../src/oauth/token-format.ts'
import { tokenRowKey } from '../../../src/projections/rows.ts'
import { runAndKill } from '../../support/killed-program.ts'
import { checkTree, temporaryFolder } from '../../support/ledger.ts'
import { openSealedWorld, placesIn } from '../../support/sealing.ts'

const program = new URL('./killed-sealer.ts', import.meta.url)

test('after each of several kills', async () => {
  const folder = temporaryFolder()
  const acknowledged: string[] = []
  for (const count of [20, 61, 150, 333]) {
    acknowledged.push(...(await runAndKill(program, [folder], count)))
    const world = await openSealedWorld(folder)
    const { storage, ledger, sealer } = world
    await checkTree(ledger)
    for (const line of acknowledged) {
      const [position, stream, token] = line.split(' ') as [string, string, string]
      expect(decodePosition(storage.get(streamKey(stream, 0))!)).toBe(Number(position))
      expect(storage.get(rowKey(tokenRowKey(hashToken(token))))?.toString()).toBe(stream)
    }
    await sealer.run(20_000)
    await checkTree(ledger)
    expect(storage.segments.list.every(({ registration }) => registration.isCleared)).toBe(true)
    for (const kind of ['event', 'stream', 'row'] as const)
      for await (const [key] of storage.hot.entries(rangeOf(kind))) expect.unreachable(`${kind} ${key}`)
    expect(readdirSync(placesIn(folder).segments).sort()).toEqual(
      storage.segments.list.map(({ file }) => file.name).sort(),
    )
    await sealer.stop()
    await ledger.close()
  }
})
