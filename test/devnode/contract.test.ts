import { describe } from 'vitest'
import { chainClientContract } from '../chain/chain-client-contract.ts'
import { testKey } from '../chain/support.ts'
import { fundOf, startNode } from './support.ts'

describe('REST client and development node, over HTTP', () => {
  chainClientContract(async () => {
    const key = testKey('contract')
    const { node, client } = await startNode({ fund: fundOf(key.address) })
    return { client, key, mine: () => node.mine() }
  })
})
