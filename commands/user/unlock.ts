import { Args } from '@oclif/core'
import { unlock } from '../../src/admin/administration.ts'
import { OperatorCommand, privateKeyFlags, profileFlag } from '../../src/operator-command.ts'

export default class UserUnlock extends OperatorCommand {
  static override summary = 'lift the pause that failed attempts have brought for a user'
  static override args = { name: Args.string({ required: true, description: 'user name' }) }
  static override flags = { ...profileFlag, ...privateKeyFlags }

  async run(): Promise<{ name: string; position: number }> {
    const { args, flags } = await this.parse(UserUnlock)
    return this.withAdministrator(flags, async (administrator) => {
      const position = await unlock(administrator, 'user', args.name)
      this.log(`User unlocked: ${args.name}`)
      return { name: args.name, position }
    })
  }
}
