/** Appends without end to the ledger of a folder, and prints each position once it is acknowledged. */
import { Ledger } from '../../src/ledger/ledger.ts'
import { openStorage } from '../../src/ledger/storage.ts'
import { projectTexts, textCodec } from '../support/text-events.ts'

const [folder, name] = process.argv.slice(2) as [string, string]
const ledger = new Ledger(await openStorage(folder), textCodec, projectTexts)

/** One of several that append at the same time, each to streams of its own. */
async function appendForEver(writer: number): Promise<never> {
  for (let i = 0; ; i++) {
    const text = `${name} ${writer} ${i}`
    const [recorded] = await ledger.append(`${name}:${writer}:${i}`, 0, [{ text, side: 'person' }], i)
    process.stdout.write(`${recorded!.position} ${text}\n`)
  }
}

await Promise.all(Array.from({ length: 8 }, (_, writer) => appendForEver(writer)))
