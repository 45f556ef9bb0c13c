/** A Coinstack-compatible node outside of the server, on one port and with one chain, whenever it runs. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Running } from '../terminal/child-process.ts'
import { startProcess, temporaryFolder } from './server.ts'

const program = fileURLToPath(new URL('./node-program.ts', import.meta.url))

export interface NodeProcess {
  readonly endpoint: string
  stop(): Promise<void>
  start(): Promise<void>
}

/** Starts a node that keeps an address supplied with coins. */
export async function startNodeProcess(address: string): Promise<NodeProcess> {
  const folder = temporaryFolder()
  let child: Running
  const startOn = async (port: string) => {
    child = startProcess(['--import', 'tsx', program, folder, port, address])
    await child.shows('the node serves')
  }
  await startOn('0')
  const endpoint = readFileSync(join(folder, 'endpoint'), 'utf8')
  return {
    endpoint,
    async stop() {
      child.kill('SIGTERM')
      await child.finished
    },
    start: () => startOn(new URL(endpoint).port),
  }
}
