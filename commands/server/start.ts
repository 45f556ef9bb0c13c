import { serverWords, startInBackground } from '../../src/background.ts'
import { OperatorCommand, profileFlag } from '../../src/operator-command.ts'

export default class ServerStart extends OperatorCommand {
  static override summary = 'run the server in the background'
  static override flags = { ...profileFlag }

  async run(): Promise<{ processId: number }> {
    const { flags } = await this.parse(ServerStart)
    const paths = this.paths(flags.home)
    // Faults of the settings are told here, before there is a process.
    this.load(paths, flags.profile)
    const processId = await startInBackground(paths, serverWords(flags))
    this.log('Server started')
    return { processId }
  }
}
