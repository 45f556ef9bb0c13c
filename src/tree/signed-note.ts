/** Signed notes (C2SP signed-note): a text and the signatures under it. */
import { hash as digest, type KeyObject, sign, verify } from 'node:crypto'
import { ed25519PublicKey, ed25519PublicKeyBytes } from './ed25519.ts'
import { TreeError } from './errors.ts'

/** One signature line. `signature` is what follows the key ID. */
export interface NoteSignature {
  readonly name: string
  readonly keyId: number
  readonly signature: Buffer
}

export interface SignedNote {
  /** With its final newline: what is signed. */
  readonly text: string
  readonly signatures: readonly NoteSignature[]
}

/** A note with at least one signature of a known key, all of which are right. */
export interface OpenedNote {
  readonly text: string
  readonly verified: readonly NoteSignature[]
  readonly unknown: readonly NoteSignature[]
}

export interface NoteVerifier {
  readonly name: string
  readonly keyId: number
  verify(text: Buffer, signature: Buffer): boolean
}

export interface NoteSigner {
  readonly name: string
  readonly keyId: number
  /** The public key as text. */
  readonly verifierKey: string
  sign(text: Buffer): Buffer
}

const ED25519_TYPE = 0x01
const SIGNATURE_PREFIX = '\u2014 '
/** "MUST accept at least up to 16 signatures"; Go's golang.org/x/mod/sumdb/note stops at 100. */
const MAX_SIGNATURES = 100

/** "key ID = SHA-256(key name || 0x0A || 0x01 || 32-byte Ed25519 public key)[:4]"; other types in place of 0x01 */
export function ed25519KeyId(name: string, publicKey: Uint8Array, type: number = ED25519_TYPE): number {
  const input = Buffer.concat([Buffer.from(`${name}\n`), Buffer.of(type), publicKey])
  return digest('sha256', input, 'buffer').readUInt32BE()
}

export function ed25519Signer(name: string, privateKey: KeyObject): NoteSigner {
  assertKeyName(name, 'invalid_key')
  const keyId = ed25519KeyId(name, ed25519PublicKeyBytes(privateKey))
  return {
    name,
    keyId,
    verifierKey: formatVerifierKey(name, privateKey),
    sign: (text) => sign(null, text, privateKey),
  }
}

export function ed25519Verifier(name: string, publicKey: KeyObject): NoteVerifier {
  assertKeyName(name, 'invalid_key')
  return {
    name,
    keyId: ed25519KeyId(name, ed25519PublicKeyBytes(publicKey)),
    verify: (text, signature) => verify(null, text, publicKey, signature),
  }
}

/** `name+hash+base64(type || public key)`, as Go's golang.org/x/mod/sumdb/note writes it. */
export function formatVerifierKey(name: string, key: KeyObject): string {
  assertKeyName(name, 'invalid_key')
  const bytes = ed25519PublicKeyBytes(key)
  const material = Buffer.concat([Buffer.of(ED25519_TYPE), bytes]).toString('base64')
  return `${name}+${formatKeyId(ed25519KeyId(name, bytes))}+${material}`
}

export function parseVerifierKey(text: string): NoteVerifier {
  const [, name, keyId, base64] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/su.exec(text) ?? []
  const material = base64 === undefined ? undefined : decodeBase64(base64)
  if (name === undefined || material === undefined || material[0] !== ED25519_TYPE)
    throw new TreeError('invalid_key', 'a verifier key reads name+hash+base64 and holds an Ed25519 key')
  const verifier = ed25519Verifier(name, ed25519PublicKey(material.subarray(1)))
  if (formatKeyId(verifier.keyId) !== keyId)
    throw new TreeError('invalid_key', `the verifier key of ${name} has another hash than ${keyId}`)
  return verifier
}

/** Signs a text; `earlier` signatures stay above the new ones, except those that the same key made. */
export function signNote(
  text: string,
  signers: readonly NoteSigner[],
  earlier: readonly NoteSignature[] = [],
): string {
  const bytes = Buffer.from(text)
  const added = signers.map(({ name, keyId, sign }) => ({ name, keyId, signature: sign(bytes) }))
  const kept = earlier.filter((old) => !added.some((fresh) => isSameKey(old, fresh)))
  const note = `${text}\n${[...kept, ...added].map(signatureLine).join('')}`
  if (parseNote(note).text !== text) throw new TreeError('malformed_note', 'a note text ends with a newline')
  return note
}

