/** The signed checkpoints, stored and saved elsewhere, against the tree of the records. */
import { listAnnex } from '../ledger/annex.ts'
import { checkpointPrefix } from '../ledger/checkpoints.ts'
import type { StorageReader } from '../ledger/storage.ts'
import { type Checkpoint, parseCheckpoint } from '../tree/checkpoint.ts'
import type { Hash } from '../tree/hash.ts'
import { parseNote } from '../tree/signed-note.ts'
import type { Authority } from './authority.ts'
import { BySize, type Sized } from './by-size.ts'
import type { Faults } from './fault.ts'

export interface FoundCheckpoint extends Sized {
  checkpoint: Checkpoint
  note: string
  /** Where it was found, for people. */
  source: string
}

/** A checkpoint that was kept outside the log: in the server's file, or by whoever saved it once. */
export interface SavedCheckpoint {
  source: string
  note: string
}

export class CheckpointCheck {
  readonly #faults: Faults
  readonly #stored: BySize<FoundCheckpoint>
  #saved: FoundCheckpoint[] = []
  #verified = 0
  #unsigned = 0

  constructor(reader: StorageReader, saved: readonly SavedCheckpoint[], faults: Faults) {
    this.#faults = faults
    this.#stored = new BySize(this.#list(reader))
    for (const { source, note } of saved) {
      const found = this.#read(note, source, null)
      if (found) this.#saved.push(found)
    }
  }

  /** Stored checkpoints that hold. */
  get verified(): number {
    return this.#verified
  }

  /** Checkpoints whose root is right but whose signature could not be checked, since its key is in a damaged event. */
  get unsigned(): number {
    return this.#unsigned
  }

  async upTo(size: number): Promise<FoundCheckpoint[]> {
    const saved = this.#saved.filter((found) => found.size <= size)
    this.#saved = this.#saved.filter((found) => found.size > size)
    return [...(await this.#stored.upTo(size)), ...saved]
  }

  /** @returns whether the checkpoint holds: signed by a server of this ledger, and the tree's own */
  check(
    { checkpoint, note, source, size }: FoundCheckpoint,
    root: Hash | undefined,
    authority: Authority,
  ): boolean {
    const wrong = authority.checkNote(note, checkpoint.origin, size)
    if (wrong) {
      this.#faults.add(
        size - 1,
        'checkpoint_signature',
        `the checkpoint of ${size} events in ${source}: ${wrong}`,
      )
      return false
    }
    if (root === undefined) return false
    if (!root.equals(checkpoint.root)) {
      this.#faults.add(
        size - 1,
        'checkpoint_root',
        `the first ${size} events have root ${root.toString('base64')}, ` +
          `but ${checkpoint.root.toString('base64')} was signed (${source})`,
      )
      return false
    }
    if (wrong === null) this.#unsigned++
    else if (source === storedSource) this.#verified++
    return wrong === undefined
  }

  /** What covers more events than the log has. */
  async finish(size: number): Promise<void> {
    for (const found of await this.upTo(Number.MAX_SAFE_INTEGER))
      if (found.size > size)
        this.#faults.add(
          found.size - 1,
          'checkpoint_beyond_log',
          `the log has ${size} events, but a checkpoint of ${found.size} was signed (${found.source})`,
        )
  }

  close(): Promise<void> {
    return this.#stored.close()
  }

  async *#list(reader: StorageReader): AsyncGenerator<FoundCheckpoint> {
    for await (const [name, value] of listAnnex(reader, checkpointPrefix)) {
      const digits = name.slice(checkpointPrefix.length)
      const size = /^\d{16}$/.test(digits) ? Number(digits) : undefined
      const found = this.#read(value.toString('utf8'), storedSource, size ?? null)
      if (!found) continue
      if (found.size === size) yield found
      else
        this.#faults.add(
          size === undefined ? null : size - 1,
          'checkpoint_malformed',
          `the entry ${name} holds a checkpoint of ${found.size} events`,
        )
    }
  }

  #read(note: string, source: string, size: number | null): FoundCheckpoint | undefined {
    try {
      const checkpoint = parseCheckpoint(parseNote(note).text)
      if (checkpoint.size === 0) throw new Error('a checkpoint of no events proves nothing')
      return { checkpoint, note, source, size: checkpoint.size }
    } catch (error) {
      const position = size === null ? null : size - 1
      this.#faults.add(position, 'checkpoint_malformed', `in ${source}: ${(error as Error).message}`)
      return undefined
    }
  }
}

const storedSource = 'the ledger'
