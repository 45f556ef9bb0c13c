import { describe, expect, test } from 'vitest'
import { prepareAnchor, recharge } from '../../src/chain/wallet.ts'
import { testKey } from '../chain/support.ts'
import { fundOf, startNode } from './support.ts'

const key = testKey('api')

async function start() {
  const running = await startNode({ fund: fundOf(key.address) })
  async function get(path: string) {
    const response = await fetch(running.node.endpoint + path)
    const text = await response.text()
    expect(response.headers.get('x-chain')).toBe('development')
    const json = response.headers.get('content-type')?.startsWith('application/json')
    return { status: response.status, body: json ? JSON.parse(text) : text }
  }
  const post = (body: string, headers = {}) =>
    fetch(`${running.node.endpoint}/transactions`, { method: 'POST', body, headers })
  const anchor = (text: string) =>
    prepareAnchor({ client: running.client, keys: [key], payload: Buffer.from(text) })
  return { ...running, get, post, anchor }
}

const notFound = {
  status: 404,
  body: { error_type: 'io.coinstack#ResourceNotFoundError', error_code: 3003, retry: false },
}

describe('REST API as Coinstack has it', () => {
  test('the chain calls itself a development chain', async () => {
    const { get, node } = await start()
    expect(await get('/')).toEqual({ status: 200, body: 'CoinStack Core' })
    const best_block_hash = expect.stringMatching(/^[0-9a-f]{64}$/)
    expect(await get('/blockchain')).toEqual({
      status: 200,
      body: { best_block_hash, best_height: node.height(), chain: 'development' },
    })
    expect((await get('/nothing/here')).status).toBe(404)
  })

  test('blocks', async () => {
    const { get, node } = await start()
    const { hash, height } = await node.mine()
    const [parent] = (await get(`/blocks/height/${height - 1}`)).body
    const { body } = await get(`/blocks/${hash}`)
    expect(body).toEqual({
      block_hash: hash,
      height,
      confirmation_time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      parent,
      transaction_list: [expect.any(String)],
    })
    expect((await get(`/blocks/${parent}`)).body.children).toEqual([hash])
    expect((await get(`/blocks/${hash}?format=hex`)).body).toMatch(/^([0-9a-f]{2})+$/)
    expect((await get(`/blocks/${hash}/transactions`)).body).toEqual([])
    for (const wrong of [height + 1, -1, 'x']) {
      expect(await get(`/blocks/height/${wrong}`)).toMatchObject({
        status: 500,
        body: { error_code: 4001, retry: true },
      })
    }
    expect(await get('/blocks/nonsense')).toMatchObject(notFound)
    expect(await get(`/blocks/${'0'.repeat(64)}`)).toMatchObject(notFound)
  })

  test('a transaction, waiting and mined', async () => {
    const { get, node, post, anchor } = await start()
    const built = await anchor('shape')
    const sent = await post(JSON.stringify({ tx: built.raw.toString('hex') }))
    expect([sent.status, await sent.json()]).toEqual([200, { status: 'successful' }])
    const [input] = built.inputs
    const common = {
      transaction_hash: built.txid,
      coinbase: false,
      is_deleted: false,
      inputs: [
        {
          transaction_hash: input!.txid,
          output_index: input!.index,
          address: [key.address],
          value: '100000000',
        },
      ],
      outputs: [
        { index: 0, address: [], value: '0', script: expect.stringMatching(/^6a057368617065$/), used: false },
        {
          index: 1,
          address: [key.address],
          value: built.change!.valueSats.toString(),
          script: built.change!.script.toString('hex'),
          used: false,
        },
      ],
      addresses: [key.address],
    }
    expect((await get(`/transactions/${built.txid}`)).body).toEqual({
      ...common,
      block_hash: [],
      time: expect.stringMatching(/T\d\d:\d\d:\d\d\.\d{9}Z$/),
    })
    const { hash, height } = await node.mine()
    expect((await get(`/transactions/${built.txid}`)).body).toEqual({
      ...common,
      block_hash: [{ block_hash: hash, block_height: height }],
      time: (await get(`/blocks/${hash}`)).body.confirmation_time,
    })
    expect((await get(`/transactions/${built.txid}?format=hex`)).body).toBe(built.raw.toString('hex'))
    const [coinbase] = (await get(`/blocks/${hash}`)).body.transaction_list
    expect((await get(`/transactions/${coinbase}`)).body).toMatchObject({ coinbase: true, inputs: [] })
    expect(await get('/transactions/nonsense')).toMatchObject(notFound)
    expect(await get(`/transactions/${'0'.repeat(64)}`)).toMatchObject(notFound)
  })

  test.each([
    ['{', { error: 'EOF' }],
    ['', { error: 'EOF' }],
    ['{"tx":"xyz"}', { error_code: 3004, error_cause: expect.stringMatching(/decode/) }],
    ['null', { error_code: 3004 }],
    ['{"tx":"00"}', { error_type: 'io.coinstack#ValidationFailed', error_code: 3004, retry: false }],
  ])('POST /transactions %j is refused', async (body, error) => {
    const { post } = await start()
    for (const headers of [{}, { 'content-type': 'application/json' }]) {
      const response = await post(body, headers)
      expect([response.status, await response.json()]).toEqual([400, expect.objectContaining(error)])
    }
  })

  test('addresses: balance, unspent outputs with the reversed hash, amount', async () => {
    const { get, client } = await start()
    const to = testKey('many coins').address
    for (const amountSats of [1000n, 2000n, 3000n])
      await recharge({ client, key, addresses: [to], amountSats })
    expect((await get(`/addresses/${to}/balance`)).body).toEqual({ balance: 6000 })
    const outputs = (await get(`/addresses/${to}/unspentoutputs`)).body
    expect(outputs).toHaveLength(3)
    const [first] = await client.unspentOutputs(to)
    expect(outputs[0]).toEqual({
      transaction_hash: Buffer.from(first!.txid, 'hex').reverse().toString('hex'),
      index: first!.index,
      value: '1000',
      script: first!.script.toString('hex'),
      confirmations: 0,
    })
    const values = async (query: string) =>
      (await get(`/addresses/${to}/unspentoutputs${query}`)).body.map(
        (output: { value: string }) => output.value,
      )
    expect(await values('?amount=1000')).toEqual(['1000'])
    expect(await values('?amount=1001')).toEqual(['1000', '2000'])
    expect((await get('/addresses/nobody/balance')).body).toEqual({ balance: 0 })
    expect((await get('/addresses/nobody/unspentoutputs')).body).toEqual([])
  })

  test('history: mempool first, then the newest; skip, limit, confirmed', async () => {
    const { get, client, node, anchor } = await start()
    const [funding] = (await get(`/addresses/${key.address}/history`)).body
    const txids = [funding]
    for (const [text, mined] of [
      ['first', true],
      ['second', true],
      ['third', false],
    ] as const) {
      const built = await anchor(text)
      await client.send(built.raw)
      txids.unshift(built.txid)
      if (mined) await node.mine()
    }
    const history = async (query: string) => (await get(`/addresses/${key.address}/history${query}`)).body
    expect(await history('')).toEqual(txids)
    expect(await history('?skip=1&limit=2')).toEqual(txids.slice(1, 3))
    expect(await history('?limit=0')).toEqual([])
    expect(await history('?confirmed=1')).toEqual(txids.slice(1))
    expect(await history('?confirmed=1&skip=1')).toEqual(txids.slice(2))
    expect(await history('?confirmed=0')).toEqual(txids.slice(0, 1))
    expect((await get('/addresses/nobody/history')).body).toBeNull()
  })
})
