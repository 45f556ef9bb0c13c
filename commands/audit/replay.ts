import { Flags } from '@oclif/core'
import { parseMoment } from '../../src/audit/moment.ts'
import { replay } from '../../src/audit/replay.ts'
import { OperatorCommand, profileFlag } from '../../src/operator-command.ts'
import { writeLines } from '../../src/terminal/lines.ts'

export default class AuditReplay extends OperatorCommand {
  static override enableJsonFlag = false
  static override summary = 'tell all events as JSON lines'
  static override description =
    'One JSON object a line, in the order of the ledger, as far as it reaches now. Names and claims of users and addresses of their browsers are shown with --disclose only; tokens and secrets never are.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> --until 2026-11-02T10:15:00Z',
    '<%= config.bin %> <%= command.id %> --from 1000',
  ]
  static override flags = {
    ...profileFlag,
    from: Flags.integer({ min: 0, description: 'first position' }),
    until: Flags.string({
      description:
        'last moment: ISO 8601 with a time zone (a date alone is its first moment in UTC), or milliseconds since 1970',
    }),
    disclose: Flags.boolean({ description: 'show what names a person' }),
    json: Flags.boolean({ description: 'JSON lines, which is what it prints anyway' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(AuditReplay)
    const { from, disclose } = flags
    const untilMs = flags.until === undefined ? undefined : parseMoment(flags.until)
    await this.withConnection(flags, ({ reader }) =>
      writeLines(process.stdout, replay(reader, { from, untilMs, disclose }), (event) =>
        JSON.stringify(event),
      ),
    )
  }
}
