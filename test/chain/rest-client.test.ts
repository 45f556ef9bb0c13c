import { createServer, type IncomingMessage } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, describe, expect, test } from 'vitest'
import { credentialHeaders } from '../../src/chain/credentials.ts'
import type { CallKind } from '../../src/chain/rest-call.ts'
import { createRestClient } from '../../src/chain/rest-client.ts'
import { buildTransaction } from '../../src/chain/transaction.ts'
import { coin, testKey } from './support.ts'

const key = testKey('rest')
const hash = (digit: string) => digit.repeat(64)
const built = buildTransaction({ key, unspentOutputs: [coin(key, 9_000n)], payload: Buffer.from('payload') })

const stops: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

interface Answer {
  status?: number
  body: string
}
type Answers = Record<string, Answer | 'hang' | 'reset'>

/** A server that answers as written, and a client for it. */
async function clientOf(answers: Answers, settings: Partial<Parameters<typeof createRestClient>[0]> = {}) {
  const requests: { message: IncomingMessage; body: string }[] = []
  const server = createServer(async (message, response) => {
    requests.push({ message, body: await text(message) })
    const answer = answers[`${message.method} ${message.url}`] ?? { status: 404, body: '' }
    if (answer === 'hang') return
    if (answer === 'reset') message.socket.destroy()
    else response.writeHead(answer.status ?? 200).end(answer.body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  stops.push(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    requests,
    endpoint,
    client: createRestClient({ endpoint: `${endpoint}/`, timeoutMs: 10_000, ...settings }),
  }
}

function nodeError(code: number, cause?: string, retry = false): string {
  return JSON.stringify({
    error_type: 'io.coinstack#X',
    error_code: code,
    error_message: 'no',
    retry,
    error_cause: cause,
  })
}

describe('oddities of a real node', () => {
  test('unspent outputs come with the reversed hash', async () => {
    const entry = {
      transaction_hash: `${'ab'.repeat(31)}cd`,
      index: 2,
      value: '9007199254740993',
      script: '6a',
      confirmations: 0,
    }
    const { client } = await clientOf({
      [`GET /addresses/${key.address}/unspentoutputs`]: { body: JSON.stringify([entry]) },
    })
    expect(await client.unspentOutputs(key.address)).toEqual([
      {
        txid: `cd${'ab'.repeat(31)}`,
        index: 2,
        valueSats: 9007199254740993n,
        script: Buffer.of(0x6a),
        confirmations: 0,
      },
    ])
  })

  test('null for an empty list', async () => {
    const { client } = await clientOf({ [`GET /addresses/${key.address}/unspentoutputs`]: { body: 'null' } })
    expect(await client.unspentOutputs(key.address)).toEqual([])
  })

  test('a balance above 2^53 keeps its last satoshi', async () => {
    const { client } = await clientOf({
      [`GET /addresses/${key.address}/balance`]: { body: '{"balance": 9007199254740993}' },
    })
    expect(await client.balanceSats(key.address)).toBe(9007199254740993n)
  })

  test('500 / 4001 for a height above the tip is undefined, below it an error', async () => {
    const { client } = await clientOf({
      'GET /blocks/height/8': { status: 500, body: nodeError(4001) },
      'GET /blocks/height/7': { status: 500, body: nodeError(4001, undefined, true) },
      'GET /blockchain': { body: JSON.stringify({ best_block_hash: hash('a'), best_height: 7 }) },
    })
    expect(await client.blockHashAt(8)).toBeUndefined()
    await expect(client.blockHashAt(7)).rejects.toMatchObject({ code: 'unreachable', retry: true })
  })

  test("times in the node's own zone, with nanoseconds", async () => {
    const block = { block_hash: hash('a'), height: 1, parent: hash('b'), transaction_list: [hash('c')] }
    for (const time of ['2026-11-21T09:08:38+09:00', '2026-11-21T00:08:38.123456789Z']) {
      const body = JSON.stringify({ ...block, confirmation_time: time })
      const { client } = await clientOf({ [`GET /blocks/${hash('a')}`]: { body } })
      expect((await client.block(hash('a')))!.timeSeconds).toBe(Date.UTC(2026, 10, 21, 0, 8, 38) / 1000)
    }
  })

  test("of several blocks that hold a transaction the best chain's counts", async () => {
    const { client } = await clientOf({
      [`GET /transactions/${built.txid}`]: {
        body: JSON.stringify({
          transaction_hash: built.txid,
          block_hash: [
            { block_hash: hash('a'), block_height: 5 },
            { block_hash: hash('b'), block_height: 6 },
          ],
        }),
      },
      'GET /blocks/height/5': { body: JSON.stringify([hash('c')]) },
      'GET /blocks/height/6': { body: JSON.stringify([hash('b')]) },
    })
    expect(await client.transaction(built.txid)).toEqual({
      txid: built.txid,
      blockHash: hash('b'),
      blockHeight: 6,
    })
  })
})

describe('sending', () => {
  const send = (status: number, body: string, more: Answers = {}) =>
    clientOf({ 'POST /transactions': { status, body }, ...more }).then(({ client }) => client.send(built.raw))

  test.each([
    ['taken', 200, '{"status":"successful"}'],
    ['waiting already', 400, nodeError(3004, `already have transaction ${built.txid}`)],
    ['mined already', 400, nodeError(3004, 'transaction already exists')],
  ])('%s is success', async (_name, status, body) => {
    await expect(send(status, body)).resolves.toBeUndefined()
  })

  test('an orphan is success exactly where the node knows the transaction', async () => {
    const orphan = nodeError(
      3004,
      `orphan transaction ${built.txid} references outputs of unknown or fully-spent transaction`,
    )
    const known = { body: JSON.stringify({ transaction_hash: built.txid, block_hash: [] }) }
    await expect(send(400, orphan, { [`GET /transactions/${built.txid}`]: known })).resolves.toBeUndefined()
    await expect(send(400, orphan)).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringMatching(/orphan/),
    })
  })

  test.each([
    [
      400,
      nodeError(3004, 'x has 5 fees which is under the required amount of 226'),
      { code: 'fee_too_low', availableSats: 5n, requiredSats: 226n },
    ],
    [400, nodeError(3004, 'x has insufficient priority (0 <= 5.76e+07)'), { code: 'fee_too_low' }],
    [400, nodeError(3001), { code: 'refused', retry: false }],
    [400, nodeError(3002, 'throughput exceeded', true), { code: 'refused', retry: true }],
    [400, '{"error":"EOF"}', { code: 'refused', message: expect.stringMatching(/EOF/) }],
    [
      400,
      nodeError(3004, 'line\n\u001b[31mof a terminal'),
      { message: 'the node refused the transaction: line [31mof a terminal' },
    ],
    [500, '', { code: 'unreachable', retry: true }],
    [503, nodeError(4002, undefined, true), { code: 'unreachable', retry: true }],
  ])('HTTP %i %j', async (status, body, error) => {
    await expect(send(status, body)).rejects.toMatchObject(error)
  })
})

describe('a node that cannot be trusted', () => {
  const address = `GET /addresses/${key.address}`
  test.each<
    [
      string,
      Answers,
      'status' | 'balanceSats' | 'unspentOutputs' | 'transaction' | 'rawTransaction' | 'rawBlock' | 'block',
    ]
  >([
    ['no JSON', { 'GET /blockchain': { body: '<html>' } }, 'status'],
    ['another service', {}, 'status'],
    [
      'a hash that is none',
      { 'GET /blockchain': { body: '{"best_block_hash":"x","best_height":1}' } },
      'status',
    ],
    [
      'a height that is none',
      { 'GET /blockchain': { body: `{"best_block_hash":"${hash('a')}","best_height":-1}` } },
      'status',
    ],
    ['a balance as text', { [`${address}/balance`]: { body: '{"balance":"1"}' } }, 'balanceSats'],
    ['an object for a list', { [`${address}/unspentoutputs`]: { body: '{}' } }, 'unspentOutputs'],
    [
      'a value with a sign',
      {
        [`${address}/unspentoutputs`]: {
          body: `[{"transaction_hash":"${hash('a')}","index":0,"value":"-1","script":"","confirmations":0}]`,
        },
      },
      'unspentOutputs',
    ],
    [
      'another transaction',
      { [`GET /transactions/${hash('a')}`]: { body: `{"transaction_hash":"${hash('b')}","block_hash":[]}` } },
      'transaction',
    ],
    [
      'other raw bytes',
      { [`GET /transactions/${hash('a')}?format=hex`]: { body: built.raw.toString('hex') } },
      'rawTransaction',
    ],
    ['no hex', { [`GET /transactions/${hash('a')}?format=hex`]: { body: 'abc' } }, 'rawTransaction'],
    ['another block', { [`GET /blocks/${hash('a')}`]: { body: `{"block_hash":"${hash('b')}"}` } }, 'block'],
    ['no time', { [`GET /blocks/${hash('a')}`]: { body: `{"block_hash":"${hash('a')}"}` } }, 'block'],
  ])('%s is a bad answer', async (_name, answers, method) => {
    const { client } = await clientOf(answers)
    const argument = /balance|unspent/.test(method) ? key.address : hash('a')
    await expect(client[method](argument)).rejects.toMatchObject({ code: 'bad_answer' })
  })
})

describe('a node that cannot be reached', () => {
  test('refused connection, reset connection, time-out', async () => {
    const { client, endpoint } = await clientOf({ 'GET /blockchain': 'reset' })
    await expect(client.status()).rejects.toMatchObject({ code: 'unreachable', retry: true })
    const slow = await clientOf({ 'GET /blockchain': 'hang' }, { timeoutMs: 20 })
    await expect(slow.client.status()).rejects.toThrow(/nothing within 20 ms/)
    for (const stop of stops.splice(0)) await stop()
    await expect(client.status()).rejects.toThrow(`no answer from the node at ${endpoint}: ECONNREFUSED`)
  })

  test.each(['', 'localhost:3000', 'ftp://node', 'embedded'])('%j is no endpoint', (endpoint) => {
    expect(() => createRestClient({ endpoint, timeoutMs: 1 })).toThrow(/is no URL of a node/)
  })
})

test('every request is counted as a read or a write', async () => {
  const calls: CallKind[] = []
  const answers = { 'GET /blockchain': { body: '' }, 'POST /transactions': { body: '' } }
  const { client } = await clientOf(answers, { onCall: (kind) => calls.push(kind) })
  await expect(client.status()).rejects.toThrow()
  await client.send(built.raw)
  expect(calls).toEqual(['read', 'write'])
})

describe('credentials', () => {
  test('are the same as coinstack-sdk-js makes', () => {
    const CoinStack = createRequire(import.meta.url)('coinstack-sdk-js')
    const sdk = new CoinStack('an access key', 'a secret', 'node.example:3000', 'http')
    const body = '{"tx":"00"}'
    for (const [method, path, options] of [
      ['GET', '/addresses/x/history', sdk.generateOption('/addresses/x/history')],
      ['POST', '/transactions', sdk.generatePostOption('/transactions', body)],
    ]) {
      const timestamp = /Timestamp=(.*)$/.exec(options.headers.Authorization)![1]!
      const ours = credentialHeaders(
        { accessKey: 'an access key', secretKey: 'a secret' },
        {
          method,
          url: new URL(`http://node.example:3000${path}?skip=1`),
          body: method === 'POST' ? body : undefined,
          timestamp,
        },
      )
      expect(ours).toEqual(options.headers)
    }
  })

  test('go with every request', async () => {
    const answers = {
      'GET /blockchain': { body: JSON.stringify({ best_block_hash: hash('a'), best_height: 1 }) },
    }
    const signed = await clientOf(answers, {
      credentials: { accessKey: 'k', secretKey: 's' },
      clock: () => Date.UTC(2026, 10, 21),
    })
    await signed.client.status()
    const { headers } = signed.requests[0]!.message
    expect(headers.authorization).toMatch(
      /^APIKey=k,Signature=[A-Za-z0-9+/]{43}=,Timestamp=2026-11-21T00:00:00Z$/,
    )
    const bare = await clientOf(answers, { credentials: { token: 't' } })
    await bare.client.status()
    expect(bare.requests[0]!.message.headers.apikey).toBe('t')
  })
})
