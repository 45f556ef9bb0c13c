/** `/health/live` and `/health/ready`. */
import type { FastifyInstance } from 'fastify'

export interface Health {
  /** Whether requests can be served: the ledger can be read and written. */
  isReady: boolean
  ledger: { position: number }
  anchors: {
    confirmed: number
    pending: number
    lagEvents: number
    node: 'reachable' | 'unreachable' | 'unknown'
  }
}

export function healthRoutes(app: FastifyInstance, health: () => Health): void {
  app.get('/health/live', () => ({ status: 'live' }))
  app.get('/health/ready', (_request, reply) => {
    const { isReady, ...rest } = health()
    // The chain may fail and OAuth goes on: a node that cannot be reached is told, but is no reason for 503.
    if (!isReady) reply.code(503).header('retry-after', '1')
    return reply.send({ status: isReady ? 'ready' : 'unavailable', ...rest })
  })
}
