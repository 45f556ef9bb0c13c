import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { isAddress } from '../chain/keys.ts'
import { blockAnswer, coinAnswer, errorAnswer, transactionAnswer } from './answers.ts'
import type { DevelopmentChain } from './development-chain.ts'
import { Refusal } from './errors.ts'
import { maximumTransactionBytes } from './parameters.ts'

/** Said in a header of every answer and in GET /blockchain, so that nobody takes it for anything else. */
const chainName = 'development'

/** A history without `limit` ends here: an answer is built in memory. */
const longestHistory = 10_000

const hashPattern = /^[0-9a-f]{64}$/

/** The Coinstack REST API over a development chain, without GET /websocket and without stamps. */
export function createRestApi(chain: DevelopmentChain, clock: () => number): FastifyInstance {
  // Hex doubles the bytes of a transaction.
  const api = Fastify({ bodyLimit: 2 * maximumTransactionBytes + 1024, forceCloseConnections: true })
  api.addHook('onRequest', async (_request, reply) => {
    reply.header('X-Chain', chainName)
  })
  // The node reads JSON whatever the content type says.
  api.removeAllContentTypeParsers()
  api.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body))

  api.get('/', async (_request, reply) => text(reply, 'CoinStack Core'))
  api.get('/blockchain', async () => {
    const tip = await chain.read(async (queries) => queries.tip())
    return { best_block_hash: tip.hash, best_height: tip.height, chain: chainName }
  })
  addBlockRoutes(api, chain)
  addTransactionRoutes(api, chain, clock)
  addAddressRoutes(api, chain)

  api.setNotFoundHandler((_request, reply) => reply.code(404).type('text/plain').send('404 page not found'))
  api.setErrorHandler((error, _request, reply) => {
    if (error instanceof Refusal) return fail(reply, 'refused', error.message)
    const status = (error as { statusCode?: number }).statusCode
    if (status !== undefined && status < 500) return fail(reply, 'refused', (error as Error).message)
    const closed = (error as { code?: string }).code === 'LEVEL_DATABASE_NOT_OPEN'
    return fail(reply, closed ? 'unavailable' : 'internal')
  })
  return api
}

function addBlockRoutes(api: FastifyInstance, chain: DevelopmentChain): void {
  api.get('/blocks/height/:height', async (request, reply) => {
    const height = Number(param(request, 'height'))
    const known = Number.isInteger(height) && height >= 0 && height <= chain.height()
    const hash = known ? await chain.read((queries) => queries.hashAt(height)) : undefined
    // Odd, and kept: a height above the tip is an internal error.
    return hash === undefined ? fail(reply, 'internal') : [hash]
  })
  api.get('/blocks/:hash', async (request, reply) => {
    const hash = param(request, 'hash')
    if (!hashPattern.test(hash)) return fail(reply, 'notFound')
    if (wantsHex(request)) {
      const raw = await chain.read((queries) => queries.rawBlock(hash))
      return raw === undefined ? fail(reply, 'notFound') : text(reply, raw.toString('hex'))
    }
    const block = await chain.read((queries) => queries.block(hash))
    return block === undefined ? fail(reply, 'notFound') : blockAnswer(block)
  })
  // Odd, and kept: always empty.
  api.get('/blocks/:hash/transactions', async () => [])
}

function addTransactionRoutes(api: FastifyInstance, chain: DevelopmentChain, clock: () => number): void {
  api.get('/transactions/:txid', async (request, reply) => {
    const txid = param(request, 'txid')
    if (!hashPattern.test(txid)) return fail(reply, 'notFound')
    if (wantsHex(request)) {
      const raw = await chain.read((queries) => queries.rawTransaction(txid))
      return raw === undefined ? fail(reply, 'notFound') : text(reply, raw.toString('hex'))
    }
    const view = await chain.read((queries) => queries.transaction(txid))
    return view === undefined ? fail(reply, 'notFound') : transactionAnswer(view, clock())
  })
  api.post('/transactions', async (request, reply) => {
    let body: unknown
    try {
      body = JSON.parse(String(request.body ?? ''))
    } catch {
      // Odd, and kept: another shape than every other error.
      return reply.code(400).send({ error: 'EOF' })
    }
    const hex = (body as { tx?: unknown } | null)?.tx
    if (typeof hex !== 'string' || !/^([0-9a-f]{2})+$/i.test(hex))
      throw new Refusal('TX decode failed: no hex in "tx"')
    await chain.submit(Buffer.from(hex, 'hex'))
    return { status: 'successful' }
  })
}

function addAddressRoutes(api: FastifyInstance, chain: DevelopmentChain): void {
  api.get('/addresses/:address/balance', async (request, reply) => {
    const address = param(request, 'address')
    const balanceSats = isAddress(address) ? await chain.read((queries) => queries.balanceSats(address)) : 0n
    // By hand: a JSON number of any size, which a double would round.
    return reply.type('application/json').send(`{"balance":${balanceSats}}`)
  })
  api.get('/addresses/:address/unspentoutputs', async (request) => {
    const address = param(request, 'address')
    const amount = query(request, 'amount')
    const enoughSats = amount !== undefined && /^\d{1,18}$/.test(amount) ? BigInt(amount) : undefined
    if (!isAddress(address)) return []
    return chain.read(async (queries) => {
      const answer: ReturnType<typeof coinAnswer>[] = []
      let sumSats = 0n
      for await (const coin of queries.spendable(address)) {
        if (enoughSats !== undefined && sumSats >= enoughSats) break
        sumSats += coin.valueSats
        answer.push(coinAnswer(coin))
      }
      return answer
    })
  })
  api.get('/addresses/:address/history', async (request, reply) => {
    const address = param(request, 'address')
    // Odd, and kept: null for what is no address.
    if (!isAddress(address)) return reply.type('application/json').send('null')
    const confirmed = query(request, 'confirmed')
    const which = confirmed === '1' ? 'confirmed' : confirmed === '0' ? 'unconfirmed' : 'all'
    const skip = wholeNumber(query(request, 'skip'), 0)
    const limit = wholeNumber(query(request, 'limit'), longestHistory)
    return chain.read(async (queries) => {
      const txids: string[] = []
      let passed = 0
      if (limit === 0) return txids
      for await (const txid of queries.history(address, which)) {
        if (passed++ < skip) continue
        if (txids.push(txid) >= limit) break
      }
      return txids
    })
  })
}

function fail(reply: FastifyReply, kind: Parameters<typeof errorAnswer>[0], cause?: string): FastifyReply {
  const { status, body } = errorAnswer(kind, cause)
  return reply.code(status).send(body)
}

function text(reply: FastifyReply, content: string): FastifyReply {
  return reply.type('text/plain').send(content)
}

function param(request: FastifyRequest, name: string): string {
  return (request.params as Record<string, string>)[name] ?? ''
}

function query(request: FastifyRequest, name: string): string | undefined {
  const value = (request.query as Record<string, unknown>)[name]
  return typeof value === 'string' ? value : undefined
}

function wantsHex(request: FastifyRequest): boolean {
  return query(request, 'format') === 'hex'
}

function wholeNumber(value: string | undefined, otherwise: number): number {
  return value !== undefined && /^\d{1,15}$/.test(value)
    ? Math.min(Number(value), Number.MAX_SAFE_INTEGER)
    : otherwise
}
