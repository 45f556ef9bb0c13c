import { resolve } from 'node:path'
import { Args } from '@oclif/core'
import { type BackupManifest, writeBackup } from '../../src/audit/backup.ts'
import { OperatorCommand, profileFlag, programVersion } from '../../src/operator-command.ts'
import { eventProgress, progressLine } from '../../src/terminal/progress.ts'

export default class LedgerBackup extends OperatorCommand {
  static override summary = 'copy the ledger, while the server runs or stopped'
  static override description =
    `Writes the ledger as it is at one position into a new folder: events, side records, read models, checkpoints and anchors. The server goes on meanwhile. Keys and settings are not in it: keep them elsewhere.

A backup holds the names of persons who are erased later: keep backups no longer than that may be.`
  static override examples = ['<%= config.bin %> <%= command.id %> /backup/signon-monday']
  static override args = { dir: Args.string({ required: true, description: 'folder that is not there yet' }) }
  static override flags = { ...profileFlag }

  async run(): Promise<BackupManifest> {
    const { args, flags } = await this.parse(LedgerBackup)
    const directory = resolve(args.dir)
    return this.withConnection(flags, async ({ reader }) => {
      const progress = progressLine(process.stderr, this.errorAppearance.interactive)
      const show = eventProgress(progress, () => this.now())
      const manifest = await writeBackup(reader, directory, {
        program: programVersion(),
        nowMs: this.now(),
        onProgress: (done, total) => show(done, total, 'events'),
      })
      progress.clear()
      this.log(`Backup written: ${manifest.size} events, root ${manifest.root}`)
      return manifest
    })
  }
}
