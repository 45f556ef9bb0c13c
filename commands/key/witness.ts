import { Args } from '@oclif/core'
import { createWitnessKey } from '../../src/audit/witness-key.ts'
import { BaseCommand } from '../../src/terminal/base-command.ts'

export default class KeyWitness extends BaseCommand {
  static override summary = 'make a key with which a witness cosigns checkpoints'
  static override description =
    'Prints the private key and, on a second line, the key by which others verify the cosignatures. The first line, or both, belong into the file that audit witness --cosign-key reads. Nothing is stored.'
  static override examples = ['<%= config.bin %> <%= command.id %> witness.example/one > witness.key']
  static override args = {
    name: Args.string({ required: true, description: 'name of the witness: a URL without https://' }),
  }

  async run(): Promise<{ privateKey: string; verifierKey: string }> {
    const { args } = await this.parse(KeyWitness)
    const key = createWitnessKey(args.name)
    this.log(key.privateKey)
    this.log(key.verifierKey)
    return key
  }
}
