/** What a witness remembers of a log, in one file that is replaced whole; evidence goes into files beside it. */
import { readFile } from 'node:fs/promises'
import { writeDurably } from '../ledger/durable-file.ts'
import { lockBeside } from '../ledger/file-lock.ts'

export interface WitnessState {
  version: 1
  /** Where the log was read last. */
  url: string
  origin: string
  /** C2SP verifier key of the log. */
  key: string
  /** `first use`: the server itself said so, and nobody else was asked. */
  trust: 'given' | 'first use'
  /** Size and root hash (base64) of the largest tree that was found consistent with all before. */
  size: number
  root: string
  /** Its checkpoint as the log signed it. */
  note: string
  /** The same with this witness' cosignature; null without a key to cosign with. */
  cosigned: string | null
  /** ISO 8601. */
  seenAt: string
}

/** That a log has changed its history, so that anybody can check it: both notes are signed by its key. */
export interface WitnessEvidence {
  version: 1
  kind: 'forked' | 'shrunk' | 'rewritten'
  detail: string
  url: string
  origin: string
  key: string
  /** Checkpoint that was seen before, and the one that is shown now. */
  seen: string
  shown: string
  /**
   * For `rewritten`, base64: a consistency proof (RFC 9162 section 2.1.4) from the root named in `detail`, not the one
   * seen, to the one shown; null where the two checkpoints alone say it.
   */
  proof: string[] | null
  foundAt: string
}

export class WitnessStateError extends Error {
  override name = 'WitnessStateError'
  readonly code: 'malformed' | 'locked'

  constructor(code: WitnessStateError['code'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/**
 * Runs while no other witness keeps this file: of two that start from one state each could accept, and cosign, a
 * growth that the other's contradicts.
 *
 * @throws WitnessStateError locked
 */
export async function asOnlyWitness<T>(file: string, run: () => Promise<T>): Promise<T> {
  const release = await lockBeside(file)
  if (!release)
    throw new WitnessStateError(
      'locked',
      `${file}: another witness keeps it; each needs a state file of its own`,
    )
  try {
    return await run()
  } finally {
    await release()
  }
}

/** Undefined where nothing was seen yet. @throws WitnessStateError malformed */
export async function readWitnessState(file: string): Promise<WitnessState | undefined> {
  let text: string
  try {
    text = await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  let state: Partial<WitnessState>
  try {
    state = JSON.parse(text)
  } catch (cause) {
    throw new WitnessStateError('malformed', `${file}: it is not the state of a witness`, { cause })
  }
  if (state?.version !== 1)
    throw new WitnessStateError(
      'malformed',
      `${file}: version ${state?.version} of the state is not known to this program`,
    )
  const { origin, key, root, note, size } = state
  if ([origin, key, root, note].some((field) => typeof field !== 'string') || !Number.isSafeInteger(size))
    throw new WitnessStateError('malformed', `${file}: the state is incomplete`)
  return state as WitnessState
}

export const writeWitnessState = (file: string, state: WitnessState): Promise<void> =>
  writeDurably(file, `${JSON.stringify(state, null, 2)}\n`)

/** @returns the file; each finding has its own */
export async function writeEvidence(file: string, evidence: WitnessEvidence): Promise<string> {
  const path = `${file}.evidence-${evidence.foundAt.replace(/[:.]/g, '-')}.json`
  await writeDurably(path, `${JSON.stringify(evidence, null, 2)}\n`)
  return path
}
