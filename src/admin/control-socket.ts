/**
 * The control socket of a running server: HTTP on a Unix socket in its home, mode 0600, so that whoever may
 * read the data directory may ask, and nobody else. What changes clients, users or grants needs the administrator's
 * signature all the same; the server's own keys are the server's.
 */
import { chmod, rm } from 'node:fs/promises'
import { Readable } from 'node:stream'
import fastify, { type FastifyInstance } from 'fastify'
import type { Entry, StorageReader } from '../ledger/storage.ts'
import { answerTo, type EntriesQuery, type EntryQuestion, encodeFrame, rangeOfQuery } from './entry-frames.ts'
import type { OperationName, Operations } from './operations.ts'

const framesAtOnceBytes = 256 * 1024

/** Faults that are the asker's, by their code. */
const refusals = ['malformed', 'signature', 'stale', 'exists', 'not_found']

/**
 * Serves the operations, and the stored entries for audits, on `path`.
 *
 * The caller holds the ledger, so whatever is left at `path` is from a server that is gone.
 */
export async function listenOnControlSocket(
  path: string,
  operations: Operations,
  reader: StorageReader,
): Promise<FastifyInstance> {
  const app = fastify({ logger: false, bodyLimit: 1 << 20, forceCloseConnections: true })
  app.setErrorHandler((error, _request, reply) => {
    const { code = 'unavailable', message } = error as { code?: string; message: string }
    // Entries that cannot be read have their own type already.
    return reply
      .code(refusals.includes(code) ? 400 : 500)
      .type('application/json')
      .send({ code, message })
  })
  app.post<{ Params: { name: string } }>('/operations/:name', async (request, reply) => {
    const { name } = request.params
    if (!Object.hasOwn(operations, name))
      return reply.code(404).send({ code: 'not_found', message: 'no such operation' })
    const operation = operations[name as OperationName] as (input: unknown) => unknown
    return { result: (await operation(request.body)) ?? null }
  })
  app.get<{ Querystring: EntriesQuery }>('/entries', ({ query }, reply) =>
    reply
      .type('application/octet-stream')
      .send(Readable.from(frames(readerFor(reader, query).entries(rangeOfQuery(query))))),
  )
  app.post<{ Body: EntryQuestion }>('/entries', ({ body }, reply) =>
    reply
      .type('application/octet-stream')
      .send(Readable.from(frames(answerTo(readerFor(reader, body), body)))),
  )
  await rm(path, { force: true })
  await app.listen({ path })
  await chmod(path, 0o600)
  return app
}

const readerFor = (reader: StorageReader, { salvage }: { salvage?: string | boolean }): StorageReader =>
  (salvage === undefined ? undefined : reader.salvage) ?? reader

async function* frames(entries: AsyncIterable<Entry>): AsyncGenerator<Buffer> {
  let waiting: Buffer[] = []
  let bytes = 0
  for await (const [key, value] of entries) {
    const frame = encodeFrame(key, value)
    waiting.push(frame)
    bytes += frame.length
    if (bytes < framesAtOnceBytes) continue
    yield Buffer.concat(waiting)
    waiting = []
    bytes = 0
  }
  if (bytes > 0) yield Buffer.concat(waiting)
}
