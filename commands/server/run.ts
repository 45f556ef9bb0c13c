import { once } from 'node:events'
import { Flags } from '@oclif/core'
import { serverWords, startInBackground } from '../../src/background.ts'
import { OperatorCommand, profileFlag, programVersion } from '../../src/operator-command.ts'
import { serve } from '../../src/serve.ts'
import { awaitEnding, outliveReaders } from '../../src/terminal/ending.ts'

export default class ServerRun extends OperatorCommand {
  static override summary = 'run the server in the foreground'
  static override flags = {
    ...profileFlag,
    daemon: Flags.boolean({ char: 'd', description: 'run in the background, as server start' }),
    quiet: Flags.boolean({ char: 'q', description: 'log to the file alone' }),
  }

  async run(): Promise<void> {
    const { flags } = await this.parse(ServerRun)
    const paths = this.paths(flags.home)
    const loaded = this.load(paths, flags.profile)
    if (flags.daemon) {
      await startInBackground(paths, serverWords(flags))
      this.log('Server started')
      return
    }
    // From here on, so that a server that is told to stop while it starts ends as any other.
    const { signal } = awaitEnding(process)
    outliveReaders(process)
    const app = await serve({
      loaded,
      paths,
      version: programVersion(),
      level: this.askedLogLevel,
      echo: flags.quiet ? undefined : process.stderr,
      environment: process.env,
      now: this.now,
    })
    this.log(`Server started: ${app.issuer}`)
    if (!signal.aborted) await once(signal, 'abort')
    await app.close()
    this.log('Server stopped')
  }
}
