import { Flags } from '@oclif/core'
import type { Verification } from '../../src/audit/verify.ts'
import { type Rebuilt, rebuildReadModels, savedCheckpoint, verifyHistory } from '../../src/auditing.ts'
import type { HomePaths } from '../../src/config/home.ts'
import { nodeClient } from '../../src/node-client.ts'
import { OperatorCommand, profileFlag } from '../../src/operator-command.ts'
import { eventProgress, progressLine } from '../../src/terminal/progress.ts'
import { openToVerify } from '../../src/verifiable-ledger.ts'
import { rebuiltText, verificationText } from '../../src/verification-text.ts'

export default class AuditVerify extends OperatorCommand {
  static override summary = 'verify the whole ledger'
  static override description =
    `Recomputes every leaf, the tree, every checkpoint and every signature, and asks the node for every anchor; where the server is stopped, it also compares the read models with a fresh fold of the events. A running server only sends its bytes: the work is done here.

Exit code 0 when nothing is missing and nothing altered, 1 otherwise. Where the server's own node cannot be asked a warning says so; that one named with --node cannot be is a fault.`
  static override examples = [
    '<%= config.bin %> <%= command.id %> --json',
    '<%= config.bin %> <%= command.id %> --from checkpoint-of-last-year',
  ]
  static override flags = {
    ...profileFlag,
    node: Flags.string({
      description: "endpoint of the node to ask about anchors (the server's own if left out)",
    }),
    offline: Flags.boolean({
      description: 'ask no node: anchors are checked as far as the ledger tells',
      exclusive: ['node'],
    }),
    server: Flags.string({
      multiple: true,
      description: 'further server address to trust, for instance of former keys',
    }),
    from: Flags.string({
      multiple: true,
      description:
        'file with a checkpoint saved earlier: the ledger must begin with the one it was signed for',
    }),
    rebuild: Flags.boolean({
      description: 'fold the read models anew first, where the ledger itself is sound (server stopped only)',
    }),
  }

  async run(): Promise<Verification & { rebuilt?: Rebuilt }> {
    const { flags } = await this.parse(AuditVerify)
    const paths = this.paths(flags.home)
    const loaded = this.load(paths, flags.profile)
    const saved = (flags.from ?? []).map(savedCheckpoint)
    const rebuilt = flags.rebuild ? await this.#rebuild(paths) : undefined
    const ledger = await openToVerify(loaded, paths)
    try {
      const progress = progressLine(process.stderr, this.errorAppearance.interactive)
      const endpoint = flags.offline ? undefined : (flags.node ?? ledger.endpoint)
      const { timeoutMs } = loaded.settings.coinstack
      const verification = await verifyHistory(ledger, {
        servers: flags.server ?? [],
        chain:
          endpoint === undefined ? undefined : nodeClient({ endpoint, timeoutMs, environment: process.env }),
        mustAskChain: flags.node !== undefined,
        saved,
        paths,
        onProgress: eventProgress(progress, () => this.now()),
      })
      progress.clear()
      this.log(verificationText(verification))
      if (!verification.ok) process.exitCode = 1
      return rebuilt ? { ...verification, rebuilt } : verification
    } finally {
      await ledger.close()
    }
  }

  /** Of a ledger that is damaged nothing is rebuilt: what is wrong with it, verification names. */
  async #rebuild(paths: HomePaths): Promise<Rebuilt | undefined> {
    const progress = progressLine(process.stderr, this.errorAppearance.interactive)
    try {
      const rebuilt = await rebuildReadModels(
        paths,
        eventProgress(progress, () => this.now()),
      )
      progress.clear()
      this.log(rebuiltText(rebuilt))
      return rebuilt
    } catch (error) {
      progress.clear()
      if ((error as { code?: string }).code !== 'damaged') throw error
      this.note('the log itself is damaged: nothing was rebuilt', 'warn')
      return undefined
    }
  }
}
