import { Args } from '@oclif/core'
import { clientBlock } from '../../src/admin/blocks.ts'
import { ControlError } from '../../src/admin/connection.ts'
import { OperatorCommand, profileFlag } from '../../src/operator-command.ts'
import { blockTable } from '../../src/terminal/tables.ts'

export default class ClientCheck extends OperatorCommand {
  static override summary = 'show a client'
  static override args = { id: Args.string({ required: true, description: 'client id' }) }
  static override flags = { ...profileFlag }

  async run(): Promise<Record<string, string | string[]>> {
    const { args, flags } = await this.parse(ClientCheck)
    return this.withConnection(flags, async ({ operations }) => {
      const client = await operations.client({ clientId: args.id })
      if (!client) throw new ControlError('not_found', 'The client not found.')
      const failures = await operations.failures({ kind: 'client', name: args.id })
      const block = clientBlock(client, failures)
      this.log(blockTable(block))
      return block
    })
  }
}
