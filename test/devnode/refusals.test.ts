import { opcodes, script, Transaction } from 'bitcoinjs-lib'
import { describe, expect, test } from 'vitest'
import { hashBytes } from '../../src/chain/hash.ts'
import { scriptOfAddress } from '../../src/chain/keys.ts'
import type { UnspentOutput } from '../../src/chain/types.ts'
import { signedInput, testKey } from '../chain/support.ts'
import { fundOf, startNode } from './support.ts'

const key = testKey('refused')
const stranger = testKey('stranger')
const own = scriptOfAddress(key.address)
const multisig = script.compile([opcodes.OP_1!, key.publicKey, opcodes.OP_1!, opcodes.OP_CHECKMULTISIG!])
const data = (...bytes: number[]) => script.compile([opcodes.OP_RETURN!, Buffer.from(bytes)])

interface Change {
  version?: number
  locktime?: number
  sequence?: number
  outputs?: [script: Uint8Array, valueSats: bigint][]
  feeSats?: bigint
  signer?: typeof key
  hashType?: number
  highS?: boolean
  /** Last word: gets the signed transaction. */
  after?: (transaction: Transaction, from: UnspentOutput) => void
}

/** A transaction that would be taken, but for the change. */
function spend(from: UnspentOutput, change: Change): Buffer {
  const transaction = new Transaction()
  transaction.version = change.version ?? 1
  transaction.locktime = change.locktime ?? 0
  transaction.addInput(hashBytes(from.txid), from.index, change.sequence ?? 0xffffffff)
  for (const [output, valueSats] of change.outputs ?? []) transaction.addOutput(output, valueSats)
  const paidSats = transaction.outs.reduce((sum, output) => sum + output.value, 0n)
  transaction.addOutput(own, from.valueSats - paidSats - (change.feeSats ?? 1_000n))
  transaction.setInputScript(
    0,
    signedInput(transaction, change.signer ?? key, change.hashType ?? Transaction.SIGHASH_ALL, change.highS),
  )
  change.after?.(transaction, from)
  return Buffer.from(transaction.toBuffer())
}

describe("the development node refuses, in the node's wording", () => {
  const table: [name: string, change: Change, reason: RegExp][] = [
    ['no fee', { feeSats: 0n }, /has 0 fees which is under the required amount of \d+/],
    ['too little', { feeSats: 150n }, /has 150 fees which is under the required amount of 1\d\d/],
    ['dust', { outputs: [[own, 545n]] }, /payment of 545 is dust/],
    ['version 2', { version: 2 }, /transaction version 2 is not in the valid range of 1-1/],
    [
      'a multisig output',
      { outputs: [[multisig, 1_000n]] },
      /transaction output 0: non-standard script form/,
    ],
    ['data of one byte', { outputs: [[data(0x99), 0n]] }, /payload of one byte/],
    ['data with the deletion marker', { outputs: [[data(0x44, 0x58, 1), 0n]] }, /deletion marker/],
    ['a lock time to come', { locktime: 10_000, sequence: 0 }, /transaction is not finalized/],
    ['more out than in', { feeSats: -1n }, /which is less than amount spent of/],
    ['a high S', { highS: true }, /invalid low s signature/],
    ['another key', { signer: stranger }, /public key does not hash/],
    ['a wrong signature', { after: (t) => t.outs[0]!.value-- }, /signature is not valid/],
    [
      'an undefined hash type',
      { after: (t) => t.ins[0]!.script.set([0x04], t.ins[0]!.script[0]!) },
      /malformed signature/,
    ],
    ['no signature', { after: (t) => t.setInputScript(0, new Uint8Array()) }, /non-standard script form/],
    [
      'a script that computes',
      { after: (t) => t.setInputScript(0, script.compile([opcodes.OP_DUP!])) },
      /not push only/,
    ],
    ['no output', { after: (t) => t.outs.splice(0) }, /transaction has no outputs/],
    ['no input', { after: (t) => t.ins.splice(0) }, /TX decode failed/],
    [
      'the same input twice',
      { after: (t) => t.ins.push(t.ins[0]!) },
      /transaction contains duplicate inputs/,
    ],
    [
      'an unknown output',
      { after: (t) => t.ins[0]!.hash.fill(7) },
      /orphan transaction .* references outputs of unknown or fully-spent transaction (07){32}/,
    ],
    [
      'an output number that is not there',
      {
        after: (t) => {
          t.ins[0]!.index = 99
        },
      },
      /orphan transaction/,
    ],
    [
      'a coinbase',
      {
        after: (t) => {
          t.ins[0]!.hash.fill(0)
          t.ins[0]!.index = 0xffffffff
        },
      },
      /individual coinbase/,
    ],
    [
      'more money than there is',
      { outputs: [[own, 2_100_000_000_000_001n]], feeSats: -2_100_000_000_000_001n },
      /higher than max allowed value/,
    ],
  ]

  test('all of them, and takes the same transaction without the fault', async () => {
    const { client, node } = await startNode({ fund: fundOf(key.address) })
    const [coin] = await client.unspentOutputs(key.address)
    for (const [name, change, reason] of table) {
      const sent = client.send(spend(coin!, change))
      await expect(sent, name).rejects.toMatchObject({ message: expect.stringMatching(reason), retry: false })
    }
    // Maturity is looked at before the signature, so a stranger's coinbase shows it too.
    const { bestBlockHash } = await client.status()
    const [coinbase] = (await client.block(bestBlockHash))!.txids
    const immature = { ...coin!, txid: coinbase!, index: 0, valueSats: 5_000_000_000n }
    await expect(client.send(spend(immature, {}))).rejects.toThrow(/before required maturity of 100 blocks/)
    for (const raw of [Buffer.from('00', 'hex'), Buffer.from('no transaction'), Buffer.alloc(300)]) {
      await expect(client.send(raw)).rejects.toThrow(/TX decode failed|transaction has no inputs/)
    }
    expect(await client.balanceSats(key.address)).toBe(100_000_000n)

    const accepted = [spend(coin!, { hashType: 0x81, feeSats: 193n }), spend(coin!, {})]
    await client.send(accepted[0]!)
    await expect(client.send(accepted[1]!)).rejects.toThrow(
      /already spent by transaction \w+ in the memory pool/,
    )
    await node.mine()
    expect(await client.balanceSats(key.address)).toBe(100_000_000n - 193n)
    await expect(client.send(accepted[1]!)).rejects.toThrow(/orphan transaction/)
  })
})
