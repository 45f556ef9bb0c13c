import { Args, Flags } from '@oclif/core'
import { ProofFileError, readProofFile } from '../../src/audit/proof-file.ts'
import { type PublicEvent, publicEvent } from '../../src/audit/public-event.ts'
import { longestReceiptBytes } from '../../src/audit/receipt.ts'
import type { Station } from '../../src/audit/stations.ts'
import { auditorFlags, knowledgeOf } from '../../src/auditor-flags.ts'
import { limits, receiptText } from '../../src/receipt-text.ts'
import { verifyReceipt } from '../../src/receipts.ts'
import { BaseCommand } from '../../src/terminal/base-command.ts'

const isOfAdministrator = ({ station }: Station): boolean => station === 'administrator'

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
  static override flags = {
    ...auditorFlags('at that time'),
    token: Flags.string({ description: 'the token that it must be about, or - for standard input' }),
  }

  async run(): Promise<{ ok: boolean; events: PublicEvent[]; stations: Station[]; limits: string[] }> {
    const { args, flags } = await this.parse(AuditVerifyReceipt)
    if (args.file === '-' && flags.token === '-')
      throw new ProofFileError('malformed', 'standard input cannot hold both the receipt and the token')
    const token = flags.token === '-' ? readProofFile('-', longestReceiptBytes).trimEnd() : flags.token
    const receipt = readProofFile(args.file, longestReceiptBytes)
    const verdict = await verifyReceipt(receipt, { ...knowledgeOf(flags), token })
    this.log(receiptText(verdict))
    if (flags.administrator !== undefined && !verdict.stations.some(isOfAdministrator))
      this.note('--administrator was not needed: no event of the receipt is an act of administration')
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
