/** Checkpoints: signed tree heads (C2SP tlog-checkpoint), as the text of a signed note. */
import { TreeError } from './errors.ts'
import { HASH_BYTES, type Hash } from './hash.ts'
import { type NoteSignature, type NoteSigner, type NoteVerifier, openNote, signNote } from './signed-note.ts'

export interface Checkpoint {
  readonly origin: string
  readonly size: number
  readonly root: Hash
  /** Opaque lines after the root hash; absent when there are none. */
  readonly extensions?: readonly string[]
}

/** A checkpoint that known keys signed, and which of them. */
export interface OpenedCheckpoint {
  readonly checkpoint: Checkpoint
  readonly verified: readonly NoteSignature[]
  readonly unknown: readonly NoteSignature[]
}

/** The note text: origin, tree size, root hash, extension lines, each ended by a newline. */
export function encodeCheckpoint({ origin, size, root, extensions = [] }: Checkpoint): string {
  const text = `${[origin, String(size), root.toString('base64'), ...extensions].join('\n')}\n`
  const lines = text.split('\n').length - 1
  if (lines !== 3 + extensions.length) throw malformed('its origin or an extension has more than one line')
  parseCheckpoint(text)
  return text
}

/** Strict: what parses is exactly what `encodeCheckpoint` writes. */
export function parseCheckpoint(text: string): Checkpoint {
  if (!text.endsWith('\n')) throw malformed('its text ends with a newline')
  const [origin, size, root, ...extensions] = text.slice(0, -1).split('\n')
  if (origin === undefined || size === undefined || root === undefined)
    throw malformed('origin, tree size and root hash are three lines')
  if ([origin, ...extensions].includes('')) throw malformed('its origin and extension lines are not empty')
  if (!/^(0|[1-9][0-9]{0,15})$/.test(size) || !Number.isSafeInteger(Number(size)))
    throw malformed('its tree size is a decimal number from 0 to 2^53 - 1')
  const hash = Buffer.from(root, 'base64')
  if (hash.length !== HASH_BYTES || hash.toString('base64') !== root)
    throw malformed('its root hash is 32 bytes in base64')
  return { origin, size: Number(size), root: hash, ...(extensions.length > 0 ? { extensions } : {}) }
}

/**
 * Signs a checkpoint. "A log MUST not sign any checkpoint which is inconsistent with any checkpoint it
 * previously signed": the caller signs only roots whose batch is durable.
 */
export const signCheckpoint = (checkpoint: Checkpoint, signers: readonly NoteSigner[]): string =>
  signNote(encodeCheckpoint(checkpoint), signers)

/** Opens a signed checkpoint of one log: any of the given keys suffices, the origin must be this one. */
export function openCheckpoint(
  note: string | Uint8Array,
  origin: string,
  verifiers: readonly NoteVerifier[],
): OpenedCheckpoint {
  const { text, verified, unknown } = openNote(note, verifiers)
  const checkpoint = parseCheckpoint(text)
  if (checkpoint.origin !== origin)
    throw new TreeError(
      'unexpected_origin',
      `a checkpoint of ${checkpoint.origin} where ${origin} is expected`,
    )
  return { checkpoint, verified, unknown }
}

const malformed = (why: string): TreeError =>
  new TreeError('malformed_checkpoint', `malformed checkpoint: ${why}`)
