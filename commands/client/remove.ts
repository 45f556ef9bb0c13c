import { Args } from '@oclif/core'
import { removeClient } from '../../src/admin/administration.ts'
import { OperatorCommand, privateKeyFlags, profileFlag } from '../../src/operator-command.ts'

export default class ClientRemove extends OperatorCommand {
  static override summary = 'remove a client; its tokens end with it'
  static override args = { id: Args.string({ required: true, description: 'client id' }) }
  static override flags = { ...profileFlag, ...privateKeyFlags }

  async run(): Promise<{ clientId: string; position: number }> {
    const { args, flags } = await this.parse(ClientRemove)
    return this.withAdministrator(flags, async (administrator) => {
      const position = await removeClient(administrator, args.id)
      this.log(`Client removed: ${args.id}`)
      return { clientId: args.id, position }
    })
  }
}
