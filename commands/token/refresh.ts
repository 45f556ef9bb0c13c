import { Args, Flags } from '@oclif/core'
import { ControlError } from '../../src/admin/connection.ts'
import { refreshToken } from '../../src/admin/refresh-token.ts'
import { requestTokensAt, type Tokens, tokenAnswerBlock } from '../../src/admin/token-endpoint.ts'
import { OperatorCommand, privateKeyFlags, profileFlag } from '../../src/operator-command.ts'
import { blockTable } from '../../src/terminal/tables.ts'

export default class TokenRefresh extends OperatorCommand {
  static override summary = 'rotate a refresh token'
  static override description =
    "As the client, with --client and --endpoint; or as the administrator in the client's place, which the ledger tells. The old refresh token no longer counts."
  static override args = {
    token: Args.string({ required: true, description: 'refresh token, or - for standard input' }),
  }
  static override flags = {
    ...profileFlag,
    ...privateKeyFlags,
    endpoint: Flags.string({ description: 'ask this server over HTTP', dependsOn: ['client'] }),
    client: Flags.string({ description: 'client id', dependsOn: ['endpoint'] }),
    secret: Flags.string({ description: 'its secret; prefer --secret-file', exclusive: ['secret-file'] }),
    'secret-file': Flags.string({ description: 'file with the secret, or - for standard input' }),
  }

  async run(): Promise<Tokens> {
    const { args, flags } = await this.parse(TokenRefresh)
    const { endpoint, client } = flags
    const token = this.readToken(args.token, flags['privatekey-file'] ?? flags['secret-file'])
    const answer =
      endpoint !== undefined && client !== undefined
        ? await requestTokensAt(
            endpoint,
            client,
            flags.secret ?? (flags['secret-file'] && this.readLine(flags['secret-file'], undefined)),
            { grant_type: 'refresh_token', refresh_token: token },
            new ControlError('not_found', 'The token not found.'),
          )
        : await this.withAdministrator(flags, (administrator) => refreshToken(administrator, token))
    this.log(blockTable(tokenAnswerBlock(answer, this.now())))
    return answer
  }
}
