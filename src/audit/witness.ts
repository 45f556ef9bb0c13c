/**
 * A witness of another server's log: it remembers the largest checkpoint it has seen, and a new one counts only
 * where its tree begins with that one. So a log cannot show one history today and another tomorrow unseen.
 */
import { type Checkpoint, openCheckpoint, parseCheckpoint } from '../tree/checkpoint.ts'
import { TreeError } from '../tree/errors.ts'
import { type Hash, sameHash } from '../tree/hash.ts'
import { verifyConsistency } from '../tree/proofs.ts'
import {
  type NoteSigner,
  type NoteVerifier,
  parseNote,
  parseVerifierKey,
  signNote,
} from '../tree/signed-note.ts'
import { consistencyProof, rootAt } from '../tree/tile-proofs.ts'
import { type RemoteLog, RemoteLogError } from './remote-log.ts'
import type { WitnessEvidence, WitnessState } from './witness-state.ts'

export interface WitnessOptions {
  /** C2SP verifier key of the log, known from elsewhere. */
  key?: string | undefined
  cosigner?: NoteSigner | undefined
  nowMs: number
}

export type Witnessed =
  | { outcome: 'first' | 'grown' | 'unchanged'; state: WitnessState }
  | { outcome: 'alarm'; evidence: WitnessEvidence }

/**
 * `unsigned`: what is shown proves nothing, for or against the log: it is not signed by its key, or unreadable.
 * `other_key`: a key of log or witness that is not the one, or none. `invalid_name`: no name for a witness.
 */
export class WitnessError extends Error {
  override name = 'WitnessError'
  readonly code: 'unsigned' | 'other_key' | 'invalid_name'

  constructor(code: WitnessError['code'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/**
 * Looks at the log once. The caller stores the state before it shows the cosignature in it to anybody.
 *
 * @throws RemoteLogError, WitnessError: nothing was found out, the state stays
 */
export async function witness(
  log: RemoteLog,
  before: WitnessState | undefined,
  { key: given, cosigner, nowMs }: WitnessOptions,
): Promise<Witnessed> {
  if (before && given !== undefined && given !== before.key)
    throw new WitnessError('other_key', `the state follows the key ${before.key}, not ${given}`)
  const key = before?.key ?? given ?? (await log.verifierKey())
  const note = await log.checkpoint()
  const { checkpoint, text } = open(note, key, before?.origin)
  const foundAt = new Date(nowMs).toISOString()
  if (before) {
    const failure = await compare(log, before, checkpoint)
    if (failure) {
      const { origin } = before
      return {
        outcome: 'alarm',
        evidence: {
          version: 1,
          ...failure,
          url: log.url,
          origin,
          key,
          seen: before.note,
          shown: note,
          foundAt,
        },
      }
    }
  }
  const state: WitnessState = {
    version: 1,
    url: log.url,
    origin: checkpoint.origin,
    key,
    trust: before?.trust ?? (given === undefined ? 'first use' : 'given'),
    size: checkpoint.size,
    root: checkpoint.root.toString('base64'),
    note,
    cosigned: cosigner ? signNote(text, [cosigner], logSignatures(note, key)) : null,
    seenAt: foundAt,
  }
  const outcome = !before ? 'first' : before.size === checkpoint.size ? 'unchanged' : 'grown'
  return { outcome, state }
}

function open(
  note: string,
  key: string,
  origin: string | undefined,
): { checkpoint: Checkpoint; text: string } {
  try {
    const { text } = parseNote(note)
    const { checkpoint } = openCheckpoint(note, origin ?? parseCheckpoint(text).origin, [verifierOf(key)])
    return { checkpoint, text }
  } catch (error) {
    if (!(error instanceof TreeError)) throw error
    throw new WitnessError('unsigned', `the checkpoint is not one of this log: ${error.message}`, {
      cause: error,
    })
  }
}

function verifierOf(key: string): NoteVerifier {
  try {
    return parseVerifierKey(key)
  } catch (cause) {
    throw new WitnessError('other_key', `${key}: ${(cause as Error).message}`, { cause })
  }
}

/** The log's own signatures; those of others are not this witness' to hand on. */
const logSignatures = (note: string, key: string) => {
  const { name, keyId } = verifierOf(key)
  return parseNote(note).signatures.filter(
    (signature) => signature.name === name && signature.keyId === keyId,
  )
}

type Failure = Pick<WitnessEvidence, 'kind' | 'detail' | 'proof'>

/** Undefined where the log shown now begins with the one seen before. */
async function compare(
  log: RemoteLog,
  before: WitnessState,
  shown: Checkpoint,
): Promise<Failure | undefined> {
  const seenRoot = Buffer.from(before.root, 'base64')
  if (shown.size < before.size)
    return {
      kind: 'shrunk',
      detail: `${before.size} events were signed before, ${shown.size} are shown now`,
      proof: null,
    }
  if (shown.size === before.size)
    return sameHash(seenRoot, shown.root)
      ? undefined
      : {
          kind: 'forked',
          detail: `two roots are signed for ${shown.size} events: ${before.root} and ${shown.root.toString('base64')}`,
          proof: null,
        }
  const proof: Hash[] = await fromTiles(log, (readTile) =>
    consistencyProof(readTile, before.size, shown.size),
  )
  try {
    verifyConsistency(before.size, shown.size, seenRoot, shown.root, proof)
    return undefined
  } catch (error) {
    if (!(error instanceof TreeError)) throw error
    const root = await rootUnder(log, before.size, shown, proof)
    return {
      kind: 'rewritten',
      detail:
        `of the ${shown.size} events that are signed now the first ${before.size} have root ` +
        `${root.toString('base64')}, but ${before.root} was signed for them`,
      proof: proof.map((hash) => hash.toString('base64')),
    }
  }
}

/**
 * The root that the tree shown now has at the size seen before, which the proof must confirm: otherwise the tiles
 * are not those of the signed tree, which is bad service but no evidence.
 */
async function rootUnder(
  log: RemoteLog,
  size: number,
  shown: Checkpoint,
  proof: readonly Hash[],
): Promise<Hash> {
  const root = await fromTiles(log, (readTile) => rootAt(readTile, size))
  try {
    verifyConsistency(size, shown.size, root, shown.root, proof)
    return root
  } catch (cause) {
    throw new RemoteLogError(`${log.url}: the tiles are not those of the signed checkpoint`, { cause })
  }
}

/** What the log's tiles give; those of the wrong length are bad service. */
async function fromTiles<T>(
  log: RemoteLog,
  read: (readTile: RemoteLog['readTile']) => Promise<T>,
): Promise<T> {
  try {
    return await read(log.readTile)
  } catch (error) {
    if (!(error instanceof TreeError)) throw error
    throw new RemoteLogError(`${log.url}: ${error.message}`, { cause: error })
  }
}
