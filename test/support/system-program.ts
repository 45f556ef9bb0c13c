/** Programs of the system that tests run as processes of their own: with their own files, at free ports. */
import { existsSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { type Running, start } from '../terminal/child-process.ts'

/** Whether all of these files are there; else the reason is printed, so that a test can skip. */
export function isInstalled(what: string, files: readonly string[]): boolean {
  const missing = files.filter((file) => !existsSync(file))
  if (missing.length > 0) process.stderr.write(`${what} is not here (${missing}); its tests are skipped\n`)
  return missing.length === 0
}

/** Ports that nobody listens at, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer()
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      return server
    }),
  )
  const ports = servers.map((server) => (server.address() as { port: number }).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}

const isListening = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true))
    socket.on('error', () => resolve(false))
    socket.on('close', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })

export interface SystemServer {
  close(): Promise<void>
}

/** Starts a server in the foreground; resolves once it listens at the port. */
export async function startServer(
  command: string,
  words: readonly string[],
  port: number,
): Promise<SystemServer> {
  const running: Running = start(command, words)
  let ended: string | undefined
  const finished = running.finished.then(({ code, stdout, stderr }) => {
    ended = `${command} ended (${code}): ${stdout}${stderr}`
  })
  for (let tries = 0; !(await isListening(port)); tries++) {
    if (ended !== undefined || tries > 1500) throw new Error(ended ?? `${command} does not listen`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  return {
    async close() {
      running.kill('SIGTERM')
      await finished
    },
  }
}
