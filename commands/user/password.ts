import { Args, Flags } from '@oclif/core'
import { changePassword } from '../../src/admin/administration.ts'
import { OperatorCommand, privateKeyFlags, profileFlag } from '../../src/operator-command.ts'

export default class UserPassword extends OperatorCommand {
  static override summary = 'give a user another password; sessions and tokens end with it'
  static override description =
    'Takes the password from --password-file or the first line of standard input. It is hashed in this process (argon2id); the former hash is erased.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> --privatekey-file admin.key --password-file new.txt alice',
  ]
  static override args = { name: Args.string({ required: true, description: 'user name' }) }
  static override flags = {
    ...profileFlag,
    ...privateKeyFlags,
    'password-file': Flags.string({ description: 'file with the password (standard input if left out)' }),
  }

  async run(): Promise<{ username: string; position: number }> {
    const { args, flags } = await this.parse(UserPassword)
    const password = this.readLine(flags['password-file'], flags['privatekey-file'])
    return this.withAdministrator(flags, async (administrator) => {
      const position = await changePassword(administrator, args.name, password)
      this.log(`Password changed: ${args.name}`)
      return { username: args.name, position }
    })
  }
}
