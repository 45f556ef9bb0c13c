/** `/ledger/checkpoint`, `/ledger/key` and `/ledger/tile/...`: the log as witnesses and auditors follow it (C2SP tlog-tiles). */
import type { FastifyInstance } from 'fastify'
import { OAuthError } from '../../oauth/errors.ts'

export interface PublishedLog {
  checkpoint(): string | undefined
  verifierKey(): string
  tile(path: string): Buffer | undefined
}

const nothing = () => new OAuthError('invalid_request', 'there is nothing at this address', 404)

export function publishedLogRoutes(app: FastifyInstance, log: PublishedLog): void {
  app.get('/ledger/checkpoint', (_request, reply) => {
    const note = log.checkpoint()
    if (note === undefined) throw nothing()
    return reply
      .removeHeader('pragma')
      .header('cache-control', 'no-cache')
      .type('text/plain; charset=utf-8')
      .send(note)
  })
  app.get('/ledger/key', (_request, reply) =>
    reply
      .removeHeader('pragma')
      .header('cache-control', 'no-cache')
      .type('text/plain; charset=utf-8')
      .send(`${log.verifierKey()}\n`),
  )
  app.get<{ Params: { '*': string } }>('/ledger/tile/*', ({ params }, reply) => {
    const tile = log.tile(`tile/${params['*']}`)
    if (!tile) throw nothing()
    return reply
      .removeHeader('pragma')
      .header('cache-control', 'public, max-age=31536000, immutable')
      .type('application/octet-stream')
      .send(tile)
  })
}
