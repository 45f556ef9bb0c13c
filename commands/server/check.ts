import { connectTo } from '../../src/admin/connection.ts'
import { probe } from '../../src/admin/probe.ts'
import { serverProcess } from '../../src/admin/server-process.ts'
import { OperatorCommand, profileFlag } from '../../src/operator-command.ts'
import { endLines } from '../../src/terminal/monitor-screen.ts'

const texts = {
  booting: 'Server is booting',
  running: 'Server is running',
  elsewhere: 'Server is running elsewhere',
  stopped: 'Server stopped',
} as const

export default class ServerCheck extends OperatorCommand {
  static override summary = 'tell whether the server runs'
  static override description =
    'Asks over HTTP. Exit code 0 when it runs where the settings say, 1 otherwise; what was seen instead is said on standard error.'
  static override flags = { ...profileFlag }

  async run(): Promise<Record<string, unknown>> {
    const { flags } = await this.parse(ServerCheck)
    const paths = this.paths(flags.home)
    const { settings } = this.load(paths, flags.profile)
    const { server } = settings
    const found = await probe({
      host: server.host,
      port: server.port,
      isTls: server.tls !== undefined,
      controlSocket: paths.controlSocket,
      processId: serverProcess(paths.pidFile),
    })
    this.log(texts[found.state])
    if (found.note !== undefined) this.note(found.note, 'warn')
    const { anchors } = found.health ?? {}
    if (anchors)
      this.log(
        `Anchors: ${anchors.confirmed} confirmed, ${anchors.pending} pending, ${anchors.lagEvents} events behind, node ${anchors.node}`,
      )
    if (found.state !== 'running') process.exitCode = 1
    // Not for everybody who can reach the port: over the control socket.
    const connection = await connectTo(paths.controlSocket).catch(() => undefined)
    if (found.state !== 'running' || !connection) return { ...found }
    const { ends } = await connection.operations.monitor({})
    for (const line of endLines({ ends })) this.log(line)
    return { ...found, ends }
  }
}
