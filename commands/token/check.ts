import { Args, Flags } from '@oclif/core'
import { tokenBlock } from '../../src/admin/blocks.ts'
import { ControlError } from '../../src/admin/connection.ts'
import { checkTokenAt } from '../../src/admin/token-endpoint.ts'
import { OperatorCommand, profileFlag } from '../../src/operator-command.ts'
import { blockTable } from '../../src/terminal/tables.ts'

export default class TokenCheck extends OperatorCommand {
  static override summary = 'show a token'
  static override description =
    'Straight from the ledger; or, with --endpoint, as the server tells a resource server by /oauth/check_token.'
  static override args = {
    token: Args.string({ required: true, description: 'access or refresh token, or - for standard input' }),
  }
  static override flags = {
    ...profileFlag,
    endpoint: Flags.string({ description: 'ask this server over HTTP', dependsOn: ['client'] }),
    client: Flags.string({ description: 'client id that asks', dependsOn: ['endpoint'] }),
    secret: Flags.string({
      description: 'its secret; prefer --secret-file',
      dependsOn: ['endpoint'],
      exclusive: ['secret-file'],
    }),
    'secret-file': Flags.string({
      description: 'file with the secret, or - for standard input',
      dependsOn: ['endpoint'],
    }),
  }

  async run(): Promise<Record<string, string | string[]>> {
    const { args, flags } = await this.parse(TokenCheck)
    const { endpoint, client } = flags
    const secretFile = flags['secret-file']
    const token = this.readToken(args.token, secretFile)
    const secret = flags.secret ?? (secretFile && this.readLine(secretFile, undefined))
    if (endpoint !== undefined && secret === undefined)
      throw new ControlError('malformed', '--endpoint needs --secret-file')
    const block =
      endpoint !== undefined && client !== undefined && secret !== undefined
        ? await checkTokenAt(endpoint, client, secret, token)
        : await this.withConnection(flags, async ({ operations }) => {
            const view = await operations.token({ token })
            if (!view) throw new ControlError('not_found', 'The token not found.')
            return tokenBlock(token, view)
          })
    this.log(blockTable(block))
    return block
  }
}
