/** The end of the HTTP server: requests under way are answered, and nobody else is waited for. */
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

/** How long a request under way may hold up the end. */
const longestMs = 10_000
const lookAgainMs = 50

/** To be called before the server listens; gives what closes it. */
export function gracefulClose(http: FastifyInstance): () => Promise<void> {
  const { server } = http
  const connections = new Set<Socket>()
  server.on('connection', (socket: Socket) => {
    connections.add(socket)
    socket.once('close', () => connections.delete(socket))
  })
  /** Node closes the idle ones once, at the beginning; and those that browsers opened ahead it takes for busy. */
  const closeIdle = () => {
    server.closeIdleConnections()
    for (const socket of connections) if (socket.bytesRead === 0) socket.destroy()
  }
  return async () => {
    const closingIdle = setInterval(closeIdle, lookAgainMs)
    const closingAll = setTimeout(() => server.closeAllConnections(), longestMs)
    try {
      await http.close()
    } finally {
      clearInterval(closingIdle)
      clearTimeout(closingAll)
    }
  }
}
