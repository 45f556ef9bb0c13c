import { Flags } from '@oclif/core'
import { type LedgerStats, ledgerStats } from '../../src/audit/stats.ts'
import { OperatorCommand, profileFlag } from '../../src/operator-command.ts'
import { statsBlock } from '../../src/stats-text.ts'
import { eventProgress, progressLine } from '../../src/terminal/progress.ts'
import { blockTable } from '../../src/terminal/tables.ts'

export default class LedgerStatistics extends OperatorCommand {
  static override summary = 'tell how large the ledger is and how fast it grows'
  static override flags = {
    ...profileFlag,
    last: Flags.integer({
      description: 'over how many of the last events the rate is taken',
      default: 1000,
      min: 2,
    }),
    types: Flags.boolean({ description: 'count the events of each type too: reads the whole ledger' }),
  }

  async run(): Promise<LedgerStats> {
    const { flags } = await this.parse(LedgerStatistics)
    const directory = this.paths(flags.home).ledger
    return this.withConnection(flags, async ({ reader, operations }) => {
      const progress = progressLine(process.stderr, this.errorAppearance.interactive)
      const show = eventProgress(progress, () => this.now())
      const stats = await ledgerStats(reader, {
        directory,
        segments: await operations.segments({}),
        lastEvents: flags.last,
        types: flags.types,
        onProgress: (done, total) => show(done, total, 'events'),
      })
      progress.clear()
      this.log(blockTable(statsBlock(stats)))
      return stats
    })
  }
}
