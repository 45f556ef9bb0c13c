import { Args } from '@oclif/core'
import { removeUser } from '../../src/admin/administration.ts'
import { OperatorCommand, privateKeyFlags, profileFlag } from '../../src/operator-command.ts'

export default class UserRemove extends OperatorCommand {
  static override summary = 'remove a user; sessions and tokens end with it'
  static override args = { name: Args.string({ required: true, description: 'user name' }) }
  static override flags = { ...profileFlag, ...privateKeyFlags }

  async run(): Promise<{ username: string; position?: number }> {
    const { args, flags } = await this.parse(UserRemove)
    return this.withAdministrator(flags, async (administrator) => {
      const position = await removeUser(administrator, args.name)
      this.log(`User removed: ${args.name}`)
      return { username: args.name, ...(position !== undefined && { position }) }
    })
  }
}
