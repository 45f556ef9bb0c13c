import { Args, Flags } from '@oclif/core'
import { ControlError } from '../../src/admin/connection.ts'
import { type ErasedUser, eraseUser } from '../../src/admin/erasure.ts'
import { OperatorCommand, privateKeyFlags, profileFlag } from '../../src/operator-command.ts'

export default class UserErase extends OperatorCommand {
  static override summary = 'erase what names a person; sessions and tokens end with it'
  static override description =
    `Removes the user name, the password's hash and the addresses and browsers of the user's sessions from the ledger and its files, and the user, where that was not done before. The events stay, under the pseudonym (subject), and every proof stays valid.

Backups, exports and disclosed receipts that were made before are not reached, nor what the file system or the disk keeps of deleted files. Where the files still hold the bytes because a long read was under way, or the server ended meanwhile, run it again with --subject.`
  static override examples = [
    '<%= config.bin %> <%= command.id %> --privatekey-file admin.key alice',
    '<%= config.bin %> <%= command.id %> --privatekey-file admin.key --subject 1Bqqq0uQ0mGmQPmZtzJk7A',
  ]
  static override args = { name: Args.string({ description: 'user name' }) }
  static override flags = {
    ...profileFlag,
    ...privateKeyFlags,
    subject: Flags.string({ description: 'pseudonym of the user, instead of the name' }),
  }

  async run(): Promise<ErasedUser> {
    const { args, flags } = await this.parse(UserErase)
    if ((args.name === undefined) === (flags.subject === undefined))
      throw new ControlError('malformed', 'one of NAME and --subject is expected')
    const whom = args.name === undefined ? { subject: flags.subject! } : { username: args.name }
    return this.withAdministrator(flags, async (administrator) => {
      const erased = await eraseUser(administrator, whom)
      this.log(`User erased: ${erased.subject}`)
      if (!erased.isForgotten)
        this.note(
          `the ledger's files may still hold the bytes, for instance because an audit was reading: run again with --subject ${erased.subject}`,
          'warn',
        )
      return erased
    })
  }
}
