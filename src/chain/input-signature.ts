import { crypto, payments, script, type Transaction } from 'bitcoinjs-lib'
import * as secp256k1 from 'tiny-secp256k1'
import { addressOfPublicKey } from './keys.ts'

/** What a P2PKH input says about itself, checked as far as the transaction alone allows. */
export type InputSignature =
  | {
      readonly kind: 'valid'
      readonly address: string
      /** Last byte of the signature: which parts of the transaction it covers. */
      readonly hashType: number
    }
  | { readonly kind: 'invalid'; readonly fault: string }

/** Half the group order: an S above it is the other form of the same signature (BIP 62, BIP 146). */
const halfOrder = BigInt('0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0')

/**
 * Checks the signature of a P2PKH input: strict DER (BIP 66), low S, a defined hash type, and the signature
 * itself over the hash that a P2PKH output of that public key demands. No previous output is needed for it:
 * the public key in the input gives the script. Whether the spent output really has that script, only the
 * chain can say; that the key's holder signed this transaction is proved here.
 */
export function checkInputSignature(transaction: Transaction, index: number): InputSignature {
  const pushes = script.decompile(transaction.ins[index]!.script)
  const [signature, publicKey] = pushes ?? []
  if (pushes?.length !== 2 || !(signature instanceof Uint8Array) || !(publicKey instanceof Uint8Array)) {
    return invalid('non-standard script form')
  }
  if (!isPublicKey(publicKey)) return invalid('invalid public key')
  let decoded: { signature: Uint8Array; hashType: number }
  try {
    decoded = script.signature.decode(signature)
  } catch {
    return invalid('malformed signature: not strict DER or of an unknown hash type')
  }
  const s = BigInt(`0x${Buffer.from(decoded.signature.subarray(32)).toString('hex')}`)
  if (s > halfOrder) return invalid('invalid low s signature')
  const spent = payments.p2pkh({ hash: crypto.hash160(publicKey) }).output!
  const hash = transaction.hashForSignature(index, spent, decoded.hashType)
  if (!verify(hash, publicKey, decoded.signature)) return invalid('signature is not valid')
  return { kind: 'valid', address: addressOfPublicKey(publicKey), hashType: decoded.hashType }
}

function isPublicKey(bytes: Uint8Array): boolean {
  const standard =
    bytes.length === 33 ? bytes[0] === 2 || bytes[0] === 3 : bytes.length === 65 && bytes[0] === 4
  return standard && secp256k1.isPoint(bytes)
}

function verify(hash: Uint8Array, publicKey: Uint8Array, signature: Uint8Array): boolean {
  try {
    return secp256k1.verify(hash, publicKey, signature)
  } catch {
    // r or s is zero or not below the group order.
    return false
  }
}

function invalid(fault: string): InputSignature {
  return { kind: 'invalid', fault }
}
