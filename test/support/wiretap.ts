/** Somebody on the line between a client and a server: hears all that the client sends, and may cut the line. */
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface Wiretap {
  port: number
  /** All that clients have sent, on all connections. */
  heard(): Buffer
  connections(): number
  /** Cuts the connections that there are; the next one goes through. */
  cut(): void
  close(): Promise<void>
}

/** @param cutAfter how many pieces of a connection's data, of either side, go through before it is cut */
export async function openWiretap(toPort: number, cutAfter = Number.POSITIVE_INFINITY): Promise<Wiretap> {
  const chunks: Buffer[] = []
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createServer((client) => {
    connections++
    let pieces = 0
    const behind = connect(toPort, '127.0.0.1')
    const hangUp = () => {
      client.destroy()
      behind.destroy()
    }
    const pass = (to: Socket, data: Buffer) => (++pieces > cutAfter ? hangUp() : to.write(data))
    client.on('data', (data) => {
      chunks.push(data)
      pass(behind, data)
    })
    behind.on('data', (data) => pass(client, data))
    for (const socket of [client, behind]) {
      sockets.add(socket)
      socket.on('error', hangUp).on('close', hangUp)
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const cut = () => {
    for (const socket of sockets) socket.destroy()
    sockets.clear()
  }
  return {
    port: (server.address() as AddressInfo).port,
    heard: () => Buffer.concat(chunks),
    connections: () => connections,
    cut,
    close() {
      cut()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
