import { Flags } from '@oclif/core'
import { requestCode } from '../../src/admin/code-request.ts'
import { OperatorCommand } from '../../src/operator-command.ts'

export default class CodeCreate extends OperatorCommand {
  static override summary = 'log a user in and print an authorization code'
  static override description =
    'Goes through login and consent over HTTP as a browser would, approving all that is asked for. The password comes from --password-file or the first line of standard input.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> --client trusted --user alice --password-file alice.txt --endpoint http://localhost:8080',
  ]
  static override flags = {
    client: Flags.string({ required: true, description: 'client id' }),
    user: Flags.string({ required: true, description: 'user name' }),
    password: Flags.string({
      description: 'password; other users of this machine can see it: prefer --password-file',
      exclusive: ['password-file'],
    }),
    'password-file': Flags.string({ description: 'file with the password (standard input if left out)' }),
    endpoint: Flags.string({ required: true, description: 'URL of the server' }),
    redirect: Flags.string({ description: 'redirect URI, where the client has registered several' }),
    scope: Flags.string({ description: 'scopes, separated by spaces (all of the client if left out)' }),
  }

  async run(): Promise<{ code: string }> {
    const { flags } = await this.parse(CodeCreate)
    const code = await requestCode({
      endpoint: flags.endpoint,
      clientId: flags.client,
      username: flags.user,
      password: flags.password ?? this.readLine(flags['password-file'], undefined),
      redirectUri: flags.redirect,
      scope: flags.scope,
    })
    this.log(code)
    return { code }
  }
}
