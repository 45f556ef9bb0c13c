/**
 * Cosignatures (C2SP tlog-cosignature, Ed25519): what a witness puts under a checkpoint whose consistency it has
 * verified. "Semantically, a v1 cosignature is a statement that, as of the specified time, the consistent tree
 * head with the largest size the cosigner has observed for the log ... has the specified root hash."
 */
import { type KeyObject, sign, verify } from 'node:crypto'
import { ed25519PrivateKey, ed25519PublicKey, ed25519PublicKeyBytes } from './ed25519.ts'
import { TreeError } from './errors.ts'
import {
  assertKeyName,
  ed25519KeyId,
  formatKeyId,
  type NoteSigner,
  type NoteVerifier,
} from './signed-note.ts'

const COSIGNATURE_TYPE = 0x04
const TIMESTAMP_BYTES = 8
const SIGNATURE_BYTES = 64
const SIGNER_KEY_PREFIX = 'PRIVATE+KEY+'

/** "SHA-256(<name> || "\n" || 0x04 || 32-byte Ed25519 cosigner public key)[:4]" */
const keyIdOf = (name: string, key: KeyObject): number =>
  ed25519KeyId(name, ed25519PublicKeyBytes(key), COSIGNATURE_TYPE)

/** "two newline (U+000A) terminated lines (one header line and one timestamp line) followed by the whole note body" */
const signedMessage = (timestamp: bigint, text: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`cosignature/v1\ntime ${timestamp}\n`), text])

/**
 * Signs checkpoints as a witness: only after their consistency was verified, and stored.
 *
 * @param nowSeconds "the time at which the cosignature was generated, as a POSIX timestamp"
 */
export function cosigner(name: string, privateKey: KeyObject, nowSeconds: () => number): NoteSigner {
  assertKeyName(name, 'invalid_key')
  return {
    name,
    keyId: keyIdOf(name, privateKey),
    verifierKey: formatCosignerVerifierKey(name, privateKey),
    sign(text) {
      const timestamp = BigInt(nowSeconds())
      const bytes = Buffer.alloc(TIMESTAMP_BYTES)
      bytes.writeBigUInt64BE(timestamp)
      return Buffer.concat([bytes, sign(null, signedMessage(timestamp, text), privateKey)])
    },
  }
}

export function cosignatureVerifier(name: string, publicKey: KeyObject): NoteVerifier {
  assertKeyName(name, 'invalid_key')
  return {
    name,
    keyId: keyIdOf(name, publicKey),
    verify(text, signature) {
      const timestamp = timestampOf(signature)
      if (timestamp === undefined) return false
      return verify(null, signedMessage(timestamp, text), publicKey, signature.subarray(TIMESTAMP_BYTES))
    },
  }
}

/** Seconds since 1970 at which a cosignature says it was made; undefined where it is none. */
export function timestampOf(signature: Buffer): bigint | undefined {
  if (signature.length !== TIMESTAMP_BYTES + SIGNATURE_BYTES) return undefined
  const timestamp = signature.readBigUInt64BE()
  // "It MUST NOT exceed 2^63 - 1".
  return timestamp < 2n ** 63n ? timestamp : undefined
}

/** "vkeys with signature type 0x04 and the 32-byte Ed25519 cosigner public key as the public key material" */
export const formatCosignerVerifierKey = (name: string, key: KeyObject): string =>
  keyText(name, keyIdOf(name, key), ed25519PublicKeyBytes(key))

export function parseCosignerVerifierKey(text: string): NoteVerifier {
  const { name, keyId, material } = parseKeyText(text)
  const verifier = cosignatureVerifier(name, ed25519PublicKey(material))
  if (formatKeyId(verifier.keyId) !== keyId) throw unreadable('its hash is another one')
  return verifier
}

/** The private key as text, in the form of Go's golang.org/x/mod/sumdb/note, with the type of cosignatures. */
export function formatCosignerKey(name: string, seed: Buffer): string {
  assertKeyName(name, 'invalid_key')
  return SIGNER_KEY_PREFIX + keyText(name, keyIdOf(name, ed25519PrivateKey(seed)), seed)
}

/** @throws TreeError invalid_key, with nothing of the text */
export function parseCosignerKey(text: string, nowSeconds: () => number): NoteSigner {
  if (!text.startsWith(SIGNER_KEY_PREFIX)) throw unreadable(`it begins with ${SIGNER_KEY_PREFIX}`)
  const { name, keyId, material } = parseKeyText(text.slice(SIGNER_KEY_PREFIX.length))
  const signer = cosigner(name, ed25519PrivateKey(material), nowSeconds)
  if (formatKeyId(signer.keyId) !== keyId) throw unreadable('its hash is another one')
  return signer
}

const keyText = (name: string, keyId: number, material: Buffer): string =>
  `${name}+${formatKeyId(keyId)}+${Buffer.concat([Buffer.of(COSIGNATURE_TYPE), material]).toString('base64')}`

function parseKeyText(text: string): { name: string; keyId: string; material: Buffer } {
  const [, name, keyId, base64] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/su.exec(text) ?? []
  const bytes = Buffer.from(base64 ?? '', 'base64')
  if (name === undefined || keyId === undefined || bytes.toString('base64') !== base64)
    throw unreadable('it reads name+hash+base64')
  if (bytes[0] !== COSIGNATURE_TYPE || bytes.length !== 33)
    throw unreadable('it holds an Ed25519 key for cosignatures (type 4)')
  return { name, keyId, material: bytes.subarray(1) }
}

const unreadable = (why: string): TreeError =>
  new TreeError('invalid_key', `the key of a witness is not readable: ${why}`)
