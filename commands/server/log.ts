import { ControlError } from '../../src/admin/connection.ts'
import { serverProcess } from '../../src/admin/server-process.ts'
import { followLog } from '../../src/logging/follow.ts'
import { prettyLogLine } from '../../src/logging/log-line.ts'
import { OperatorCommand } from '../../src/operator-command.ts'
import { awaitEnding } from '../../src/terminal/ending.ts'

export default class ServerLog extends OperatorCommand {
  static override summary = "follow the server's log"
  static override enableJsonFlag = false

  async run(): Promise<void> {
    const { flags } = await this.parse(ServerLog)
    const paths = this.paths(flags.home)
    if (serverProcess(paths.pidFile) === undefined)
      throw new ControlError('no_process', 'No process detected')
    const { signal } = awaitEnding(process)
    const { colour } = this.appearance
    for await (const line of followLog(paths.logs, signal)) this.log(prettyLogLine(line, { colour }))
  }
}
