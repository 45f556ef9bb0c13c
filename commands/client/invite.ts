import { Flags } from '@oclif/core'
import { type IssuedInvitation, invite, withdrawInvitation } from '../../src/admin/clients.ts'
import { OperatorCommand, privateKeyFlags, profileFlag } from '../../src/operator-command.ts'

export default class ClientInvite extends OperatorCommand {
  static override summary = 'let clients register themselves (RFC 7591)'
  static override description =
    'Makes an initial access token, which is printed once: whoever has it may register clients at /oauth/register within the terms given here. With --open anybody may. The setting signon.registration.mode must allow it.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> --privatekey-file admin.key --scope read --uses 5',
    '<%= config.bin %> <%= command.id %> --privatekey-file admin.key --open --scope read --uses 1000',
    '<%= config.bin %> <%= command.id %> --privatekey-file admin.key --withdraw open',
  ]
  static override flags = {
    ...profileFlag,
    ...privateKeyFlags,
    scope: Flags.string({ multiple: true, description: 'scope that such a client may have' }),
    'grant-type': Flags.string({
      multiple: true,
      default: ['authorization_code', 'refresh_token'],
      description: 'grant type that such a client may use',
    }),
    uses: Flags.integer({ min: 1, description: 'how many clients may register (1; with --open any number)' }),
    'expires-in': Flags.integer({
      min: 1,
      description: 'seconds until nobody may register any more (86400; with --open never)',
    }),
    open: Flags.boolean({ description: 'needs no token' }),
    withdraw: Flags.string({
      description: 'take this invitation back; clients that registered by it stay',
      exclusive: ['scope', 'uses', 'expires-in', 'open'],
    }),
  }

  async run(): Promise<IssuedInvitation | { invitation: string; position: number }> {
    const { flags } = await this.parse(ClientInvite)
    const { withdraw, open } = flags
    return this.withAdministrator(flags, async (administrator) => {
      if (withdraw !== undefined) {
        const position = await withdrawInvitation(administrator, withdraw)
        this.log(`Invitation withdrawn: ${withdraw}`)
        return { invitation: withdraw, position }
      }
      const expiresIn = flags['expires-in'] ?? (open ? undefined : 86_400)
      const terms = {
        scopes: [...new Set(flags.scope ?? [])],
        grantTypes: [...new Set(flags['grant-type'])],
        uses: flags.uses ?? (open ? null : 1),
        expiresAtSeconds: expiresIn === undefined ? null : Math.floor(administrator.now() / 1000) + expiresIn,
      }
      const issued = await invite(administrator, terms, open)
      this.log(`Invitation issued: ${issued.invitation}`)
      if (issued.token !== undefined) this.log(`Initial access token (shown once): ${issued.token}`)
      return issued
    })
  }
}
