import { Args } from '@oclif/core'
import { userBlock } from '../../src/admin/blocks.ts'
import { ControlError } from '../../src/admin/connection.ts'
import { OperatorCommand, profileFlag } from '../../src/operator-command.ts'
import { blockTable } from '../../src/terminal/tables.ts'

export default class UserCheck extends OperatorCommand {
  static override summary = 'show a user'
  static override args = { name: Args.string({ required: true, description: 'user name' }) }
  static override flags = { ...profileFlag }

  async run(): Promise<Record<string, string | string[]>> {
    const { args, flags } = await this.parse(UserCheck)
    return this.withConnection(flags, async ({ operations }) => {
      const user = await operations.user({ username: args.name })
      if (!user) throw new ControlError('not_found', 'The user not found.')
      const failures = await operations.failures({ kind: 'user', name: args.name })
      const block = userBlock(user, failures)
      this.log(blockTable(block))
      return block
    })
  }
}
