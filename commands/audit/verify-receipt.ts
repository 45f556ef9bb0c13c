import { Args } from '@oclif/core'
import { readProofFile } from '../../src/audit/proof-file.ts'
import { type PublicEvent, publicEvent } from '../../src/audit/public-event.ts'
import { longestReceiptBytes } from '../../src/audit/receipt.ts'
import type { Station } from '../../src/audit/stations.ts'
import { auditorFlags, knowledgeOf } from '../../src/auditor-flags.ts'
import { limits, receiptText } from '../../src/receipt-text.ts'
import { verifyReceipt } from '../../src/receipts.ts'
import { BaseCommand } from '../../src/terminal/base-command.ts'

export default class AuditVerifyReceipt extends BaseCommand {
  static override summary = 'verify a receipt, without server, network or ledger'
  static override description =
    `Goes the way from the event to the chain and says for each station what is proved and what is not. Give the addresses of the server and the administrator as you know them from elsewhere: a receipt cannot vouch for itself, and the block of a development chain proves nothing.

Exit code 0 when every station that the receipt gives holds, 1 otherwise.`
  static override examples = [
    '<%= config.bin %> <%= command.id %> receipt.json --server 1BoatSLRHtKNngkdXEeobR76b53LETtpyT',
  ]
  static override args = {
    file: Args.string({ description: 'the receipt, or - for standard input', required: true }),
  }
  static override flags = auditorFlags('at that time')

  async run(): Promise<{ ok: boolean; events: PublicEvent[]; stations: Station[]; limits: string[] }> {
    const { args, flags } = await this.parse(AuditVerifyReceipt)
    const verdict = await verifyReceipt(readProofFile(args.file, longestReceiptBytes), knowledgeOf(flags))
    this.log(receiptText(verdict))
    if (!verdict.ok) process.exitCode = 1
    const { ok, events, stations } = verdict
    return {
      ok,
      events: events.map((recorded) => publicEvent(recorded, { disclose: true })),
      stations,
      limits: limits(stations),
    }
  }
}
