import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import vectors from '../../fixtures/tree/checkpoints.json' with { type: 'json' }
import {
  type Checkpoint,
  encodeCheckpoint,
  openCheckpoint,
  parseCheckpoint,
  signCheckpoint,
} from '../../src/tree/checkpoint.ts'
import { ed25519PrivateKey } from '../../src/tree/ed25519.ts'
import { TreeError } from '../../src/tree/errors.ts'
import { ed25519Signer, formatVerifierKey, parseNote, parseVerifierKey } from '../../src/tree/signed-note.ts'
import { buildLog } from './log.ts'

const coded = (code: string) => expect.objectContaining({ name: 'TreeError', code })

const origin = 'signon.example/ledger'
const key = ed25519PrivateKey(Buffer.alloc(32, 7))
const signer = ed25519Signer(origin, key)
const verifier = parseVerifierKey(formatVerifierKey(origin, key))

const line = fc.string({ minLength: 1 }).filter((s) => !s.includes('\n'))
const checkpoints: fc.Arbitrary<Checkpoint> = fc
  .record({
    origin: line,
    size: fc.maxSafeNat(),
    root: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes)),
    extensions: fc.array(line),
  })
  .map(({ extensions, ...head }) => (extensions.length > 0 ? { ...head, extensions } : head))

describe('C2SP tlog-checkpoint: note text', () => {
  test('reads the example', () => {
    const { text, signatures } = parseNote(vectors.note)
    const checkpoint = parseCheckpoint(text)
    expect(checkpoint).toEqual({
      origin: vectors.origin,
      size: vectors.size,
      root: Buffer.from(vectors.root, 'hex'),
    })
    expect(encodeCheckpoint(checkpoint)).toBe(text)
    expect(signatures.map(({ name }) => name)).toEqual([vectors.origin, 'witness.example.com/w1'])
  })

  test.each(Object.entries(vectors.malformed))('refuses: %s', (_, text) => {
    expect(() => parseCheckpoint(text)).toThrow(coded('malformed_checkpoint'))
  })

  test('every checkpoint is read as it was written', () => {
    fc.assert(
      fc.property(checkpoints, (checkpoint) => {
        expect(parseCheckpoint(encodeCheckpoint(checkpoint))).toEqual(checkpoint)
      }),
    )
  })

  test('arbitrary text is read exactly or refused by its own error only', () => {
    const piece = fc.constantFrom(
      '\n',
      '0',
      '12',
      vectors.origin,
      'CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=',
    )
    const near = fc.array(fc.oneof({ weight: 4, arbitrary: piece }, { weight: 1, arbitrary: fc.string() }))
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          near.map((parts) => parts.join('')),
          near.map((parts) => `${parts.join('\n')}\n`),
        ),
        (text) => {
          let checkpoint: Checkpoint
          try {
            checkpoint = parseCheckpoint(text)
          } catch (error) {
            expect(error).toBeInstanceOf(TreeError)
            expect(error).toMatchObject({ code: 'malformed_checkpoint' })
            return
          }
          expect(encodeCheckpoint(checkpoint)).toBe(text)
        },
      ),
      { numRuns: 2000 },
    )
  })

  test('what cannot be read is not written', () => {
    const good: Checkpoint = { origin, size: 1, root: Buffer.alloc(32) }
    for (const bad of [
      { origin: '' },
      { origin: 'two\nlines' },
      { origin: 'x\n1' },
      { size: -1 },
      { size: 1.5 },
      { size: 2 ** 53 },
      { size: Number.NaN },
      { root: Buffer.alloc(31) },
      { extensions: [''] },
      { extensions: ['two\nlines'] },
    ])
      expect(() => encodeCheckpoint({ ...good, ...bad })).toThrow(coded('malformed_checkpoint'))
  })
})

describe('C2SP tlog-checkpoint: signatures', () => {
  const { frontier } = buildLog(12)
  const checkpoint: Checkpoint = { origin, size: frontier.size, root: frontier.root() }
  const note = signCheckpoint(checkpoint, [signer])

  test('a signed checkpoint opens', () => {
    const opened = openCheckpoint(note, origin, [verifier])
    expect(opened.checkpoint).toEqual(checkpoint)
    expect(opened.verified).toMatchObject([{ name: origin, keyId: signer.keyId }])
    expect(opened.unknown).toEqual([])
    expect(openCheckpoint(Buffer.from(note), origin, [verifier]).checkpoint).toEqual(checkpoint)
  })

  test('the checkpoint of another log is refused', () => {
    expect(() => openCheckpoint(note, 'other.example/ledger', [verifier])).toThrow(coded('unexpected_origin'))
  })

  test('nothing is read of a checkpoint that no known key signed', () => {
    expect(() => openCheckpoint(note, origin, [])).toThrow(coded('unverified_note'))
    expect(() => openCheckpoint(note.replace('\n12\n', '\n13\n'), origin, [verifier])).toThrow(
      coded('invalid_signature'),
    )
  })

  test('a signed note that is no checkpoint is refused', () => {
    const forged = { ...signer, sign: () => signer.sign(Buffer.from('hello\n')) }
    const hello = signCheckpoint(checkpoint, [forged]).replace(encodeCheckpoint(checkpoint), 'hello\n')
    expect(() => openCheckpoint(hello, origin, [verifier])).toThrow(coded('malformed_checkpoint'))
  })

  test('any altered byte fails', () => {
    const bytes = Buffer.from(note)
    for (let i = 0; i < bytes.length; i++) {
      const altered = Buffer.from(bytes)
      altered[i]! ^= 1
      expect(() => openCheckpoint(altered, origin, [verifier])).toThrow(TreeError)
    }
  })
})
