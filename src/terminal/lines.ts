import type { Writable } from 'node:stream'

/** Written at once: a write a line is several times slower. */
const chunkCharacters = 64 * 1024

/**
 * Writes one line an item, as fast as the stream takes them and no faster. A reader that has seen enough and
 * closes the pipe ends it without an error.
 */
export async function writeLines<T>(
  stream: Writable,
  items: AsyncIterable<T>,
  lineOf: (item: T) => string,
): Promise<void> {
  let isClosed = false
  const onError = (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') isClosed = true
    else throw error
  }
  stream.on('error', onError)
  let waiting = ''
  const write = async () => {
    const text = waiting
    waiting = ''
    await new Promise<void>((resolve) => stream.write(text, () => resolve()))
  }
  for await (const item of items) {
    waiting += `${lineOf(item)}\n`
    if (waiting.length >= chunkCharacters) await write()
    if (isClosed) return
  }
  if (waiting !== '') await write()
}
