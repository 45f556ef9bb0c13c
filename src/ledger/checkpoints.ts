/**
 * Signed checkpoints of the log (C2SP tlog-checkpoint): kept in the annex and, the last one, in a file
 * outside LevelDB. A log that is shorter than that file says, or has another root at its size, is not the log
 * that was signed: it is refused.
 */
import { readFile } from 'node:fs/promises'
import { type Checkpoint, openCheckpoint, parseCheckpoint, signCheckpoint } from '../tree/checkpoint.ts'
import { Frontier } from '../tree/frontier.ts'
import { sameHash } from '../tree/hash.ts'
import { type NoteSigner, type NoteVerifier, parseNote, parseVerifierKey } from '../tree/signed-note.ts'
import { listAnnex, putAnnex } from './annex.ts'
import { writeDurably } from './durable-file.ts'
import { LedgerError, unreadable } from './errors.ts'
import type { Ledger } from './ledger.ts'
import { logSize, rootOfSize } from './reader.ts'
import type { Storage, StorageReader } from './storage.ts'

/** Of the annex' names; sixteen digits of the size follow. */
export const checkpointPrefix = 'checkpoint/'
const nameOf = (size: number) => checkpointPrefix + String(size).padStart(16, '0')

/** A checkpoint and the signed note it came in. */
export interface SignedCheckpoint {
  checkpoint: Checkpoint
  note: string
}

const readNote = (note: string): SignedCheckpoint => ({
  checkpoint: parseCheckpoint(parseNote(note).text),
  note,
})

/** All checkpoints that were signed, by size. */
export async function* listCheckpoints(reader: StorageReader): AsyncGenerator<SignedCheckpoint> {
  for await (const [, note] of listAnnex(reader, checkpointPrefix)) yield readNote(note.toString())
}

export class Checkpoints {
  readonly #ledger: Pick<Ledger<never>, 'storage' | 'frontier'>
  readonly #file: string
  readonly #origin: string
  readonly #signer: NoteSigner
  #last: SignedCheckpoint | undefined

  private constructor(
    ledger: Pick<Ledger<never>, 'storage' | 'frontier'>,
    file: string,
    origin: string,
    signer: NoteSigner,
  ) {
    this.#ledger = ledger
    this.#file = file
    this.#origin = origin
    this.#signer = signer
  }

  /**
   * @param file path of the copy outside LevelDB
   * @param former other keys that may have signed, of servers that this log knows
   * @throws LedgerError damaged, where the log is not the one of the last checkpoint, or none of these keys signed that
   */
  static async open(
    ledger: Pick<Ledger<never>, 'storage' | 'frontier'>,
    file: string,
    origin: string,
    signer: NoteSigner,
    former: readonly NoteVerifier[] = [],
  ): Promise<Checkpoints> {
    const checkpoints = new Checkpoints(ledger, file, origin, signer)
    const own = parseVerifierKey(signer.verifierKey)
    const verifiers = [own, ...former.filter(({ keyId }) => keyId !== own.keyId)]
    for await (const [, note] of listAnnex(ledger.storage, checkpointPrefix, { reverse: true, limit: 1 })) {
      checkpoints.#last = readNote(note.toString())
      await assertContains(ledger.storage, checkpoints.#last, origin, verifiers, 'the ledger itself')
    }
    const note = await readCheckpointFile(file)
    if (note !== undefined)
      await assertContains(ledger.storage, readNoteOf(file, note), origin, verifiers, file)
    return checkpoints
  }

  /** The public key that the checkpoints are signed for now, as a C2SP verifier key. */
  get verifierKey(): string {
    return this.#signer.verifierKey
  }

  get last(): SignedCheckpoint | undefined {
    return this.#last
  }

  /**
   * Signs the tree of all that is on disk; the last checkpoint again where nothing is new.
   *
   * Dying between the two writes leaves the file one checkpoint behind, which still holds.
   */
  async sign(): Promise<SignedCheckpoint | undefined> {
    const frontier = Frontier.deserialize(this.#ledger.frontier)
    const { size } = frontier
    if (size === 0 || this.#last?.checkpoint.size === size) return this.#last
    const checkpoint = { origin: this.#origin, size, root: frontier.root() }
    const note = signCheckpoint(checkpoint, [this.#signer])
    await putAnnex(this.#ledger.storage, { [nameOf(size)]: Buffer.from(note) })
    await writeDurably(this.#file, note)
    this.#last = { checkpoint, note }
    return this.#last
  }
}

/** Undefined where there is none. @throws LedgerError unavailable; damaged, where it is no file */
export async function readCheckpointFile(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw unreadable(`the checkpoint file ${file} cannot be read`, cause)
  }
}

/** @throws LedgerError damaged */
function readNoteOf(file: string, note: string): SignedCheckpoint {
  try {
    return readNote(note)
  } catch (cause) {
    throw new LedgerError('damaged', `the checkpoint file ${file} is malformed`, { cause })
  }
}

/** @param where the checkpoint was found @throws LedgerError damaged, naming both values */
async function assertContains(
  storage: Storage,
  { checkpoint, note }: SignedCheckpoint,
  origin: string,
  verifiers: readonly NoteVerifier[],
  where: string,
): Promise<void> {
  const size = await logSize(storage)
  if (size < checkpoint.size)
    throw new LedgerError(
      'damaged',
      `the ledger has ${size} events, but a checkpoint of ${checkpoint.size} events was signed (${where})`,
    )
  const root = rootOfSize(storage, checkpoint.size)
  if (!sameHash(root, checkpoint.root))
    throw new LedgerError(
      'damaged',
      `the first ${checkpoint.size} events of the ledger have root ${root.toString('base64')}, ` +
        `but a checkpoint with root ${checkpoint.root.toString('base64')} was signed (${where})`,
    )
  try {
    openCheckpoint(note, origin, verifiers)
  } catch (cause) {
    throw new LedgerError(
      'damaged',
      `the checkpoint of ${checkpoint.size} events is not signed by a server of this ledger: ` +
        `${(cause as Error).message} (${where})`,
      { cause },
    )
  }
}
