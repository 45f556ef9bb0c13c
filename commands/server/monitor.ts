import { Flags } from '@oclif/core'
import { ControlError, connectTo } from '../../src/admin/connection.ts'
import { OperatorCommand } from '../../src/operator-command.ts'
import { showLiveScreen } from '../../src/terminal/live-screen.ts'
import { type MonitorSnapshot, monitorScreen } from '../../src/terminal/monitor-screen.ts'

export default class ServerMonitor extends OperatorCommand {
  static override summary = 'watch the server'
  static override flags = {
    once: Flags.boolean({ description: 'print the screen once' }),
    interval: Flags.integer({ description: 'seconds between screens', default: 1, min: 1, max: 3600 }),
  }

  async run(): Promise<MonitorSnapshot | undefined> {
    const { flags } = await this.parse(ServerMonitor)
    const connection = await connectTo(this.paths(flags.home).controlSocket)
    if (!connection) throw new ControlError('no_process', 'No process detected')
    const snapshot = (): Promise<MonitorSnapshot> => connection.operations.monitor({})
    if (this.jsonEnabled()) return snapshot()
    const render = async () => monitorScreen(await snapshot(), this.appearance)
    if (flags.once) {
      this.log(await render())
      return undefined
    }
    try {
      await showLiveScreen({
        output: process.stdout,
        appearance: this.appearance,
        signals: process,
        intervalMs: flags.interval * 1000,
        render,
      })
    } catch {
      throw new ControlError('no_process', 'the server has stopped')
    }
    return undefined
  }
}
