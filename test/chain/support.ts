import { readFileSync } from 'node:fs'
import { crypto, script, type Transaction } from 'bitcoinjs-lib'
import { PrivateKey, scriptOfAddress } from '../../src/chain/keys.ts'
import type { UnspentOutput } from '../../src/chain/types.ts'

/** Data of `fixtures/chain`. */
export function fixture<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../../fixtures/chain/${name}`, import.meta.url), 'utf8')) as T
}

/** The same key for the same name, so that a failing test fails the same way again. */
export function testKey(name: string): PrivateKey {
  return new PrivateKey(crypto.sha256(Buffer.from(`test key ${name}`)), true)
}

/** A coin of the key that no chain knows. */
export function coin(
  key: PrivateKey,
  valueSats: bigint,
  confirmations = 1,
  name = `${valueSats}`,
): UnspentOutput {
  const txid = Buffer.from(crypto.sha256(Buffer.from(name))).toString('hex')
  return { txid, index: 0, valueSats, script: scriptOfAddress(key.address), confirmations }
}

/** The script of a P2PKH input, signed with any hash type; with `highS` in the form that the node refuses. */
export function signedInput(
  transaction: Transaction,
  key: PrivateKey,
  hashType: number,
  highS = false,
): Uint8Array {
  const hash = transaction.hashForSignature(0, scriptOfAddress(key.address), hashType)
  const signature = key.sign(hash)
  if (highS) {
    const order = BigInt('0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141')
    const s = order - BigInt(`0x${signature.toString('hex', 32)}`)
    signature.write(s.toString(16).padStart(64, '0'), 32, 'hex')
  }
  return script.compile([script.signature.encode(signature, hashType), key.publicKey])
}
