import { Args, Flags } from '@oclif/core'
import type { BundleVerdict } from '../../src/audit/bundle-check.ts'
import { bundleText, verifyBundle } from '../../src/bundles.ts'
import { nodeClient } from '../../src/node-client.ts'
import { BaseCommand } from '../../src/terminal/base-command.ts'

export default class AuditVerifyBundle extends BaseCommand {
  static override summary = 'verify a bundle, without server, network or ledger'
  static override description =
    `Recomputes every leaf and the tree over the range, checks every signature, every anchor and that each event may follow on those before it in its stream, and that each file is as it was written. Give the addresses of the server and the administrator as you know them from elsewhere: a bundle cannot vouch for itself, and the block of a development chain proves nothing.

Exit code 0 when nothing is missing and nothing altered, 1 otherwise.`
  static override args = {
    directory: Args.string({ description: 'folder of the bundle', required: true }),
  }
  static override flags = {
    administrator: Flags.string({ description: 'address of the administrator at the end of the range' }),
    server: Flags.string({
      multiple: true,
      description: 'address of the server; further ones for its former keys',
    }),
    node: Flags.string({ description: 'endpoint of a node to ask whether the blocks are on its chain' }),
    timeout: Flags.integer({ min: 1, default: 10, description: 'seconds to wait for the node' }),
  }

  async run(): Promise<Omit<BundleVerdict, 'manifest'> & { origin: string; from: number; to: number }> {
    const { args, flags } = await this.parse(AuditVerifyBundle)
    const { administrator, server, node, timeout } = flags
    const verdict = await verifyBundle(args.directory, {
      administrator,
      servers: server,
      chain:
        node === undefined
          ? undefined
          : nodeClient({ endpoint: node, timeoutMs: timeout * 1000, environment: process.env }),
    })
    this.log(bundleText(verdict))
    if (!verdict.ok) process.exitCode = 1
    const { manifest, ...rest } = verdict
    const { origin, from, to } = manifest
    return { ...rest, origin, from, to }
  }
}
