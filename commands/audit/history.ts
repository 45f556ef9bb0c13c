import { Args, Flags } from '@oclif/core'
import { ControlError } from '../../src/admin/connection.ts'
import { describeEvent } from '../../src/audit/describe-event.ts'
import { type HistorySubject, historyOf } from '../../src/audit/history.ts'
import { type PublicEvent, publicEvent } from '../../src/audit/public-event.ts'
import { OperatorCommand, profileFlag } from '../../src/operator-command.ts'

export default class AuditHistory extends OperatorCommand {
  static override summary = 'tell all that happened to a token, a user or a client'
  static override description =
    'Names of users and addresses of their browsers are shown with --disclose only; tokens never are.'
  static override args = {
    token: Args.string({ description: 'access token, refresh token or code, live or not' }),
  }
  static override flags = {
    ...profileFlag,
    user: Flags.string({ description: 'user name', exclusive: ['client'] }),
    subject: Flags.string({ description: 'pseudonym of a user: all that is left of one who was erased' }),
    client: Flags.string({ description: 'client id', exclusive: ['user'] }),
    disclose: Flags.boolean({ description: 'show what names a person' }),
  }

  async run(): Promise<{ events: PublicEvent[] }> {
    const { args, flags } = await this.parse(AuditHistory)
    const { subject, missing } = subjectOf(args.token, flags.user, flags.client, flags.subject)
    const disclosure = { disclose: flags.disclose }
    return this.withConnection(flags, async ({ reader }) => {
      const history = await historyOf(reader, subject)
      if (!history) throw new ControlError('not_found', missing)
      const events: PublicEvent[] = []
      for await (const recorded of history) {
        if (this.jsonEnabled()) events.push(publicEvent(recorded, disclosure))
        else this.log(describeEvent(recorded, disclosure))
      }
      return { events }
    })
  }
}

function subjectOf(
  token?: string,
  username?: string,
  client?: string,
  pseudonym?: string,
): { subject: HistorySubject; missing: string } {
  const given = [token, username, client, pseudonym].filter((value) => value !== undefined)
  if (given.length !== 1)
    throw new ControlError('malformed', 'one of TOKEN, --user, --subject and --client is expected')
  if (token !== undefined) return { subject: { token }, missing: 'The token not found.' }
  if (pseudonym !== undefined) return { subject: { subject: pseudonym }, missing: 'The user not found.' }
  if (username !== undefined) return { subject: { username }, missing: 'The user not found.' }
  return { subject: { client: client! }, missing: 'The client not found.' }
}
