import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import vectors from '../../fixtures/tree/signed-notes.json' with { type: 'json' }
import { ed25519PrivateKey, ed25519PublicKey, ed25519PublicKeyBytes } from '../../src/tree/ed25519.ts'
import { TreeError } from '../../src/tree/errors.ts'
import {
  ed25519Signer,
  ed25519Verifier,
  formatKeyId,
  formatVerifierKey,
  openNote,
  parseNote,
  parseVerifierKey,
  signNote,
} from '../../src/tree/signed-note.ts'

const { text } = vectors
const { PeterNeumann, EnochRoot } = vectors.keys
const keyOf = (seed: string) => ed25519PrivateKey(Buffer.from(seed, 'hex'))
const peter = ed25519Signer('PeterNeumann', keyOf(PeterNeumann.seed))
const enoch = ed25519Signer('EnochRoot', keyOf(EnochRoot.seed))
const peterVerifier = parseVerifierKey(PeterNeumann.verifierKey)
const enochVerifier = parseVerifierKey(EnochRoot.verifierKey)
const peterNote = `${text}\n${PeterNeumann.signatureLine}`
const bothNote = peterNote + EnochRoot.signatureLine

const coded = (code: string) => expect.objectContaining({ name: 'TreeError', code })
const names = (signatures: readonly { name: string }[]) => signatures.map(({ name }) => name)

describe('C2SP signed-note: keys', () => {
  test.each(Object.entries(vectors.keys))('the published key of %s', (name, { seed, verifierKey }) => {
    const key = keyOf(seed)
    expect(formatVerifierKey(name, key)).toBe(verifierKey)
    const verifier = parseVerifierKey(verifierKey)
    expect(verifier.name).toBe(name)
    expect(formatKeyId(verifier.keyId)).toBe(verifierKey.split('+')[1])
    expect(ed25519Signer(name, key).keyId).toBe(verifier.keyId)
    expect(formatVerifierKey(name, ed25519PublicKey(ed25519PublicKeyBytes(key)))).toBe(verifierKey)
  })

  test.each(Object.entries(vectors.badVerifierKeys))('refuses a %s', (_, verifierKey) => {
    expect(() => parseVerifierKey(verifierKey)).toThrow(coded('invalid_key'))
  })

  test('any part of a verifier key and any altered character is refused', () => {
    const key = PeterNeumann.verifierKey
    for (let i = 0; i < key.length; i++) {
      for (let j = i + 1; j <= key.length; j++)
        if (j - i < key.length) expect(() => parseVerifierKey(key.slice(i, j))).toThrow(coded('invalid_key'))
      const next = String.fromCharCode(key.charCodeAt(i) + 1)
      expect(() => parseVerifierKey(key.slice(0, i) + next + key.slice(i + 1))).toThrow(coded('invalid_key'))
    }
    for (const bad of [`${key}\n`, ` ${key}`, key.toUpperCase(), ''])
      expect(() => parseVerifierKey(bad)).toThrow(coded('invalid_key'))
  })

  test('a key name has no space, plus or control character', () => {
    for (const name of [
      '',
      'a b',
      'a+b',
      'a\u00a0b',
      'a\u0085',
      'a\nb',
      'a\tb',
      '\u2028',
      'a\u0001',
      '\ud800',
    ])
      expect(() => ed25519Signer(name, keyOf(EnochRoot.seed))).toThrow(coded('invalid_key'))
    expect(ed25519Signer('età.example/\u{1F511}', keyOf(EnochRoot.seed)).name).toBe('età.example/\u{1F511}')
  })

  test('a key has 32 bytes and is an Ed25519 key', () => {
    for (const length of [0, 31, 33]) {
      expect(() => ed25519PrivateKey(new Uint8Array(length))).toThrow(coded('invalid_key'))
      expect(() => ed25519PublicKey(new Uint8Array(length))).toThrow(coded('invalid_key'))
    }
  })
})

