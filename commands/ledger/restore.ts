import { resolve } from 'node:path'
import { Args } from '@oclif/core'
import { restoreLedger } from '../../src/auditing.ts'
import { prepareHome } from '../../src/config/home.ts'
import { OperatorCommand } from '../../src/operator-command.ts'
import { eventProgress, progressLine } from '../../src/terminal/progress.ts'

interface Restored {
  events: number
  root: string
  origin: string | null
  administratorAddress: string | null
  serverAddresses: string[]
}

export default class LedgerRestore extends OperatorCommand {
  static override summary = 'put a backup into a home that has no ledger'
  static override description =
    `Verifies the whole backup first, on a copy, and overwrites nothing. Keys and settings are not part of a backup: the server needs the settings and private keys it had, or the administrator's name and new server keys.

What happened after the backup is lost: tokens revoked since then are valid again, persons erased since then are named again. Where checkpoints of later events were signed, witnesses will find that history was changed, and they are right.`
  static override args = { dir: Args.string({ required: true, description: 'folder of the backup' }) }

  async run(): Promise<Restored> {
    const { args, flags } = await this.parse(LedgerRestore)
    const paths = this.paths(flags.home)
    prepareHome(paths)
    const progress = progressLine(process.stderr, this.errorAppearance.interactive)
    const { manifest, verification } = await restoreLedger(
      resolve(args.dir),
      paths,
      eventProgress(progress, () => this.now()),
    )
    progress.clear()
    const { size, root } = manifest
    const opened = verification.servers.at(-1)
    this.log(`Ledger restored: ${size} events, root ${root}`)
    if (opened) {
      this.log(`Ledger of ${opened.origin}, administrator ${opened.administratorAddress}`)
      this.log(`Servers: ${[...new Set(verification.servers.map((it) => it.serverAddress))].join(' ')}`)
    }
    this.note('the backup holds no keys and no settings: those of the server are still needed')
    return {
      events: size,
      root,
      origin: opened?.origin ?? null,
      administratorAddress: opened?.administratorAddress ?? null,
      serverAddresses: [...new Set(verification.servers.map((it) => it.serverAddress))],
    }
  }
}
