import { createPrivateKey, type PrivateKey, parseWif } from '../chain/keys.ts'

/** A private key as text (WIF) with its P2PKH address. */
export interface KeyText {
  readonly wif: string
  readonly address: string
}

/** New random private keys. */
export function createKeys(number: number): KeyText[] {
  return Array.from({ length: number }, () => {
    const key = createPrivateKey()
    return { wif: key.toWif(), address: key.address }
  })
}

/** Address of a private key in wallet import format. Throws a ChainError that holds no part of the text. */
export function addressOfWif(wif: string): string {
  return parseWif(wif).address
}

/**
 * The administrator's key from the text of a file: WIF, alone or followed by its address as `key create
 * --address` prints it. Throws a ChainError that holds no part of the text.
 */
export const administratorKey = (text: string): PrivateKey => parseWif(text.trim().split(/\s/)[0] ?? '')
