import { administratorKey } from '../../src/admin/keys.ts'
import { OperatorCommand, privateKeyFlags, profileFlag } from '../../src/operator-command.ts'
import { listTable } from '../../src/terminal/tables.ts'

export default class ClientList extends OperatorCommand {
  static override summary = 'list the clients'
  static override description =
    'The private key of SignOn 1.1 is accepted and checked, but not needed: whoever may read the data directory may list.'
  static override flags = { ...profileFlag, ...privateKeyFlags }

  async run(): Promise<{ clients: { clientId: string; description: string }[] }> {
    const { flags } = await this.parse(ClientList)
    if (flags.privatekey !== undefined || flags['privatekey-file'] !== undefined)
      administratorKey(this.readKey(flags))
    return this.withConnection(flags, async ({ operations }) => {
      const found = await operations.clients({})
      const clients = found.map(({ clientId, metadata }) => ({
        clientId,
        description: metadata.description ?? '',
      }))
      this.log(
        listTable(
          ['Client ID', 'Description'],
          clients.map((client) => [client.clientId, client.description]),
        ),
      )
      return { clients }
    })
  }
}
