import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { dailyFiles } from './daily-files.ts'

export interface FollowOptions {
  /** How many of the last lines of the newest file come first. */
  readonly lastLines?: number
  readonly pollMs?: number
}

const chunkBytes = 64 * 1024

/**
 * The lines of the daily log as they are written, across the change of the day: a file is read to its end
 * before the next one begins. Polls, because file events are unreliable on network and container file systems.
 * Ends with the signal. A line counts once its line end is there.
 */
export async function* followLog(
  folder: string,
  signal: AbortSignal,
  options: FollowOptions = {},
): AsyncGenerator<string, void, void> {
  const { lastLines = 10, pollMs = 250 } = options
  let file = dailyFiles(folder).at(-1)
  let offset = 0
  let partial: Buffer = Buffer.alloc(0)
  let toSkip = file === undefined ? 0 : Math.max(0, countLines(file) - lastLines)

  while (!signal.aborted) {
    // Looked up before reading: when there is a newer file, the present one gets no more lines after that.
    const newer = dailyFiles(folder).find((candidate) => file === undefined || candidate > file)
    if (file !== undefined) {
      for (let chunk = readChunk(file, offset); chunk !== undefined; chunk = readChunk(file, offset)) {
        if (chunk.restarted) partial = Buffer.alloc(0)
        offset = chunk.end
        const lines = splitLines(Buffer.concat([partial, chunk.bytes]))
        partial = lines.rest
        for (const line of lines.complete) {
          if (toSkip > 0) toSkip--
          else yield line
          if (signal.aborted) return
        }
      }
    }
    if (newer !== undefined) {
      if (partial.length > 0) yield partial.toString('utf8')
      file = newer
      offset = 0
      partial = Buffer.alloc(0)
      toSkip = 0
      continue
    }
    await delay(pollMs, undefined, { signal }).catch(() => {})
  }
}

interface Chunk {
  readonly bytes: Buffer
  readonly end: number
  readonly restarted: boolean
}

/** The next bytes, or undefined at the end. A file that has become shorter is read from its beginning. */
function readChunk(file: string, offset: number): Chunk | undefined {
  let descriptor: number
  try {
    descriptor = openSync(file, 'r')
  } catch (error) {
    // Removed as the oldest of those kept, while it was being read.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  try {
    const { size } = fstatSync(descriptor)
    const restarted = size < offset
    const start = restarted ? 0 : offset
    const bytes = Buffer.alloc(Math.min(chunkBytes, size - start))
    const read = bytes.length === 0 ? 0 : readSync(descriptor, bytes, 0, bytes.length, start)
    return read === 0 && !restarted
      ? undefined
      : { bytes: bytes.subarray(0, read), end: start + read, restarted }
  } finally {
    closeSync(descriptor)
  }
}

function splitLines(bytes: Buffer): { readonly complete: string[]; readonly rest: Buffer } {
  const end = bytes.lastIndexOf(0x0a)
  if (end < 0) return { complete: [], rest: bytes }
  return { complete: bytes.toString('utf8', 0, end).split('\n'), rest: bytes.subarray(end + 1) }
}

function countLines(file: string): number {
  let lines = 0
  for (let offset = 0, chunk = readChunk(file, 0); chunk !== undefined; chunk = readChunk(file, offset)) {
    for (const byte of chunk.bytes) if (byte === 0x0a) lines++
    offset = chunk.end
  }
  return lines
}
