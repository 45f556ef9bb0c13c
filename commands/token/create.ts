import { Flags } from '@oclif/core'
import { requestImplicitToken } from '../../src/admin/code-request.ts'
import { ControlError } from '../../src/admin/connection.ts'
import { requestTokensAt, type Tokens, tokenAnswerBlock } from '../../src/admin/token-endpoint.ts'
import { OperatorCommand } from '../../src/operator-command.ts'
import { blockTable } from '../../src/terminal/tables.ts'

const types = ['code', 'implicit', 'password', 'credentials'] as const

export default class TokenCreate extends OperatorCommand {
  static override summary = 'get a token from a server, as a client does'
  static override description =
    'By an authorization code, the implicit grant, name and password, or the client credentials. Secrets come from files or the first line of standard input; on the command line other users of this machine can see them.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> --type credentials --client trusted --secret-file secret.txt --endpoint http://localhost:8080',
    '<%= config.bin %> <%= command.id %> --type code --client trusted --secret-file secret.txt --code cs_ac_... --redirect https://app.example/callback --endpoint http://localhost:8080',
  ]
  static override flags = {
    type: Flags.option({ options: types, required: true, description: 'how' })(),
    client: Flags.string({ required: true, description: 'client id' }),
    secret: Flags.string({ description: 'its secret; prefer --secret-file', exclusive: ['secret-file'] }),
    'secret-file': Flags.string({ description: 'file with the secret, or - for standard input' }),
    endpoint: Flags.string({ required: true, description: 'URL of the server' }),
    code: Flags.string({ description: 'authorization code (type code)' }),
    redirect: Flags.string({ description: 'redirect URI of the code, or of the implicit grant' }),
    user: Flags.string({ description: 'user name (types implicit and password)' }),
    password: Flags.string({ description: 'password; prefer --password-file', exclusive: ['password-file'] }),
    'password-file': Flags.string({ description: 'file with the password (standard input if left out)' }),
    scope: Flags.string({ description: 'scopes, separated by spaces (all of the client if left out)' }),
  }

  async run(): Promise<Tokens> {
    const { flags } = await this.parse(TokenCreate)
    const { endpoint, client, scope } = flags
    const secret =
      flags.secret ?? (flags['secret-file'] && this.readLine(flags['secret-file'], flags['password-file']))
    const needed = (name: 'code' | 'user'): string => {
      const value = flags[name]
      if (value === undefined) throw new ControlError('malformed', `--type ${flags.type} needs --${name}`)
      return value
    }
    const password = () => flags.password ?? this.readLine(flags['password-file'], flags['secret-file'])
    const scopes = scope === undefined ? {} : { scope }
    const ask: Readonly<Record<(typeof types)[number], () => Promise<Tokens>>> = {
      code: () =>
        requestTokensAt(
          endpoint,
          client,
          secret,
          {
            grant_type: 'authorization_code',
            code: needed('code'),
            ...(flags.redirect !== undefined && { redirect_uri: flags.redirect }),
          },
          new ControlError('not_found', 'The code not found.'),
        ),
      implicit: () =>
        requestImplicitToken({
          endpoint,
          clientId: client,
          username: needed('user'),
          password: password(),
          redirectUri: flags.redirect,
          scope,
        }),
      password: () =>
        requestTokensAt(endpoint, client, secret, {
          grant_type: 'password',
          username: needed('user'),
          password: password(),
          ...scopes,
        }),
      credentials: () =>
        requestTokensAt(endpoint, client, secret, { grant_type: 'client_credentials', ...scopes }),
    }
    const answer = await ask[flags.type]()
    this.log(blockTable(tokenAnswerBlock(answer, this.now())))
    return answer
  }
}
