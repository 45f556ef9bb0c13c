import { Args } from '@oclif/core'
import { removeToken } from '../../src/admin/administration.ts'
import { OperatorCommand, privateKeyFlags, profileFlag } from '../../src/operator-command.ts'

export default class TokenRemove extends OperatorCommand {
  static override summary = 'revoke a token and the refresh token issued with it'
  static override args = {
    token: Args.string({ required: true, description: 'access or refresh token, or - for standard input' }),
  }
  static override flags = { ...profileFlag, ...privateKeyFlags }

  async run(): Promise<{ position: number | null }> {
    const { args, flags } = await this.parse(TokenRemove)
    const token = this.readToken(args.token, flags['privatekey-file'])
    return this.withAdministrator(flags, async (administrator) => {
      const position = await removeToken(administrator, token)
      this.log(position === undefined ? 'The token was revoked before.' : 'Token removed.')
      return { position: position ?? null }
    })
  }
}
