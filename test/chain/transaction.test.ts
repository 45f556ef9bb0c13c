import { Transaction } from 'bitcoinjs-lib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PrivateKey } from '../../src/chain/keys.ts'
import { anchorBudgetSats, buildTransaction, dustLimitSats } from '../../src/chain/transaction.ts'
import { readEvidence } from '../../src/chain/transaction-evidence.ts'
import { coin, fixture, signedInput, testKey } from './support.ts'

const key = testKey('payer')
const other = testKey('other').address
const payload = Buffer.from('CSO1 payload of an anchor, fifty-two bytes in length')

function outputsOf(raw: Buffer) {
  return Transaction.fromBuffer(raw).outs.map((output) => output.value)
}

describe('building a transaction', () => {
  test('an anchor: version 1, the payload, change to the own address, signed by the key', () => {
    const built = buildTransaction({ key, unspentOutputs: [coin(key, 100_000n)], payload })
    const transaction = Transaction.fromBuffer(built.raw)
    expect(transaction.version).toBe(1)
    expect(transaction.getId()).toBe(built.txid)
    expect(outputsOf(built.raw)).toEqual([0n, 100_000n - built.feeSats])
    expect(built.change).toMatchObject({ txid: built.txid, index: 1, valueSats: 100_000n - built.feeSats })
    expect(readEvidence(built.raw)).toEqual({ txid: built.txid, payloads: [payload], signers: [key.address] })
  })

  test('the same request gives the same bytes, whatever the order of the coins', () => {
    const coins = [coin(key, 5_000n), coin(key, 9_000n), coin(key, 9_000n, 3, 'b'), coin(key, 99_000n, 0)]
    const one = buildTransaction({ key, unspentOutputs: coins, payload })
    expect(buildTransaction({ key, unspentOutputs: [...coins].reverse(), payload }).raw).toEqual(one.raw)
  })

  test('confirmed coins go first, larger ones first', () => {
    const coins = [coin(key, 1_000n), coin(key, 99_000n, 0), coin(key, 2_000n)]
    const inputs = (valueSats: bigint) =>
      buildTransaction({ key, unspentOutputs: coins, payments: [{ address: other, valueSats }] }).inputs.map(
        (input) => input.valueSats,
      )
    expect(inputs(600n)).toEqual([2_000n])
    expect(inputs(2_100n)).toEqual([2_000n, 1_000n])
    expect(inputs(10_000n)).toEqual([2_000n, 1_000n, 99_000n])
  })

  test('many can be built one on the change of the other', () => {
    let coins = [coin(key, 1_000_000n)]
    for (let count = 0; count < 50; count++) {
      const { change, feeSats } = buildTransaction({ key, unspentOutputs: coins, payload })
      expect(change!.valueSats).toBe(coins[0]!.valueSats - feeSats)
      coins = [change!]
    }
  })

  test('the fee is never under the size, hardly over it, and all of the money is there', () => {
    const keys = [key, new PrivateKey(key.privateKey, false)]
    const values = fc.array(fc.bigInt(600n, 10_000_000n), { minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(
        values,
        values,
        fc.constantFrom(1, 1.5, 7),
        fc.constantFrom(...keys),
        (ins, outs, feeRate, payer) => {
          const coins = ins.map((valueSats, index) => coin(payer, valueSats, 1, `${index}`))
          const payments = outs.map((valueSats) => ({ address: other, valueSats }))
          let built: ReturnType<typeof buildTransaction>
          try {
            built = buildTransaction({ key: payer, unspentOutputs: coins, payments, payload, feeRate })
          } catch (error) {
            expect(error).toMatchObject({
              code: 'insufficient_funds',
              availableSats: ins.reduce((a, b) => a + b, 0n),
            })
            return
          }
          const size = built.raw.length
          const inSats = built.inputs.reduce((sum, input) => sum + input.valueSats, 0n)
          const outSats = outputsOf(built.raw).reduce((a, b) => a + b, 0n)
          expect(inSats - outSats).toBe(built.feeSats)
          expect(Number(built.feeSats)).toBeGreaterThanOrEqual(size * feeRate)
          const slack = built.change ? 0 : Number(dustLimitSats) + 34 * feeRate
          expect(Number(built.feeSats)).toBeLessThanOrEqual(
            (size + 3 * built.inputs.length) * feeRate + 11 + slack,
          )
          if (built.change) expect(built.change.valueSats).toBeGreaterThanOrEqual(dustLimitSats)
          expect(readEvidence(built.raw).signers).toEqual([payer.address])
        },
      ),
      { numRuns: 40 },
    )
  })

  test('change that would be dust goes to the fee', () => {
    const { feeSats } = buildTransaction({ key, unspentOutputs: [coin(key, 100_000n)], payload })
    const most = buildTransaction({ key, unspentOutputs: [coin(key, feeSats + 545n)], payload })
    expect(most).toMatchObject({ feeSats: feeSats + 545n, change: undefined })
    const least = buildTransaction({ key, unspentOutputs: [coin(key, feeSats + 546n)], payload })
    expect(least.change?.valueSats).toBe(546n)
    expect(anchorBudgetSats(key, payload)).toBe(feeSats + 546n)
  })

  test('too little: the error says what is there and what is needed', () => {
    const payments = [{ address: other, valueSats: 100_000_000n }]
    const build = () =>
      buildTransaction({ key, unspentOutputs: [coin(key, 70_000n), coin(key, 5_000n)], payments })
    expect(build).toThrow(
      expect.objectContaining({
        code: 'insufficient_funds',
        availableSats: 75_000n,
        requiredSats: 100_000_350n,
      }),
    )
    expect(build).toThrow(`insufficient fund: ${key.address} has 75000 satoshis, 100000350 are needed`)
    expect(() => buildTransaction({ key, unspentOutputs: [], payload })).toThrow(
      /has 0 satoshis, \d+ are needed/,
    )
  })

  test.each([
    ['a payment of dust', { payments: [{ address: other, valueSats: 545n }] }, 'bad_amount'],
    ['a negative payment', { payments: [{ address: other, valueSats: -1n }] }, 'bad_amount'],
    ['no output', {}, 'bad_amount'],
    ['a rate that is no number', { payload, feeRate: Number.NaN }, 'bad_amount'],
    ['a wrong address', { payments: [{ address: 'nobody', valueSats: 600n }] }, 'bad_address'],
    ['a payload of one byte', { payload: Buffer.of(1) }, 'bad_payload'],
    ['a payload of 81 bytes', { payload: Buffer.alloc(81, 1) }, 'bad_payload'],
    ['a payload with the deletion marker', { payload: Buffer.from('DX..') }, 'bad_payload'],
  ])('%s is refused', (_name, request, code) => {
    const unspentOutputs = [coin(key, 100_000n)]
    expect(() => buildTransaction({ key, unspentOutputs, ...request })).toThrow(
      expect.objectContaining({ code }),
    )
  })
})

describe('what a transaction proves by itself', () => {
  const vectors = fixture<{ transactions: { raw: string; txid: string; signers: string[] }[] }>(
    'signed-transactions.json',
  )
  test.each(vectors.transactions)('$txid of mainnet', ({ raw, txid, signers }) => {
    expect(readEvidence(Buffer.from(raw, 'hex'))).toEqual({ txid, payloads: [], signers })
  })

  test('any flipped bit takes the signer away', () => {
    const { raw } = buildTransaction({ key, unspentOutputs: [coin(key, 100_000n)], payload })
    fc.assert(
      fc.property(fc.nat(raw.length - 1), fc.nat(7), (place, bit) => {
        const altered = Buffer.from(raw)
        altered[place]! ^= 1 << bit
        try {
          expect(readEvidence(altered).signers).not.toContain(key.address)
        } catch (error) {
          expect(error).toMatchObject({ code: 'malformed' })
        }
      }),
      { numRuns: 300 },
    )
  })

  test('a signature that does not cover the outputs does not count', () => {
    const built = buildTransaction({ key, unspentOutputs: [coin(key, 100_000n)], payload })
    const transaction = Transaction.fromBuffer(built.raw)
    for (const hashType of [Transaction.SIGHASH_NONE, Transaction.SIGHASH_SINGLE, 0x81]) {
      transaction.setInputScript(0, signedInput(transaction, key, hashType))
      expect(readEvidence(Buffer.from(transaction.toBuffer())).signers).toEqual([])
    }
    transaction.setInputScript(0, signedInput(transaction, key, Transaction.SIGHASH_ALL))
    expect(readEvidence(Buffer.from(transaction.toBuffer())).signers).toEqual([key.address])
  })

  test('64 bytes, which a Merkle node has, and a huge transaction are no evidence', () => {
    for (const size of [0, 9, 64, 100_001]) {
      expect(() => readEvidence(Buffer.alloc(size))).toThrow(expect.objectContaining({ code: 'malformed' }))
    }
  })
})
