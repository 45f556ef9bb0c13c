import { Flags } from '@oclif/core'
import type { Sealed } from '../../src/admin/operations.ts'
import { parseMoment } from '../../src/audit/moment.ts'
import { OperatorCommand, profileFlag } from '../../src/operator-command.ts'

export default class LedgerSeal extends OperatorCommand {
  static override summary = 'move older events into compressed files'
  static override description =
    `Moves the events from before a time, and the rows of grants and sessions that were over by then, from LevelDB into files in data/segments, and lets LevelDB give back the room. A server does this by itself for what is older than signon.ledger.seal-after; it goes on answering meanwhile.

Nothing is lost: sealed events are verified, searched, proved and backed up like all others, and their tokens stay known.`
  static override examples = ['<%= config.bin %> <%= command.id %> --before 2026-11-01T00:00:00Z']
  static override flags = {
    ...profileFlag,
    before: Flags.string({
      description: 'time (ISO 8601) instead of the age that the settings say',
    }),
  }

  async run(): Promise<Sealed> {
    const { flags } = await this.parse(LedgerSeal)
    const beforeMs = flags.before === undefined ? null : parseMoment(flags.before)
    return this.withWriteAccess(flags, async ({ operations }) => {
      const sealed = await operations.seal({ beforeMs })
      this.log(`Sealed: ${sealed.events} events, ${sealed.streams} grants and sessions that are over`)
      return sealed
    })
  }
}
