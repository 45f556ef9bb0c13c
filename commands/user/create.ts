import { Flags } from '@oclif/core'
import { type RegisteredUser, registerUsers } from '../../src/admin/administration.ts'
import { OperatorCommand, privateKeyFlags, profileFlag } from '../../src/operator-command.ts'

export default class UserCreate extends OperatorCommand {
  static override summary = 'register users'
  static override description =
    'Takes a JSON object or array of username, password, authorities (all required) from --file or standard input. Passwords are hashed in this process (argon2id). Where signon.server.user-repository names a module that takes users, they go there.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> --privatekey-file admin.key --file users.json',
  ]
  static override flags = {
    ...profileFlag,
    ...privateKeyFlags,
    file: Flags.string({ description: 'file with the users (standard input if left out)' }),
  }

  async run(): Promise<{ users: RegisteredUser[] }> {
    const { flags } = await this.parse(UserCreate)
    const items = this.readItems(flags.file, flags['privatekey-file'])
    return this.withAdministrator(flags, async (administrator) => {
      const users: RegisteredUser[] = []
      for await (const user of registerUsers(administrator, items)) {
        users.push(user)
        this.log(`User created: ${user.username}`)
      }
      return { users }
    })
  }
}
