/**
 * The head: size and root of what was acknowledged, in a file outside LevelDB. Where LevelDB's last bytes are lost
 * it starts with a shorter log and says nothing: this file tells. The signed checkpoint beside it holds the log to
 * its past against whoever rewrites it, but is seconds old; this one is not signed, and is of the last batch.
 *
 *     size(16 digits) SP root(base64) LF        62 bytes, in one sector: replaced whole
 *
 * It is written in place after each batch and before anybody is answered, without a sync of its own. So it never says
 * more than the disk holds; the death of the process loses nothing of it, a power cut perhaps the last seconds.
 */
import { closeSync, openSync, writeSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { Frontier } from '../tree/frontier.ts'
import { type Hash, sameHash } from '../tree/hash.ts'
import { writeDurably } from './durable-file.ts'
import { LedgerError, unreadable } from './errors.ts'
import type { Ledger } from './ledger.ts'
import { rootOfSize } from './reader.ts'

type Followed<E> = Pick<Ledger<E>, 'storage' | 'size' | 'frontier' | 'committed$'>

/**
 * Compares the ledger with its head file, then follows it until it is closed. Without a file one begins.
 *
 * @throws LedgerError damaged, naming both values; unavailable
 */
export async function keepHeadFile<E>(ledger: Followed<E>, file: string): Promise<void> {
  await assertHeadHolds(ledger, file)
  await writeDurably(file, headText(ledger))
  const descriptor = openSync(file, 'r+')
  ledger.committed$.subscribe({
    next() {
      try {
        writeSync(descriptor, headText(ledger), 0)
      } catch {
        // It says less than it could, which still holds; whoever appended is not to suffer.
      }
    },
    complete: () => closeSync(descriptor),
  })
}

function headText(ledger: { frontier: Buffer }): string {
  const frontier = Frontier.deserialize(ledger.frontier)
  return `${String(frontier.size).padStart(16, '0')} ${frontier.root().toString('base64')}\n`
}

/**
 * Compares the ledger with its head file, if there is one.
 *
 * @throws LedgerError damaged, naming both values; unavailable
 */
export async function assertHeadHolds<E>(
  { storage, size }: Pick<Followed<E>, 'storage' | 'size'>,
  file: string,
): Promise<void> {
  const text = await readHeadFile(file)
  if (text === undefined) return
  const head = parseHead(text)
  if (!head) throw new LedgerError('damaged', `the head file ${file} is malformed`)
  if (size < head.size)
    throw new LedgerError(
      'damaged',
      `the ledger has ${size} events, but ${head.size} were acknowledged (${file}): its end is lost, or an older ` +
        'one was put back',
    )
  const found = rootOfSize(storage, head.size)
  if (!sameHash(found, head.root))
    throw new LedgerError(
      'damaged',
      `the first ${head.size} events of the ledger have root ${found.toString('base64')}, ` +
        `but those acknowledged had root ${head.root.toString('base64')} (${file})`,
    )
}

/** Undefined where there is none. @throws LedgerError unavailable; damaged, where it is no file */
export async function readHeadFile(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'latin1')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw unreadable(`the head file ${file} cannot be read`, cause)
  }
}

/** Undefined where it is malformed. */
export function parseHead(text: string): { size: number; root: Hash } | undefined {
  const [, digits, root] = /^(\d{16}) ([A-Za-z0-9+/]{43}=)\n$/.exec(text) ?? []
  const size = Number(digits)
  return root !== undefined && Number.isSafeInteger(size)
    ? { size, root: Buffer.from(root, 'base64') }
    : undefined
}