/** Reads a note without believing it: no signature is checked. */
export function parseNote(note: string | Uint8Array): SignedNote {
  const content = typeof note === 'string' ? note : decodeUtf8(note)
  if (/\p{Surrogate}/u.test(content) || hasControlCharacter(content))
    throw malformed('it holds something else than UTF-8 text and newlines')
  const blank = content.lastIndexOf('\n\n')
  if (blank < 0 || !content.endsWith('\n'))
    throw malformed('a text, an empty line and signature lines are expected')
  const lines = content
    .slice(blank + 2)
    .split('\n')
    .slice(0, -1)
  if (lines.length === 0) throw malformed('it has no signature line')
  if (lines.length > MAX_SIGNATURES) throw malformed(`it has more than ${MAX_SIGNATURES} signatures`)
  return { text: content.slice(0, blank + 1), signatures: lines.map(parseSignatureLine) }
}

/** "Verifiers MUST ignore signatures from unknown keys"; one wrong signature of a known key rejects the whole note. */
export function openNote(note: string | Uint8Array, verifiers: readonly NoteVerifier[]): OpenedNote {
  const { text, signatures } = parseNote(note)
  const bytes = Buffer.from(text)
  const verified: NoteSignature[] = []
  const unknown: NoteSignature[] = []
  for (const signature of signatures) {
    const [verifier, another] = verifiers.filter((candidate) => isSameKey(candidate, signature))
    if (verifier === undefined) {
      unknown.push(signature)
      continue
    }
    if (another !== undefined)
      throw new TreeError('invalid_key', `two verifiers for key ${keyLabel(signature)}`)
    if (!verifier.verify(bytes, signature.signature))
      throw new TreeError('invalid_signature', `the signature by ${keyLabel(signature)} is wrong`)
    if (!verified.some((seen) => isSameKey(seen, signature))) verified.push(signature)
  }
  if (verified.length === 0)
    throw new TreeError('unverified_note', `no known key signed, only ${unknown.map(keyLabel).join(', ')}`)
  return { text, verified, unknown }
}

export const formatKeyId = (keyId: number): string => keyId.toString(16).padStart(8, '0')

const keyLabel = (key: { name: string; keyId: number }): string => `${key.name}+${formatKeyId(key.keyId)}`

const isSameKey = (a: { name: string; keyId: number }, b: { name: string; keyId: number }): boolean =>
  a.name === b.name && a.keyId === b.keyId

const malformed = (why: string, cause?: unknown): TreeError =>
  new TreeError('malformed_note', `malformed note: ${why}`, { cause })

function signatureLine({ name, keyId, signature }: NoteSignature): string {
  const id = Buffer.alloc(4)
  id.writeUInt32BE(keyId)
  return `${SIGNATURE_PREFIX}${name} ${Buffer.concat([id, signature]).toString('base64')}\n`
}

function parseSignatureLine(line: string): NoteSignature {
  const [, name, base64] = /^\u2014 ([^ ]+) ([^ ]+)$/u.exec(line) ?? []
  const bytes = base64 === undefined ? undefined : decodeBase64(base64)
  if (name === undefined || bytes === undefined || bytes.length < 5)
    throw malformed('a signature line is unreadable')
  assertKeyName(name, 'malformed_note')
  return { name, keyId: bytes.readUInt32BE(), signature: bytes.subarray(4) }
}

/** "Key names MUST be non-empty and MUST NOT contain any Unicode spaces or plus (U+002B) characters." */
export function assertKeyName(name: string, code: 'invalid_key' | 'malformed_note'): void {
  if (!/^[^\p{White_Space}\p{Surrogate}+]+$/u.test(name) || hasControlCharacter(name))
    throw new TreeError(code, 'a key name is not empty and has no space and no plus')
}

/** RFC 4648 section 4, only in the one form that encoding gives. */
function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  return bytes.toString('base64') === text ? bytes : undefined
}

/** "MUST NOT contain any ASCII control characters (those below U+0020) other than newline". */
function hasControlCharacter(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x20 && unit !== 0x0a) return true
  }
  return false
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw malformed('it is not UTF-8', cause)
  }
}