describe('C2SP signed-note: signing', () => {
  test('gives the published signatures', () => {
    expect(signNote(text, [peter])).toBe(peterNote)
    expect(signNote(text, [peter, enoch])).toBe(bothNote)
  })

  test('adds to earlier signatures and replaces those of the same key', () => {
    const { verified } = openNote(peterNote, [peterVerifier])
    expect(signNote(text, [enoch], verified)).toBe(bothNote)
    const stale = verified.map((signature) => ({ ...signature, signature: Buffer.alloc(64) }))
    expect(signNote(text, [peter], stale)).toBe(peterNote)
  })

  test.each(['abc', '', 'abc\n\n\u2014', 'a\tb\n', 'a\rb\n', 'lone \ud800\n'])(
    'refuses the text %j',
    (bad) => {
      expect(() => signNote(bad, [peter])).toThrow(coded('malformed_note'))
    },
  )

  test('refuses to make a note without a signature', () => {
    expect(() => signNote(text, [])).toThrow(coded('malformed_note'))
  })

  test('refuses a signer whose name breaks the line', () => {
    expect(() => signNote(text, [{ ...peter, name: 'bad name' }])).toThrow(coded('malformed_note'))
  })

  test('what was signed opens, whatever the text', () => {
    const line = fc
      .string({ unit: 'grapheme' })
      .filter((s) => [...s].every((c) => c >= ' ' && !/\p{Surrogate}/u.test(c)))
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const any = `${lines.join('\n')}\n`
        const note = signNote(any, [peter, enoch])
        for (const form of [note, Buffer.from(note)]) {
          const opened = openNote(form, [enochVerifier])
          expect(opened.text).toBe(any)
          expect(names(opened.verified)).toEqual(['EnochRoot'])
          expect(names(opened.unknown)).toEqual(['PeterNeumann'])
        }
      }),
    )
  })
})

