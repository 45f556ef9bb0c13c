/** A log of texts as a server would publish it, which can be served and whose history can be rewritten. */
import fastify, { type FastifyInstance } from 'fastify'
import type { RemoteLog } from '../../src/audit/remote-log.ts'
import { signCheckpoint } from '../../src/tree/checkpoint.ts'
import { ed25519PrivateKey } from '../../src/tree/ed25519.ts'
import { Frontier } from '../../src/tree/frontier.ts'
import { leafHash } from '../../src/tree/hash.ts'
import { ed25519Signer, type NoteSigner } from '../../src/tree/signed-note.ts'
import { parseTilePath, TILE_WIDTH } from '../../src/tree/tiles.ts'

export const historyOrigin = 'log.example/one'
export const historySigner = ed25519Signer(historyOrigin, ed25519PrivateKey(Buffer.alloc(32, 21)))

export interface PublishedHistory {
  /** Signed by `historySigner`, or by whoever is given. */
  note(signer?: NoteSigner, origin?: string): string
  /** Undefined where the tree has no such tile. */
  tile(level: number, index: number, width: number): Buffer | undefined
}

/** @param rewrittenAt position of the one event that is another one; none if left out */
export function publishedHistory(size: number, rewrittenAt = -1): PublishedHistory {
  const frontier = new Frontier()
  const tiles = new Map<string, Buffer[]>()
  for (let position = 0; position < size; position++) {
    const text = position === rewrittenAt ? 'something else' : `event ${position}`
    frontier.append(leafHash(Buffer.from(text)), (level, index, hash) => {
      const key = `${level}/${Math.floor(index / TILE_WIDTH)}`
      const tile = tiles.get(key)
      if (tile) tile.push(hash)
      else tiles.set(key, [hash])
    })
  }
  return {
    note: (signer = historySigner, origin = historyOrigin) =>
      signCheckpoint({ origin, size, root: frontier.root() }, [signer]),
    tile(level, index, width) {
      const hashes = tiles.get(`${level}/${index}`)
      return hashes && hashes.length >= width ? Buffer.concat(hashes.slice(0, width)) : undefined
    },
  }
}

/** The log without a network. */
export const remoteHistory = (history: PublishedHistory, changes: Partial<RemoteLog> = {}): RemoteLog => ({
  url: 'http://log.example/ledger',
  checkpoint: async () => history.note(),
  verifierKey: async () => historySigner.verifierKey,
  readTile: async (level, index, width) => history.tile(level, index, width)!,
  ...changes,
})

/** A server that serves whatever history it is given last. */
export function historyServer(): { app: FastifyInstance; show(history: PublishedHistory): void } {
  let shown = publishedHistory(1)
  const app = fastify()
  app.get('/ledger/checkpoint', async () => shown.note())
  app.get('/ledger/key', async () => `${historySigner.verifierKey}\n`)
  app.get<{ Params: { '*': string } }>('/ledger/tile/*', async ({ params }, reply) => {
    const tile = parseTilePath(`tile/${params['*']}`)
    const bytes = tile && shown.tile(tile.level, tile.index, tile.width)
    return bytes ? reply.type('application/octet-stream').send(bytes) : reply.code(404).send()
  })
  return {
    app,
    show(history) {
      shown = history
    },
  }
}
