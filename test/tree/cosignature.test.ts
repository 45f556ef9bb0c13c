/** C2SP tlog-cosignature: the encodings as the specification has them, and what must not count. */
import { createHash, sign } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { openCheckpoint, signCheckpoint } from '../../src/tree/checkpoint.ts'
import {
  cosignatureVerifier,
  cosigner,
  formatCosignerKey,
  formatCosignerVerifierKey,
  parseCosignerKey,
  parseCosignerVerifierKey,
  timestampOf,
} from '../../src/tree/cosignature.ts'
import { ed25519PrivateKey, ed25519PublicKey, ed25519PublicKeyBytes } from '../../src/tree/ed25519.ts'
import { ed25519Signer, openNote, parseNote, parseVerifierKey, signNote } from '../../src/tree/signed-note.ts'

const name = 'witness.example.com/w1'
const seed = Buffer.alloc(32, 3)
const privateKey = ed25519PrivateKey(seed)
const publicKeyBytes = ed25519PublicKeyBytes(privateKey)
const publicKey = ed25519PublicKey(publicKeyBytes)
const atSeconds = 1679315147
const witness = cosigner(name, privateKey, () => atSeconds)
const verifier = cosignatureVerifier(name, publicKey)

/** The example of the specification. */
const text = 'example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n'
const example = `${text}
\u2014 example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
\u2014 witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
`

describe('as the specification has it', () => {
  test('the signature is a timestamp, big-endian, and an Ed25519 signature over two lines and the note', () => {
    const message = `cosignature/v1\ntime 1679315147\n${text}`
    const timestamp = Buffer.from('00000000641850cb', 'hex')
    expect(witness.sign(Buffer.from(text)).toString('hex')).toBe(
      Buffer.concat([timestamp, sign(null, Buffer.from(message), privateKey)]).toString('hex'),
    )
  })

  test('the key ID is the hash of name, newline, 0x04 and key', () => {
    const input = Buffer.concat([Buffer.from(name), Buffer.from('\n\x04'), publicKeyBytes])
    expect(witness.keyId).toBe(createHash('sha256').update(input).digest().readUInt32BE())
    expect(verifier.keyId).toBe(witness.keyId)
    expect(ed25519Signer(name, privateKey).keyId).not.toBe(witness.keyId)
  })

  test('the example carries the time of its text', () => {
    const [log, cosignature] = parseNote(example).signatures
    expect(timestampOf(cosignature!.signature)).toBe(1679315147n)
    expect(timestampOf(log!.signature)).toBeUndefined()
  })

  test('the public key is a vkey of type 0x04', () => {
    const vkey = formatCosignerVerifierKey(name, publicKey)
    const [, hash, material] = vkey.split('+', 2).concat(vkey.slice(vkey.indexOf('+', name.length + 1) + 1))
    expect(hash).toBe(witness.keyId.toString(16).padStart(8, '0'))
    expect(Buffer.from(material!, 'base64')).toEqual(Buffer.concat([Buffer.of(4), publicKeyBytes]))
    expect(witness.verifierKey).toBe(vkey)
    expect(parseCosignerVerifierKey(vkey).keyId).toBe(witness.keyId)
  })
})

describe('under a checkpoint', () => {
  const log = ed25519Signer('log.example', ed25519PrivateKey(Buffer.alloc(32, 1)))
  const root = Buffer.alloc(32, 5)
  const note = signCheckpoint({ origin: 'log.example', size: 7, root }, [log])
  const parsed = parseNote(note)
  const cosigned = signNote(parsed.text, [witness], parsed.signatures)

  test('log and witness can each be verified', () => {
    for (const key of [verifier, parseVerifierKey(log.verifierKey)]) {
      const { checkpoint, verified, unknown } = openCheckpoint(cosigned, 'log.example', [key])
      expect(checkpoint).toEqual({ origin: 'log.example', size: 7, root })
      expect([verified.length, unknown.length]).toEqual([1, 1])
    }
    expect(openNote(cosigned, [verifier, parseVerifierKey(log.verifierKey)]).verified).toHaveLength(2)
  })

  test('a second cosignature takes the place of the first', () => {
    const later = cosigner(name, privateKey, () => atSeconds + 60)
    const again = parseNote(signNote(parsed.text, [later], parseNote(cosigned).signatures))
    expect(again.signatures).toHaveLength(2)
    expect(timestampOf(again.signatures[1]!.signature)).toBe(BigInt(atSeconds + 60))
  })

  const bytes = Buffer.from(parsed.text)
  const right = witness.sign(bytes)
  const changed = (at: number) => {
    const copy = Buffer.from(right)
    copy[at]! ^= 1
    return copy
  }
  test.each<[string, Buffer, Buffer]>([
    ['another time', bytes, changed(7)],
    ['a time beyond 2^63 - 1', bytes, Buffer.concat([Buffer.alloc(8, 0xff), right.subarray(8)])],
    ['another signature', bytes, changed(20)],
    ['another text', Buffer.from(`${parsed.text}more\n`), right],
    ['no time', bytes, right.subarray(8)],
    ['a byte too many', bytes, Buffer.concat([right, Buffer.of(0)])],
    ['a plain signature of the same key', bytes, sign(null, bytes, privateKey)],
    ['nothing', bytes, Buffer.alloc(0)],
  ])('%s does not count', (_, signedText, signature) => {
    expect(verifier.verify(signedText, signature)).toBe(false)
    expect(verifier.verify(bytes, right)).toBe(true)
  })
})

describe('the private key as text', () => {
  const key = formatCosignerKey(name, seed)

  test('comes back', () => {
    expect(key).toMatch(/^PRIVATE\+KEY\+witness\.example\.com\/w1\+[0-9a-f]{8}\+BAMD/)
    const back = parseCosignerKey(key, () => atSeconds)
    expect(back.verifierKey).toBe(witness.verifierKey)
    expect(back.sign(Buffer.from(text))).toEqual(witness.sign(Buffer.from(text)))
  })

  test.each([
    ['nothing', ''],
    ['a public key', witness.verifierKey],
    ['another hash', key.replace(/\+[0-9a-f]{8}\+/, '+00000000+')],
    ['another name', key.replace('w1', 'w2')],
    ['a key of another type', key.replace('+BAMD', '+AQMD')],
    ['a short key', key.slice(0, -8)],
  ])('%s is refused, and not repeated', (_, given) => {
    expect(() => parseCosignerKey(given, () => 0)).toThrow(expect.objectContaining({ code: 'invalid_key' }))
    try {
      parseCosignerKey(given, () => 0)
    } catch (error) {
      expect((error as Error).message).not.toContain('AwMDAw')
    }
  })

  test('names are those of notes', () => {
    for (const bad of ['', 'a b', 'a+b', 'a\n'])
      expect(() => formatCosignerKey(bad, seed)).toThrow(expect.objectContaining({ code: 'invalid_key' }))
  })
})
