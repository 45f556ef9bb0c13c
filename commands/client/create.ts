import { Flags } from '@oclif/core'
import { type RegisteredClient, registerClients } from '../../src/admin/administration.ts'
import { OperatorCommand, privateKeyFlags, profileFlag } from '../../src/operator-command.ts'

export default class ClientCreate extends OperatorCommand {
  static override summary = 'register clients'
  static override description =
    `Takes a JSON object or array from --file or standard input: SignOn 1.1's form (clientId, clientSecret, authorizedGrantTypes, scopes, registeredRedirectUris, authorities, autoApproves, resourceIds, accessTokenValidity, refreshTokenValidity, description, additionalInformation) or RFC 7591 client metadata (client_id, client_secret, client_name, grant_types, redirect_uris, scope, token_endpoint_auth_method).

A secret that is left out is made and printed, once.`
  static override examples = [
    '<%= config.bin %> <%= command.id %> --privatekey-file admin.key --file clients.json',
  ]
  static override flags = {
    ...profileFlag,
    ...privateKeyFlags,
    file: Flags.string({ description: 'file with the clients (standard input if left out)' }),
  }

  async run(): Promise<{ clients: RegisteredClient[] }> {
    const { flags } = await this.parse(ClientCreate)
    const items = this.readItems(flags.file, flags['privatekey-file'])
    return this.withAdministrator(flags, async (administrator) => {
      const clients: RegisteredClient[] = []
      const registering = registerClients(administrator, items)
      const next = async () => {
        try {
          return await registering.next()
        } catch (error) {
          // What was registered before a failure is told all the same: its secrets are shown only now.
          if (clients.length > 0 && this.jsonEnabled()) this.logJson({ clients })
          throw error
        }
      }
      for (let it = await next(); !it.done; it = await next()) {
        const client = it.value
        clients.push(client)
        this.log(`Client created: ${client.clientId}`)
        if (client.discouragedGrantTypes.length > 0)
          this.note(
            `${client.clientId}: RFC 9700 section 2 advises against ${client.discouragedGrantTypes.join(' and ')}; prefer authorization_code`,
            'warn',
          )
        if (client.clientSecret !== undefined) this.log(`Client secret (shown once): ${client.clientSecret}`)
      }
      return { clients }
    })
  }
}
