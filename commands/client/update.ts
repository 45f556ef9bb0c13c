import { Args, Flags } from '@oclif/core'
import { type UpdatedClient, updateClient } from '../../src/admin/clients.ts'
import { ControlError } from '../../src/admin/connection.ts'
import { OperatorCommand, privateKeyFlags, profileFlag } from '../../src/operator-command.ts'

export default class ClientUpdate extends OperatorCommand {
  static override summary = 'replace the metadata of a client; its secret and its tokens stay'
  static override description =
    'Takes one JSON object from --file or standard input, in the forms of client create. It replaces all metadata: what is left out is gone.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> --privatekey-file admin.key --file client.json my-client',
  ]
  static override args = { id: Args.string({ required: true, description: 'client id' }) }
  static override flags = {
    ...profileFlag,
    ...privateKeyFlags,
    file: Flags.string({ description: 'file with the metadata (standard input if left out)' }),
  }

  async run(): Promise<UpdatedClient> {
    const { args, flags } = await this.parse(ClientUpdate)
    const [metadata, ...more] = this.readItems(flags.file, flags['privatekey-file'])
    if (more.length > 0) throw new ControlError('malformed', 'one JSON object is expected')
    return this.withAdministrator(flags, async (administrator) => {
      const updated = await updateClient(administrator, args.id, metadata)
      this.log(`Client updated: ${args.id}`)
      if (updated.clientSecret !== undefined) this.log(`Client secret (shown once): ${updated.clientSecret}`)
      return updated
    })
  }
}
