import { Flags } from '@oclif/core'
import type { Connection } from '../../src/admin/connection.ts'
import type { Retained } from '../../src/admin/operations.ts'
import { OperatorCommand, profileFlag } from '../../src/operator-command.ts'
import { bytesText } from '../../src/stats-text.ts'
import { progressLine } from '../../src/terminal/progress.ts'

/** How often it is asked how far the server has come. */
const progressEveryMs = 500

export default class LedgerRetain extends OperatorCommand {
  static override summary = 'drop what the retention policy does not keep'
  static override description =
    `Applies signon.ledger.keep-side-records and signon.ledger.keep-payloads now: side records (addresses and browsers of logins), or all of the records, of grants, sessions, used assertions, pushed requests and failed logins that have been over for longer than the policy says. A server does this by itself, once a day or as often as the age says.

What was dropped cannot be brought back. An event says which positions went; their leaf hashes, the tree, checkpoints, anchors and all proofs made before stay. Try it with --dry-run first.`
  static override examples = [
    '<%= config.bin %> <%= command.id %> --dry-run',
    '<%= config.bin %> <%= command.id %> --json',
  ]
  static override flags = {
    ...profileFlag,
    'dry-run': Flags.boolean({ description: 'change nothing, and tell what would go' }),
  }

  async run(): Promise<Retained> {
    const { flags } = await this.parse(LedgerRetain)
    const isDry = flags['dry-run']
    const retain = async ({ operations }: Connection): Promise<Retained> => {
      const progress = progressLine(process.stderr, this.errorAppearance.interactive)
      // Where the server cannot be asked any more, the run itself says so.
      const timer = setInterval(() => {
        operations.retention({}).then(
          ({ looked, total }) => progress.update(`looked at ${looked} of ${total} events`),
          () => {},
        )
      }, progressEveryMs)
      try {
        const retained = await operations.retain({ isDry })
        const { payloads, streams, sideRecords, bytes } = retained
        progress.clear()
        this.log(
          `${isDry ? 'Would drop' : 'Dropped'}: ${payloads} records of ${streams} streams, ${sideRecords} side records, ${bytesText(bytes)} before compression`,
        )
        return retained
      } finally {
        clearInterval(timer)
        progress.clear()
      }
    }
    return isDry ? this.withConnection(flags, retain) : this.withWriteAccess(flags, retain)
  }
}
