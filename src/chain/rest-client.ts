import { Transaction } from 'bitcoinjs-lib'
import { parseBlock } from './block.ts'
import { ChainError } from './errors.ts'
import { hashBytes } from './hash.ts'
import {
  createRestCall,
  errorOfAnswer,
  internalErrorCode,
  type RestClientSettings,
  readNodeError,
} from './rest-call.ts'
import * as shape from './rest-shapes.ts'
import type { ChainClient } from './types.ts'

/**
 * Client of a Coinstack node's REST API. The node's oddities are dealt with here and in `rest-shapes.ts`, and
 * nowhere else.
 *
 * @throws ChainError `bad_answer` for an endpoint that is no http(s) URL.
 */
export function createRestClient(settings: RestClientSettings): ChainClient {
  const endpoint = baseUrl(settings.endpoint)
  const call = createRestCall({ ...settings, endpoint })

  /** The answer's text; undefined where the node says 404, which it also says to a malformed hash. */
  async function get(path: string): Promise<string | undefined> {
    const answer = await call(path)
    if (answer.status === 404) return undefined
    if (answer.status !== 200) throw errorOfAnswer(answer, path)
    return answer.text
  }

  async function mustGet(path: string): Promise<string> {
    const text = await get(path)
    if (text === undefined)
      throw new ChainError('bad_answer', `${endpoint} does not know ${path}: is it a Coinstack node?`)
    return text
  }

  const client: ChainClient = {
    endpoint,

    async status() {
      return shape.statusOf(await mustGet('/blockchain'))
    },

    async transaction(txid) {
      hashBytes(txid)
      const text = await get(`/transactions/${txid}`)
      if (text === undefined) return undefined
      const blocks = shape.blocksOfTransaction(text, txid)
      if (blocks.length <= 1) return { txid, ...blocks[0] }
      // A transaction can stand in blocks of several branches: only the best chain's counts.
      for (const block of blocks) {
        if ((await client.blockHashAt(block.blockHeight)) === block.blockHash) return { txid, ...block }
      }
      return { txid }
    },

    async rawTransaction(txid) {
      hashBytes(txid)
      const text = await get(`/transactions/${txid}?format=hex`)
      if (text === undefined) return undefined
      const raw = shape.hexOf(text)
      if (idOf(raw) !== txid)
        throw new ChainError('bad_answer', `the node gave another transaction for ${txid}`)
      return raw
    },

    async block(hash) {
      hashBytes(hash)
      const text = await get(`/blocks/${hash}`)
      return text === undefined ? undefined : shape.blockOf(text, hash)
    },

    async rawBlock(hash) {
      hashBytes(hash)
      const text = await get(`/blocks/${hash}?format=hex`)
      if (text === undefined) return undefined
      const raw = shape.hexOf(text)
      if (parseBlock(raw).header.hash !== hash)
        throw new ChainError('bad_answer', `the node gave another block for ${hash}`)
      return raw
    },

    async blockHashAt(height) {
      const path = `/blocks/height/${height}`
      const answer = await call(path)
      if (answer.status === 200) return shape.hashAtHeight(answer.text)
      if (answer.status === 404) return undefined
      // Odd: a height above the tip is answered like an internal error; the tip tells the two apart.
      const internal = answer.status === 500 && readNodeError(answer).code === internalErrorCode
      if (internal && height > (await client.status()).bestHeight) return undefined
      throw errorOfAnswer(answer, path)
    },

    async balanceSats(address) {
      return shape.balanceOf(await mustGet(`/addresses/${encodeURIComponent(address)}/balance`))
    },

    async unspentOutputs(address) {
      return shape.unspentOutputsOf(await mustGet(`/addresses/${encodeURIComponent(address)}/unspentoutputs`))
    },

    async send(rawTransaction) {
      const answer = await call('/transactions', { tx: rawTransaction.toString('hex') })
      if (answer.status === 200) return
      if (answer.status >= 500) throw errorOfAnswer(answer, '/transactions')
      const { reason, retry } = readNodeError(answer)
      if (/already have transaction|transaction already exists/.test(reason)) return
      // Odd: a mined transaction whose outputs are spent already is refused like one with unknown inputs.
      if (/orphan transaction/.test(reason) && (await client.transaction(idOf(rawTransaction))) !== undefined)
        return
      throw refusal(reason, retry)
    },
  }
  return client
}

function refusal(reason: string, retry: boolean): ChainError {
  const message = `the node refused the transaction: ${reason}`
  const fees = /has (\d+) fees which is under the required amount of (\d+)/.exec(reason)
  if (fees) {
    return new ChainError('fee_too_low', message, {
      availableSats: BigInt(fees[1]!),
      requiredSats: BigInt(fees[2]!),
    })
  }
  return new ChainError(/insufficient priority/.test(reason) ? 'fee_too_low' : 'refused', message, { retry })
}

function idOf(raw: Buffer): string {
  try {
    return Transaction.fromBuffer(raw).getId()
  } catch (cause) {
    throw new ChainError('malformed', 'the bytes are no transaction', { cause })
  }
}

function baseUrl(endpoint: string): string {
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new ChainError('bad_answer', `"${endpoint}" is no URL of a node: expected http://host:port`)
  }
  return url.origin + url.pathname.replace(/\/+$/, '')
}
