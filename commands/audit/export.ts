import { Flags } from '@oclif/core'
import type { Manifest } from '../../src/audit/bundle.ts'
import { writeBundle } from '../../src/bundles.ts'
import { OperatorCommand, profileFlag } from '../../src/operator-command.ts'

export default class AuditExport extends OperatorCommand {
  static override summary = 'write a range of the ledger and all that proves it into a folder'
  static override description =
    `Events, checkpoints, anchors and the hashes that lead from one to the other, for audit verify-bundle, which needs neither this server nor its ledger. Of records that the retention policy dropped it holds the leaf hashes, and the events that say so. The folder must not be there yet; it appears whole or not at all.`
  static override examples = ['<%= config.bin %> <%= command.id %> --from 0 --to 999 -o bundle']
  static override flags = {
    ...profileFlag,
    from: Flags.integer({ min: 0, required: true, description: 'first position' }),
    to: Flags.integer({ min: 0, required: true, description: 'last position' }),
    output: Flags.string({ char: 'o', required: true, description: 'folder to make' }),
    disclose: Flags.boolean({
      description:
        'put side records in: what names a person and, for users and clients, the hash of the password or secret',
    }),
    unanchored: Flags.boolean({
      description: 'be content with a checkpoint where no anchor stands in a block yet',
    }),
  }

  async run(): Promise<Omit<Manifest, 'files' | 'left' | 'right'> & { directory: string; dropped: number }> {
    const { flags } = await this.parse(AuditExport)
    const { from, to, output, disclose, unanchored } = flags
    return this.withConnection(flags, async (connection) => {
      const { manifest, dropped } = await writeBundle(connection, output, { from, to, disclose, unanchored })
      const { origin, size } = manifest
      this.log(`Bundle written: ${output} (positions ${from} to ${to}, in the tree of ${size} events)`)
      if (dropped > 0) this.log(`${dropped} records dropped by policy: their leaf hashes stand for them`)
      return { directory: output, origin, from, to, size, dropped }
    })
  }
}
