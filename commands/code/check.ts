import { Args } from '@oclif/core'
import { type Block, codeBlock } from '../../src/admin/blocks.ts'
import { ControlError } from '../../src/admin/connection.ts'
import { OperatorCommand, profileFlag } from '../../src/operator-command.ts'
import { blockTable } from '../../src/terminal/tables.ts'

export default class CodeCheck extends OperatorCommand {
  static override summary = 'show an authorization code'
  static override description =
    'Straight from the ledger, whether the server runs or not. Of the access token only the SHA-256 is known.'
  static override args = {
    code: Args.string({ required: true, description: 'authorization code, or - for standard input' }),
  }
  static override flags = { ...profileFlag }

  async run(): Promise<{ Authentication: Block; Value: string }> {
    const { args, flags } = await this.parse(CodeCheck)
    return this.withConnection(flags, async ({ operations }) => {
      const code = this.readToken(args.code)
      const view = await operations.code({ code })
      if (!view) throw new ControlError('not_found', 'The code not found.')
      const block = codeBlock(view)
      const lines = blockTable(block).split('\n')
      this.log(['Authentication', ...lines.map((line) => `  ${line}`), `Value  ${code}`].join('\n'))
      return { Authentication: block, Value: code }
    })
  }
}
