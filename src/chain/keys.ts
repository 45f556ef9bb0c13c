import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { address as addresses, networks, payments } from 'bitcoinjs-lib'
import { ECPairFactory } from 'ecpair'
import * as secp256k1 from 'tiny-secp256k1'
import { ChainError } from './errors.ts'

const ecPair = ECPairFactory(secp256k1)

/** Bitcoin mainnet parameters, which Coinstack shares: P2PKH version 0x00, WIF version 0x80. */
const network = networks.bitcoin

export interface RecoverableSignature {
  /** r and s, 32 bytes each, low S. */
  readonly signature: Buffer
  /** 0 to 3 (SEC 1, 4.1.6). */
  readonly recoveryId: number
}

/**
 * A secp256k1 private key with its P2PKH address. The secret lies in a private field: printing, logging or
 * serializing the object shows the address only.
 */
export class PrivateKey {
  readonly address: string
  readonly publicKey: Buffer
  readonly compressed: boolean
  readonly #secret: Buffer

  constructor(secret: Uint8Array, compressed: boolean) {
    const point = secp256k1.isPrivate(secret) ? secp256k1.pointFromScalar(secret, compressed) : null
    if (point === null) throw new ChainError('bad_key', 'the private key is outside the range of secp256k1')
    this.#secret = Buffer.from(secret)
    this.compressed = compressed
    this.publicKey = Buffer.from(point)
    this.address = addressOfPublicKey(this.publicKey)
  }

  get privateKey(): Buffer {
    return Buffer.from(this.#secret)
  }

  /** Wallet import format; compressed keys begin with K or L, uncompressed ones with 5. */
  toWif(): string {
    return ecPair.fromPrivateKey(this.#secret, { compressed: this.compressed, network }).toWIF()
  }

  /** ECDSA over a 32-byte hash: 64 bytes r and s, deterministic (RFC 6979), low S (BIP 62). */
  sign(hash: Uint8Array): Buffer {
    return Buffer.from(secp256k1.sign(hash, this.#secret))
  }

  /** As `sign`, with the number that lets a verifier recover the public key. */
  signRecoverable(hash: Uint8Array): RecoverableSignature {
    const { signature, recoveryId } = secp256k1.signRecoverable(hash, this.#secret)
    return { signature: Buffer.from(signature), recoveryId }
  }

  toJSON(): { address: string } {
    return { address: this.address }
  }

  [inspect.custom](): string {
    return `PrivateKey(${this.address})`
  }
}

/** A new random key with a compressed public key. `random` gives that many bytes from a cryptographic source. */
export function createPrivateKey(random: (size: number) => Buffer = randomBytes): PrivateKey {
  for (;;) {
    const secret = random(32)
    // One draw in 2^128 lies outside the group order.
    if (secp256k1.isPrivate(secret)) return new PrivateKey(secret, true)
  }
}

/**
 * Reads a key in wallet import format, version 0x80.
 *
 * @throws ChainError `bad_key`; its message never contains any part of the text.
 */
export function parseWif(wif: string): PrivateKey {
  let pair: ReturnType<typeof ecPair.fromWIF>
  try {
    pair = ecPair.fromWIF(wif.trim(), network)
  } catch (error) {
    // The library's error is not kept as a cause: it may quote what it was given.
    throw new ChainError('bad_key', describeBadWif(wif.trim(), error))
  }
  return new PrivateKey(pair.privateKey!, pair.compressed)
}

function describeBadWif(wif: string, error: unknown): string {
  const expected = 'expected a Bitcoin mainnet key in wallet import format (51 or 52 characters)'
  if (wif === '') return `the private key is empty: ${expected}`
  if (!/^[1-9A-HJ-NP-Za-km-z]+$/.test(wif))
    return `the private key holds characters outside base58: ${expected}`
  if (wif.length !== 51 && wif.length !== 52)
    return `the private key has ${wif.length} characters: ${expected}`
  const reason = error instanceof Error ? error.message : ''
  if (/checksum/i.test(reason)) return `the private key's checksum is wrong, is it mistyped? ${expected}`
  if (/network/i.test(reason)) return `the private key is for another network: ${expected}`
  return `the private key is not valid: ${expected}`
}

/** The P2PKH address of a public key, 33 or 65 bytes. */
export function addressOfPublicKey(publicKey: Uint8Array): string {
  return payments.p2pkh({ pubkey: publicKey, network }).address!
}

/** True for a P2PKH address of version 0x00 with a right base58check checksum, the only kind Coinstack keys have. */
export function isAddress(text: string): boolean {
  try {
    const { version, hash } = addresses.fromBase58Check(text)
    return version === network.pubKeyHash && hash.length === 20
  } catch {
    return false
  }
}

/** @throws ChainError `bad_address` naming the address. */
export function scriptOfAddress(address: string): Buffer {
  if (!isAddress(address)) {
    throw new ChainError('bad_address', `"${address}" is no Bitcoin address (P2PKH, beginning with 1)`)
  }
  return Buffer.from(payments.p2pkh({ address, network }).output!)
}

/** The address a P2PKH output script pays to, undefined for any other script. */
export function addressOfScript(script: Uint8Array): string | undefined {
  const bytes = Buffer.from(script.buffer, script.byteOffset, script.byteLength)
  // OP_DUP OP_HASH160 push20 <hash> OP_EQUALVERIFY OP_CHECKSIG
  if (bytes.length !== 25 || bytes.readUIntBE(0, 3) !== 0x76a914 || bytes.readUInt16BE(23) !== 0x88ac)
    return undefined
  return addresses.toBase58Check(bytes.subarray(3, 23), network.pubKeyHash)
}
