import { type KeyLine, keyLine, keyText } from '../../src/admin/blocks.ts'
import { OperatorCommand, profileFlag } from '../../src/operator-command.ts'

export default class KeyList extends OperatorCommand {
  static override summary = 'show the keys that sign tokens'
  static override description =
    'Pending: published, does not sign yet. Active: signs. Retiring: published until the last token it signed has expired. Retired: known to auditors only.'
  static override flags = { ...profileFlag }

  async run(): Promise<{ keys: KeyLine[] }> {
    const { flags } = await this.parse(KeyList)
    return this.withConnection(flags, async ({ operations }) => {
      const keys = (await operations.signingKeys({})).map(keyLine)
      for (const key of keys) this.log(keyText(key))
      if (keys.length === 0) this.note('there is no key yet: the first one is made when it is needed')
      return { keys }
    })
  }
}
