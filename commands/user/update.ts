import { Args, Flags } from '@oclif/core'
import { updateUser } from '../../src/admin/administration.ts'
import { OperatorCommand, privateKeyFlags, profileFlag } from '../../src/operator-command.ts'

export default class UserUpdate extends OperatorCommand {
  static override summary = 'give a user other authorities'
  static override description = 'What tokens that were issued before say of the user changes with it.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> --privatekey-file admin.key --authorities USER,ADMIN alice',
  ]
  static override args = { name: Args.string({ required: true, description: 'user name' }) }
  static override flags = {
    ...profileFlag,
    ...privateKeyFlags,
    authorities: Flags.string({
      required: true,
      description: 'all authorities that the user is to have, separated by commas',
    }),
  }

  async run(): Promise<{ username: string; authorities: string[]; position: number }> {
    const { args, flags } = await this.parse(UserUpdate)
    const authorities = flags.authorities
      .split(',')
      .map((authority) => authority.trim())
      .filter(Boolean)
    return this.withAdministrator(flags, async (administrator) => {
      const position = await updateUser(administrator, args.name, authorities)
      this.log(`User updated: ${args.name}`)
      return { username: args.name, authorities, position }
    })
  }
}
