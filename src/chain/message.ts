import { crypto } from 'bitcoinjs-lib'
import * as secp256k1 from 'tiny-secp256k1'
import { writeCompactSize } from './compact-size.ts'
import { addressOfPublicKey, type PrivateKey } from './keys.ts'

/** Bitcoin Core's MESSAGE_MAGIC with its length byte (src/common/signmessage.cpp). */
const magic = Buffer.from('\x18Bitcoin Signed Message:\n', 'latin1')

/** Header byte of a compact signature: 27 + recovery id, and 4 more for a compressed public key. */
const firstHeader = 27
const compressedFlag = 4

/** Double SHA-256 of the magic and the UTF-8 message, each behind its length as a variable-length integer. */
export function messageHash(message: string): Buffer {
  const text = Buffer.from(message, 'utf8')
  return Buffer.from(crypto.hash256(Buffer.concat([magic, writeCompactSize(text.length), text])))
}

/** "Bitcoin Signed Message": a 65-byte compact recoverable signature in base64, as Bitcoin Core makes it. */
export function signMessage(message: string, key: PrivateKey): string {
  const { signature, recoveryId } = key.signRecoverable(messageHash(message))
  const header = firstHeader + recoveryId + (key.compressed ? compressedFlag : 0)
  return Buffer.concat([Buffer.of(header), signature]).toString('base64')
}

/**
 * The P2PKH address whose key signed the message; undefined for text that is no signature. Headers of segwit
 * addresses (35 and above, BIP 137) are no signature here.
 */
export function messageSigner(message: string, signature: string): string | undefined {
  const bytes = Buffer.from(signature, 'base64')
  if (bytes.length !== 65 || bytes.toString('base64') !== signature) return undefined
  const header = bytes[0]! - firstHeader
  if (header < 0 || header > 7) return undefined
  try {
    const recoveryId = (header & 3) as secp256k1.RecoveryIdType
    const compressed = (header & compressedFlag) !== 0
    const publicKey = secp256k1.recover(messageHash(message), bytes.subarray(1), recoveryId, compressed)
    return publicKey === null ? undefined : addressOfPublicKey(publicKey)
  } catch {
    // r or s is zero or not below the group order.
    return undefined
  }
}

/** True exactly where the key of `address` signed `message`. Never throws. */
export function verifyMessage(message: string, address: string, signature: string): boolean {
  return messageSigner(message, signature) === address
}
