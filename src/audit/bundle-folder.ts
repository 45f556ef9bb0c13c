/** The files of a bundle, read piece by piece. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { BundleFile } from './bundle.ts'
import { ProofFileError } from './proof-file.ts'

/** No record and no side record is longer: requests are not. */
const longestFrameBytes = 1 << 24

export class BundleFolder {
  readonly directory: string

  constructor(directory: string) {
    this.directory = directory
  }

  /** @throws ProofFileError malformed */
  async text(name: string, mostBytes: number): Promise<string> {
    try {
      const handle = await open(join(this.directory, name))
      try {
        const { size } = await handle.stat()
        if (size > mostBytes) throw new ProofFileError('malformed', `${name} is too long`)
        return await handle.readFile('utf8')
      } finally {
        await handle.close()
      }
    } catch (cause) {
      if (cause instanceof ProofFileError) throw cause
      const { code } = cause as NodeJS.ErrnoException
      throw new ProofFileError('malformed', `${join(this.directory, name)} cannot be read (${code})`, {
        cause,
      })
    }
  }

  /** Undefined where there is no such file. */
  async sha256(name: BundleFile): Promise<string | undefined> {
    const digest = createHash('sha256')
    try {
      for await (const chunk of this.#stream(name)) digest.update(chunk)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
    return digest.digest('hex')
  }

  /** JSON values, one a line. @throws SyntaxError */
  async *lines(name: BundleFile): AsyncGenerator<unknown> {
    for await (const line of createInterface({ input: createReadStream(join(this.directory, name)) }))
      yield JSON.parse(line)
  }

  /** Byte strings behind their lengths. @throws RangeError */
  async *frames(name: BundleFile): AsyncGenerator<Buffer> {
    for await (const { bytes } of this.#pieces(name, 0)) yield bytes
  }

  /** Side records behind position and length. @throws RangeError */
  async *sides(name: BundleFile): AsyncGenerator<{ position: number; bytes: Buffer }> {
    for await (const { head, bytes } of this.#pieces(name, 8))
      yield { position: Number(head.readBigUInt64BE()), bytes }
  }

  async *#pieces(name: BundleFile, headBytes: number): AsyncGenerator<{ head: Buffer; bytes: Buffer }> {
    let rest = Buffer.alloc(0)
    for await (const chunk of this.#stream(name)) {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      for (;;) {
        if (rest.length < headBytes + 4) break
        const length = rest.readUInt32BE(headBytes)
        if (length > longestFrameBytes) throw new RangeError(`${name} has a piece of ${length} bytes`)
        const end = headBytes + 4 + length
        if (rest.length < end) break
        yield { head: rest.subarray(0, headBytes), bytes: rest.subarray(headBytes + 4, end) }
        rest = rest.subarray(end)
      }
    }
    if (rest.length > 0) throw new RangeError(`${name} ends in the middle`)
  }

  #stream(name: BundleFile): AsyncIterable<Buffer<ArrayBuffer>> {
    return createReadStream(join(this.directory, name))
  }
}
