import { Flags } from '@oclif/core'
import { serverWords, startInBackground, stopInBackground } from '../../src/background.ts'
import { OperatorCommand, profileFlag } from '../../src/operator-command.ts'

export default class ServerRestart extends OperatorCommand {
  static override summary = 'stop the server and start it again'
  static override flags = {
    ...profileFlag,
    force: Flags.boolean({ description: 'stop at once, without waiting for requests under way' }),
  }

  async run(): Promise<{ processId: number }> {
    const { flags } = await this.parse(ServerRestart)
    const paths = this.paths(flags.home)
    this.load(paths, flags.profile)
    await stopInBackground(paths, flags.force)
    this.log('Server stopped')
    const processId = await startInBackground(paths, serverWords(flags))
    this.log('Server started')
    return { processId }
  }
}
