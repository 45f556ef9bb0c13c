import { Flags } from '@oclif/core'
import { stopInBackground } from '../../src/background.ts'
import { OperatorCommand } from '../../src/operator-command.ts'

export default class ServerStop extends OperatorCommand {
  static override summary = 'stop the server'
  static override flags = {
    force: Flags.boolean({ description: 'at once, without waiting for requests under way' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(ServerStop)
    await stopInBackground(this.paths(flags.home), flags.force)
    this.log('Server stopped')
  }
}
