import { Args, Flags } from '@oclif/core'
import { type RenewedSecret, renewSecret } from '../../src/admin/clients.ts'
import { OperatorCommand, privateKeyFlags, profileFlag } from '../../src/operator-command.ts'

export default class ClientSecret extends OperatorCommand {
  static override summary = 'give a client a new secret'
  static override description =
    'The new secret is made and printed, once. With --keep the former one counts for a while more, so that the client can change over without a gap.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> --privatekey-file admin.key --keep 86400 my-client',
  ]
  static override args = { id: Args.string({ required: true, description: 'client id' }) }
  static override flags = {
    ...profileFlag,
    ...privateKeyFlags,
    keep: Flags.integer({
      default: 0,
      min: 0,
      max: 31_536_000,
      description: 'seconds for which the former secret counts too',
    }),
  }

  async run(): Promise<RenewedSecret> {
    const { args, flags } = await this.parse(ClientSecret)
    return this.withAdministrator(flags, async (administrator) => {
      const renewed = await renewSecret(administrator, args.id, flags.keep)
      this.log(`Client secret (shown once): ${renewed.clientSecret}`)
      if (renewed.formerUntil !== null && flags.keep > 0)
        this.log(`The former secret counts until ${renewed.formerUntil}`)
      return renewed
    })
  }
}
