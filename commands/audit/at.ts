import { Args, Flags } from '@oclif/core'
import { ControlError } from '../../src/admin/connection.ts'
import { type AccessAnswer, accessAt, isClientKnown, subjectOfUser } from '../../src/audit/access-at.ts'
import { MomentError, parseMoment } from '../../src/audit/moment.ts'
import { OperatorCommand, profileFlag } from '../../src/operator-command.ts'
import { listTable } from '../../src/terminal/tables.ts'

export default class AuditAt extends OperatorCommand {
  static override summary = 'tell who held valid access at a moment'
  static override description =
    `Tokens and browser sessions that were valid then, whatever has happened since. With --client or --scope only the sessions that the tokens were given in.

The answer comes from an index by time, and from the events that it does not know of yet: a server writes it behind them, also for a ledger that has none. audit verify compares it with the events; --whole-log does without it.`
  static override examples = [
    '<%= config.bin %> <%= command.id %> 2026-11-02T10:15:00Z --user alice',
    '<%= config.bin %> <%= command.id %> 2026-11-02T10:15:00Z --client trusted --scope write --json',
  ]
  static override args = {
    time: Args.string({
      required: true,
      description:
        'ISO 8601 with a time zone (a date alone is its first moment in UTC), or milliseconds since 1970',
    }),
  }
  static override flags = {
    ...profileFlag,
    user: Flags.string({
      description: 'name that a user bore then, or the subject, as of a user who was erased',
    }),
    client: Flags.string({ description: 'client id' }),
    scope: Flags.string({ description: 'only tokens with this scope' }),
    'whole-log': Flags.boolean({ description: 'go through the log up to that moment, not by the index' }),
  }

  async run(): Promise<AccessAnswer> {
    const { args, flags } = await this.parse(AuditAt)
    const { user, client, scope } = flags
    const atMs = parseMoment(args.time)
    if (atMs > this.now()) throw new MomentError(`${args.time} lies in the future: nobody knows yet`)
    return this.withConnection(flags, async ({ reader }) => {
      const subject = user === undefined ? undefined : await subjectOfUser(reader, user, atMs)
      if (user !== undefined && subject === undefined)
        throw new ControlError('not_found', 'The user not found.')
      if (client !== undefined && !(await isClientKnown(reader, client)))
        throw new ControlError('not_found', 'The client not found.')
      const answer = await accessAt(reader, { atMs, subject, client, scope, wholeLog: flags['whole-log'] })
      this.log(textOf(answer))
      if (!answer.isComplete)
        this.note('incomplete: the retention policy has dropped records of what was over since then', 'warn')
      return answer
    })
  }
}

/** Names are shown whole, since the next question is asked with them: a stream is the longest of them. */
const longestName = 255

const time = (seconds: number): string => new Date(seconds * 1000).toISOString().replace('.000', '')

function textOf({ at, events, access, sessions }: AccessAnswer): string {
  const rows = [
    ...access.map((it) => [
      `${it.kind} token`,
      it.subject ?? '(itself)',
      it.clientId,
      it.scopes.join(' '),
      time(it.issuedAtSeconds),
      time(it.expiresAtSeconds),
      it.stream,
    ]),
    ...sessions.map((it) => [
      'session',
      it.subject,
      '',
      '',
      time(it.startedAtSeconds),
      time(it.expiresAtSeconds),
      `session:${it.id}`,
    ]),
  ]
  const heading = `${at}, after ${events} event${events === 1 ? '' : 's'}:`
  if (rows.length === 0) return `${heading} nobody`
  const table = listTable(['KIND', 'USER', 'CLIENT', 'SCOPES', 'SINCE', 'UNTIL', 'STREAM'], rows, longestName)
  return `${heading}\n${table}`
}
