import { Flags } from '@oclif/core'
import { type KeyLine, keyLine, keyText } from '../../src/admin/blocks.ts'
import { OperatorCommand, profileFlag } from '../../src/operator-command.ts'

export default class KeyRotate extends OperatorCommand {
  static override summary = 'replace the keys that sign tokens'
  static override description =
    'The next keys sign from now on; tokens that the former ones signed stay good until they expire. With --compromised the former keys and the ones made ready to follow them are withdrawn at once, and all that they signed with them.'
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --algorithm ES256 --compromised',
  ]
  static override flags = {
    ...profileFlag,
    algorithm: Flags.string({
      description: 'only the key of this algorithm',
      options: ['ES256', 'RS256', 'EdDSA'] as const,
    }),
    compromised: Flags.boolean({ description: 'withdraw the former keys at once' }),
  }

  async run(): Promise<{ keys: KeyLine[] }> {
    const { flags } = await this.parse(KeyRotate)
    const { algorithm, compromised } = flags
    return this.withWriteAccess(flags, async ({ operations }) => {
      const views = await operations.rotateSigningKeys({
        compromised,
        ...(algorithm && { algorithm: algorithm as 'ES256' }),
      })
      const keys = views.map(keyLine)
      for (const key of keys) this.log(keyText(key))
      return { keys }
    })
  }
}