describe('C2SP signed-note: opening', () => {
  test('"Verifiers MUST ignore signatures from unknown keys"', () => {
    const opened = openNote(bothNote, [peterVerifier])
    expect(opened.text).toBe(text)
    expect(names(opened.verified)).toEqual(['PeterNeumann'])
    expect(names(opened.unknown)).toEqual(['EnochRoot'])
    expect(names(openNote(bothNote, [peterVerifier, enochVerifier]).verified)).toEqual([
      'PeterNeumann',
      'EnochRoot',
    ])
  })

  test('"even if they share a name or ID (but not both) with a known key"', () => {
    const sameName = ed25519Verifier(
      'PeterNeumann',
      ed25519PublicKey(ed25519PublicKeyBytes(keyOf(EnochRoot.seed))),
    )
    const sameId = { ...enochVerifier, keyId: peterVerifier.keyId }
    expect(() => openNote(peterNote, [sameName, sameId])).toThrow(coded('unverified_note'))
    expect(names(openNote(peterNote, [sameName, sameId, peterVerifier]).verified)).toEqual(['PeterNeumann'])
  })

  test('"If no signature from a known key verifies successfully, clients MUST reject the note"', () => {
    expect(() => openNote(bothNote, [])).toThrow(coded('unverified_note'))
  })

  test('"If a signature from a known key fails to verify, clients SHOULD reject the whole note"', () => {
    const line = PeterNeumann.signatureLine
    const altered = peterNote.replace('answer', 'Answer')
    const lengthened = `${text}\n${line.slice(0, 58)}ABCD${line.slice(58)}`
    const shortened = signNote(text, [{ ...peter, sign: (bytes) => peter.sign(bytes).subarray(1) }])
    for (const bad of [altered, lengthened, shortened])
      expect(() => openNote(bad, [peterVerifier])).toThrow(coded('invalid_signature'))
    const ofOtherText = signNote(`${text}more\n`, [peter]).split('\n').at(-2)
    const rightThenWrong = `${bothNote}${ofOtherText}\n`
    expect(() => openNote(rightThenWrong, [peterVerifier, enochVerifier])).toThrow(coded('invalid_signature'))
  })

  test('one key may sign twice and counts once', () => {
    const twice = `${peterNote}${PeterNeumann.signatureLine}`
    expect(names(openNote(twice, [peterVerifier]).verified)).toEqual(['PeterNeumann'])
  })

  test('two verifiers for one key are a fault of the configuration, if it signed', () => {
    const verifiers = [enochVerifier, peterVerifier, enochVerifier]
    expect(() => openNote(bothNote, verifiers)).toThrow(coded('invalid_key'))
    expect(names(openNote(peterNote, verifiers).verified)).toEqual(['PeterNeumann'])
  })

  test('100 signatures are read, 101 are too many', () => {
    const filler = (count: number) => EnochRoot.signatureLine.repeat(count)
    expect(names(openNote(`${peterNote}${filler(99)}`, [peterVerifier]).verified)).toEqual(['PeterNeumann'])
    expect(() => openNote(`${peterNote}${filler(100)}`, [peterVerifier])).toThrow(coded('malformed_note'))
  })

  test('any altered byte fails', () => {
    const bytes = Buffer.from(peterNote)
    for (let i = 0; i < bytes.length; i++) {
      const altered = Buffer.from(bytes)
      altered[i]! ^= 1
      expect(() => openNote(altered, [peterVerifier])).toThrow(TreeError)
    }
  })

  const { signatureLine } = PeterNeumann
  test.each<[string, string | Buffer]>([
    ['nothing', ''],
    ['a text alone', text],
    ['no signature line', `${text}\n`],
    ['no empty line', text + signatureLine],
    ['no newline at the end', peterNote.slice(0, -1)],
    ['a line after the signatures', `${peterNote}Unexpected line.\n`],
    ['an empty line after the signatures', `${peterNote}\n`],
    ['a hyphen for the em dash', `${text}\n${signatureLine.replace('\u2014', '-')}`],
    ['a name with a space', `${text}\n${signatureLine.replace('PeterN', 'Peter N')}`],
    ['a name with a plus', `${text}\n${signatureLine.replace('PeterN', 'Peter+N')}`],
    ['a name with a no-break space', `${text}\n${signatureLine.replace('PeterN', 'Peter\u00a0N')}`],
    ['no name', `${text}\n${signatureLine.replace('PeterNeumann', '')}`],
    ['two spaces', `${text}\n${signatureLine.replace('n x', 'n  x')}`],
    ['a space at the end', `${text}\n${signatureLine.replace('=\n', '= \n')}`],
    ['base64 without padding', `${text}\n${signatureLine.replace('=\n', '\n')}`],
    ['base64 with stray bits', `${text}\n${signatureLine.replace('AM=\n', 'AN=\n')}`],
    ['base64url', `${text}\n${signatureLine.replace('o/Z', 'o_Z')}`],
    ['a key ID alone', `${text}\n\u2014 PeterNeumann x08gow==\n`],
    ['a control character', `\u0001${peterNote}`],
    ['a carriage return', peterNote.replaceAll('\n', '\r\n')],
    ['a lone surrogate', `\ud800${peterNote}`],
    ['bytes that are not UTF-8', Buffer.concat([Buffer.of(0xff), Buffer.from(peterNote)])],
  ])('refuses %s', (_, note) => {
    expect(() => openNote(note, [peterVerifier])).toThrow(coded('malformed_note'))
  })

  test('a byte order mark is text', () => {
    const note = signNote(`\ufeff${text}`, [peter])
    expect(openNote(Buffer.from(note), [peterVerifier]).text).toBe(`\ufeff${text}`)
  })

  test('the text goes up to the last empty line', () => {
    const nested = signNote(peterNote, [enoch])
    expect(parseNote(nested).text).toBe(peterNote)
    expect(names(parseNote(nested).signatures)).toEqual(['EnochRoot'])
  })

  test('anything else is refused by its own error only', () => {
    const piece = fc.constantFrom(
      '\n',
      '\n\n',
      '\u2014 ',
      'PeterNeumann',
      ' ',
      'x08go/ZJ',
      '=',
      signatureLine,
      text,
    )
    const noteLike = fc.array(fc.oneof(piece, fc.string())).map((parts) => parts.join(''))
    fc.assert(
      fc.property(fc.oneof(noteLike, fc.uint8Array()), (note) => {
        try {
          parseNote(note)
        } catch (error) {
          expect(error).toBeInstanceOf(TreeError)
        }
      }),
      { numRuns: 500 },
    )
  })
})
