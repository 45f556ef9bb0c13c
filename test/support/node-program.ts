import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openDevNode } from '../../src/devnode/node.ts'

// A node in a process of its own, so that it can be stopped while the server goes on:
// tsx node-program.ts FOLDER PORT ADDRESS. Its chain and its endpoint's URL lie in the folder.
const [folder = '', port = '0', address = ''] = process.argv.slice(2)
const node = await openDevNode({
  directory: join(folder, 'chain'),
  port: Number(port),
  blockIntervalMs: 100,
  fund: { addresses: [address], amountSats: 1_000_000_000n },
})
process.once('SIGTERM', () => void node.close())
writeFileSync(join(folder, 'endpoint'), node.endpoint)
console.log('the node serves')
