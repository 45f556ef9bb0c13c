import { createRestClient } from '../../src/chain/rest-client.ts'
import { prepareAnchor } from '../../src/chain/wallet.ts'
import { openDevNode } from '../../src/devnode/node.ts'
import { testKey } from '../chain/support.ts'

// A process of its own that mines as fast as it can and sends anchors without end, until it is killed. Every
// line on standard output is an anchor's txid that the node has acknowledged.
const key = testKey('killed')
const node = await openDevNode({
  directory: process.argv[2]!,
  port: 0,
  blockIntervalMs: 1,
  fund: { addresses: [key.address], amountSats: 100_000_000n },
})
const client = createRestClient({ endpoint: node.endpoint, timeoutMs: 20_000 })
for (let count = 0; ; count++) {
  const anchor = await prepareAnchor({ client, keys: [key], payload: Buffer.from(`anchor ${count}`) })
  await client.send(anchor.raw)
  console.log(anchor.txid)
}
