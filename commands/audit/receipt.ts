import { Args, Flags } from '@oclif/core'
import { ControlError } from '../../src/admin/connection.ts'
import { administratorKey } from '../../src/admin/keys.ts'
import { writeNewFile } from '../../src/audit/proof-file.ts'
import { encodeReceipt, type Receipt } from '../../src/audit/receipt.ts'
import { OperatorCommand, privateKeyFlags, profileFlag } from '../../src/operator-command.ts'
import { askForReceipt, makeReceipt, type ReceiptSubject } from '../../src/receipts.ts'

export default class AuditReceipt extends OperatorCommand {
  static override summary = 'make a receipt: all that proves one event, in one file'
  static override description =
    `Of a token: the event that issued it and those that ended it, as far as it has ended. The receipt is for audit verify-receipt, which needs neither this server nor a network.

The events must be covered by an anchor that stands in a block; with --unanchored a signed checkpoint is enough, and the receipt proves nothing about time.`
  static override examples = [
    '<%= config.bin %> <%= command.id %> --position 12 -o receipt.json',
    '<%= config.bin %> <%= command.id %> cs_at_... --unanchored',
    '<%= config.bin %> <%= command.id %> --position 12 --url https://signon.example --privatekey-file admin.key',
  ]
  static override args = {
    token: Args.string({
      description: 'access token, refresh token or code, live or not; - for standard input',
    }),
  }
  static override flags = {
    ...profileFlag,
    position: Flags.integer({ min: 0, description: 'position of the event in the ledger' }),
    output: Flags.string({
      char: 'o',
      description: 'file to write, which must not exist (standard output if left out)',
    }),
    disclose: Flags.boolean({
      description:
        'put side records in: what names a person and, for users and clients, the hash of the password or secret',
    }),
    unanchored: Flags.boolean({
      description: 'be content with a checkpoint where no anchor stands in a block yet',
    }),
    ...privateKeyFlags,
    url: Flags.string({
      description:
        "ask the server at this address, its issuer, over HTTP, with the administrator's private key",
      exclusive: ['disclose', 'unanchored', 'home', 'profile'],
    }),
  }

  async run(): Promise<{ file: string | null; receipt: object }> {
    const { args, flags } = await this.parse(AuditReceipt)
    const { disclose, unanchored, url } = flags
    const subject = subjectOf(
      args.token && this.readToken(args.token, flags['privatekey-file']),
      flags.position,
    )
    if (url !== undefined) {
      const key = administratorKey(this.readKey(flags))
      return this.#write(await askForReceipt(url, subject, key, this.now()), flags.output)
    }
    return this.withConnection(flags, async (connection) => {
      const receipt = await makeReceipt(connection, subject, { disclose, unanchored })
      const { administrator, servers } = await connection.operations.coinAddresses({})
      const written = this.#write(receipt, flags.output)
      this.note(`to be checked with: audit verify-receipt${addresses(administrator, servers)}`)
      if (isUnanchored(receipt)) this.note('without anchor: it proves nothing about time', 'warn')
      return written
    })
  }

  #write(receipt: Receipt, output: string | undefined): { file: string | null; receipt: object } {
    const text = encodeReceipt(receipt)
    if (output !== undefined) writeNewFile(output, text)
    else if (!this.jsonEnabled()) process.stdout.write(text)
    return { file: output ?? null, receipt: JSON.parse(text) as object }
  }
}

function subjectOf(token: string | undefined, position: number | undefined): ReceiptSubject {
  if (token !== undefined && position === undefined) return { token }
  if (position !== undefined && token === undefined) return { position }
  throw new ControlError('malformed', 'one of TOKEN and --position is expected')
}

const addresses = (administrator: string, servers: readonly string[]): string =>
  [` --administrator ${administrator}`, ...servers.map((address) => ` --server ${address}`)].join('')

const isUnanchored = ({ anchors }: Receipt): boolean => anchors.length === 0
