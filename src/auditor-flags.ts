/** What an auditor knows from elsewhere, as the flags of the commands that check a file. */
import { Flags } from '@oclif/core'
import type { AuditorKnowledge } from './auditor.ts'
import { nodeClient } from './node-client.ts'

/** @param when at which moment the administrator's address is asked for */
export const auditorFlags = (when: string) => ({
  administrator: Flags.string({ description: `address of the administrator ${when}` }),
  server: Flags.string({
    multiple: true,
    description: 'address of the server; further ones for its former keys',
  }),
  node: Flags.string({ description: 'endpoint of a node to ask whether the blocks are on its chain' }),
  timeout: Flags.integer({ min: 1, default: 10, description: 'seconds to wait for the node' }),
})

export const knowledgeOf = (flags: {
  administrator?: string | undefined
  server?: string[] | undefined
  node?: string | undefined
  timeout: number
}): AuditorKnowledge => ({
  administrator: flags.administrator,
  servers: flags.server,
  chain:
    flags.node === undefined
      ? undefined
      : nodeClient({ endpoint: flags.node, timeoutMs: flags.timeout * 1000, environment: process.env }),
})
