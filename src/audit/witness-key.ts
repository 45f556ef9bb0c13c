/** A witness' own key, with which it cosigns. */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { formatCosignerKey, parseCosignerKey } from '../tree/cosignature.ts'
import type { NoteSigner } from '../tree/signed-note.ts'
import { WitnessError } from './witness.ts'

/**
 * @param name "The key name SHOULD be a schema-less URL that identifies the cosigner" (C2SP tlog-cosignature), such as
 * `witness.example/one`; it stands in every cosignature for ever
 * @throws WitnessError invalid_name, TreeError invalid_key
 */
export function createWitnessKey(name: string): { privateKey: string; verifierKey: string } {
  const [, scheme, rest] = /^([a-z][a-z0-9+.-]*:)?\/\/(.*)$/i.exec(name) ?? []
  if (rest !== undefined)
    throw new WitnessError(
      'invalid_name',
      `${name}: a witness is named by a URL without ${scheme ?? ''}//${rest === '' ? '' : `, such as ${rest}`}`,
    )
  const privateKey = formatCosignerKey(name, randomBytes(32))
  return { privateKey, verifierKey: parseCosignerKey(privateKey, () => 0).verifierKey }
}

/** @throws WitnessError naming the file and nothing of what is in it */
export function readWitnessKey(file: string, nowMs: () => number): NoteSigner {
  try {
    const [text = ''] = readFileSync(file, 'utf8').trim().split('\n')
    return parseCosignerKey(text, () => Math.floor(nowMs() / 1000))
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    const why = code === 'invalid_key' ? message : `it cannot be read (${code})`
    throw new WitnessError('other_key', `${file}: ${why}`, { cause })
  }
}
