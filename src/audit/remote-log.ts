/** A log as another server publishes it (C2SP tlog-tiles): checkpoint, tiles, and this program's key. */
import { HASH_BYTES } from '../tree/hash.ts'
import type { ReadTile } from '../tree/tile-proofs.ts'
import { TILE_WIDTH, tilePath } from '../tree/tiles.ts'

export interface RemoteLog {
  readonly url: string
  /** The last checkpoint as a note, unverified. */
  checkpoint(): Promise<string>
  /** The key that the server says it signs with (C2SP verifier key). */
  verifierKey(): Promise<string>
  /** Tiles, unverified. */
  readTile: ReadTile<Promise<Uint8Array>>
}

/** The log cannot be read: nothing is known of it, good or bad. */
export class RemoteLogError extends Error {
  override name = 'RemoteLogError'
  readonly code = 'unreachable'
}

const longestMs = 20_000
/** A note has at most 100 signatures of a line each. */
const mostNoteBytes = 64 * 1024

/**
 * @param url of the log; of a server, its log under `/ledger`
 * @throws RemoteLogError where it is no address
 */
export function remoteLog(url: string): RemoteLog {
  const base = baseOf(url)
  const text = async (path: string) => (await get(base, path, mostNoteBytes)).toString('utf8')
  return {
    url: base,
    checkpoint: () => text('checkpoint'),
    verifierKey: async () => (await text('key')).trim(),
    async readTile(level, index, width) {
      const bytes = width * HASH_BYTES
      const partial = await get(base, tilePath({ level, index, width }), bytes).catch(
        (error: RemoteLogError) => error,
      )
      if (!(partial instanceof Error)) return partial
      // "If the partial tile is not available, clients ... request the full tile".
      if (width === TILE_WIDTH) throw partial
      const full = await get(
        base,
        tilePath({ level, index, width: TILE_WIDTH }),
        TILE_WIDTH * HASH_BYTES,
      ).catch(() => undefined)
      if (!full) throw partial
      return full.subarray(0, bytes)
    },
  }
}

function baseOf(url: string): string {
  let parsed: URL
  try {
    parsed = new URL(url)
  } catch (cause) {
    throw new RemoteLogError(`${url}: an address such as https://signon.example is expected`, { cause })
  }
  if (!['http:', 'https:'].includes(parsed.protocol))
    throw new RemoteLogError(`${url}: an address such as https://signon.example is expected`)
  const path = parsed.pathname === '/' ? '/ledger' : parsed.pathname.replace(/\/$/, '')
  return parsed.origin + path
}

async function get(base: string, path: string, mostBytes: number): Promise<Buffer> {
  const address = `${base}/${path}`
  const failed = (why: string, cause?: unknown) => new RemoteLogError(`${address}: ${why}`, { cause })
  let answer: Response
  try {
    answer = await fetch(address, { signal: AbortSignal.timeout(longestMs) })
    if (!answer.ok || !answer.body) throw failed(`the server answers ${answer.status}`)
    const chunks: Uint8Array[] = []
    let bytes = 0
    for await (const chunk of answer.body as unknown as AsyncIterable<Uint8Array>) {
      bytes += chunk.length
      if (bytes > mostBytes) throw failed(`the answer is longer than ${mostBytes} bytes`)
      chunks.push(chunk)
    }
    return Buffer.concat(chunks)
  } catch (error) {
    if (error instanceof RemoteLogError) throw error
    const { message, cause } = error as Error
    throw failed((cause as Error | undefined)?.message || message, error)
  }
}
