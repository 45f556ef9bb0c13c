import { Args } from '@oclif/core'
import { unlock } from '../../src/admin/administration.ts'
import { OperatorCommand, privateKeyFlags, profileFlag } from '../../src/operator-command.ts'

export default class ClientUnlock extends OperatorCommand {
  static override summary = 'lift the pause that failed attempts have brought for a client'
  static override args = { id: Args.string({ required: true, description: 'client id' }) }
  static override flags = { ...profileFlag, ...privateKeyFlags }

  async run(): Promise<{ id: string; position: number }> {
    const { args, flags } = await this.parse(ClientUnlock)
    return this.withAdministrator(flags, async (administrator) => {
      const position = await unlock(administrator, 'client', args.id)
      this.log(`Client unlocked: ${args.id}`)
      return { id: args.id, position }
    })
  }
}
