import { Flags } from '@oclif/core'
import { createKeys } from '../../src/admin/keys.ts'
import { BaseCommand } from '../../src/terminal/base-command.ts'

export default class KeyCreate extends BaseCommand {
  static override summary = 'make new private keys'
  static override description =
    'Prints random private keys in wallet import format (WIF), one a line; with --address each is followed by its address. Nothing is stored: whoever sees the output has the keys.'
  static override examples = [
    '<%= config.bin %> <%= command.id %> --address',
    '<%= config.bin %> <%= command.id %> -n 4',
  ]
  static override flags = {
    number: Flags.integer({ char: 'n', description: 'how many keys', default: 1, min: 1, max: 10_000 }),
    address: Flags.boolean({ char: 'a', description: 'print the address behind each key' }),
  }

  async run(): Promise<{ keys: { privateKey: string; address: string }[] }> {
    const { flags } = await this.parse(KeyCreate)
    const keys = createKeys(flags.number)
    for (const { wif, address } of keys) this.log(flags.address ? `${wif} ${address}` : wif)
    return { keys: keys.map(({ wif, address }) => ({ privateKey: wif, address })) }
  }
}
