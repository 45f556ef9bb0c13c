import { Args, Flags } from '@oclif/core'
import { ControlError } from '../../src/admin/connection.ts'
import { type Coverage, Coverages, describeCoverage } from '../../src/audit/coverage.ts'
import { describeEvent } from '../../src/audit/describe-event.ts'
import { describeDropped, type Retention, retentionOf } from '../../src/audit/drops.ts'
import { type HistorySubject, historyOf } from '../../src/audit/history.ts'
import { type PublicEvent, publicEvent } from '../../src/audit/public-event.ts'
import { OperatorCommand, profileFlag } from '../../src/operator-command.ts'

export default class AuditHistory extends OperatorCommand {
  static override summary = 'tell all that happened to a token, a grant, a session, a user or a client'
  static override description =
    `For each event its time, its position in the ledger and what happened. audit receipt --position takes the position.

Names and claims of users and addresses of their browsers are shown with --disclose only; tokens never are.`
  static override args = {
    token: Args.string({
      description: 'access token, refresh token or code, live or not; - for standard input',
    }),
  }
  static override flags = {
    ...profileFlag,
    user: Flags.string({ description: 'user name' }),
    subject: Flags.string({
      description: 'pseudonym of a user, as of one who was removed: all that is left of one who was erased',
    }),
    client: Flags.string({ description: 'client id' }),
    grant: Flags.string({ description: 'id of a grant: its code, tokens, rotations and end' }),
    session: Flags.string({
      description: 'id of a session: its begin and end, and the grants approved in it',
    }),
    stream: Flags.string({
      description: 'name of any stream, such as consent:SUBJECT:CLIENT or server:ADDRESS',
    }),
    disclose: Flags.boolean({ description: 'show what names a person' }),
    proofs: Flags.boolean({ description: 'show the tree and the anchor that prove each event' }),
  }

  async run(): Promise<{ events: (PublicEvent & { proof?: Coverage | null })[]; dropped: Retention }> {
    const { args, flags } = await this.parse(AuditHistory)
    const { subject, missing } = subjectOf({ ...flags, token: args.token && this.readToken(args.token) })
    const disclosure = { disclose: flags.disclose }
    return this.withConnection(flags, async ({ reader }) => {
      const dropped = await retentionOf(reader, 'payloads')
      const history = await historyOf(reader, subject)
      if (!history)
        throw new ControlError(
          'not_found',
          dropped.count > 0 ? `${missing} ${describeDropped(dropped)}` : missing,
        )
      const coverages = flags.proofs ? new Coverages(reader) : undefined
      const events: (PublicEvent & { proof?: Coverage | null })[] = []
      for await (const recorded of history) {
        const proof = await coverages?.of(recorded.position)
        if (this.jsonEnabled())
          events.push({
            ...publicEvent(recorded, disclosure),
            ...(coverages && { proof: proof ?? null }),
          })
        else {
          this.log(describeEvent(recorded, disclosure))
          if (coverages) this.log(`    ${describeCoverage(proof)}`)
        }
      }
      if (dropped.count > 0) this.note(describeDropped(dropped))
      return { events, dropped }
    })
  }
}

/** What to say where the log knows of none. */
const missing: Readonly<Record<string, string>> = {
  token: 'The token not found.',
  user: 'The user not found.',
  subject: 'The user not found.',
  client: 'The client not found.',
  grant: 'The grant not found.',
  session: 'The session not found.',
  stream: 'The stream not found.',
}

function subjectOf(flags: Readonly<Record<string, unknown>>): { subject: HistorySubject; missing: string } {
  const given = Object.keys(missing).filter((name) => flags[name] !== undefined)
  const [name] = given
  if (name === undefined || given.length > 1)
    throw new ControlError(
      'malformed',
      'one of TOKEN, --user, --subject, --client, --grant, --session and --stream is expected',
    )
  const value = flags[name] as string
  const subject = name === 'user' ? { username: value } : ({ [name]: value } as HistorySubject)
  return { subject, missing: missing[name]! }
}
