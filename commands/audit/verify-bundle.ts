import { Args } from '@oclif/core'
import type { BundleVerdict } from '../../src/audit/bundle-check.ts'
import { auditorFlags, knowledgeOf } from '../../src/auditor-flags.ts'
import { bundleText, verifyBundle } from '../../src/bundles.ts'
import { BaseCommand } from '../../src/terminal/base-command.ts'

export default class AuditVerifyBundle extends BaseCommand {
  static override summary = 'verify a bundle, without server, network or ledger'
  static override description =
    `Recomputes every leaf and the tree over the range, checks every signature, every anchor and that each event may follow on those before it in its stream, and that each file is as it was written. A record may be missing only where an event of the same ledger says that it was dropped by policy; how many were, by which events and at which age, is told. Give the addresses of the server and the administrator as you know them from elsewhere: a bundle cannot vouch for itself, and the block of a development chain proves nothing.

Exit code 0 when nothing is missing and nothing altered, 1 otherwise.`
  static override args = {
    directory: Args.string({ description: 'folder of the bundle', required: true }),
  }
  static override flags = auditorFlags('at the end of the range')

  async run(): Promise<Omit<BundleVerdict, 'manifest'> & { origin: string; from: number; to: number }> {
    const { args, flags } = await this.parse(AuditVerifyBundle)
    const verdict = await verifyBundle(args.directory, knowledgeOf(flags))
    this.log(bundleText(verdict))
    if (!verdict.ok) process.exitCode = 1
    const { manifest, ...rest } = verdict
    const { origin, from, to } = manifest
    return { ...rest, origin, from, to }
  }
}
