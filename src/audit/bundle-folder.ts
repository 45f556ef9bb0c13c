/** The files of a bundle, read piece by piece. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { decodeRecord } from '../ledger/record.ts'
import { decodeEvent } from '../oauth/event-codec.ts'
import type { Recorded } from '../oauth/events.ts'
import { HASH_BYTES, type Hash, leafHash } from '../tree/hash.ts'
import { verifyInclusion } from '../tree/proofs.ts'
import type { BundleFile } from './bundle.ts'
import { ProofFileError } from './proof-file.ts'
import { decodeProven } from './receipt.ts'
import type { NotedTree } from './receipt-check.ts'
import { parseTlogProof } from './tlog-proof.ts'

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

  async bytes(name: BundleFile): Promise<number> {
    return (await stat(join(this.directory, name))).size
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

  /** Events, each with its place in the tree, one a line. @throws RangeError, SyntaxError, TreeError */
  async *events(name: BundleFile, tree: NotedTree | undefined): AsyncGenerator<Recorded> {
    let i = 0
    for await (const value of this.lines(name)) {
      const { record: bytes, proof, side } = decodeProven(value, `line ${++i}`)
      const { index, path, checkpoint } = parseTlogProof(proof)
      const record = decodeRecord(bytes)
      if (side || !tree || checkpoint !== tree.note || record.position !== index)
        throw new RangeError(`line ${i} is not of the covering tree`)
      verifyInclusion(index, tree.checkpoint.size, leafHash(bytes), path, tree.checkpoint.root)
      yield { ...record, event: decodeEvent(record.type, record.body) }
    }
  }

  /** Records behind their lengths; behind a length of 0 the leaf hash of one that is not there. @throws RangeError */
  async *records(name: BundleFile): AsyncGenerator<{ record: Buffer } | { leaf: Hash }> {
    for await (const { head, bytes } of this.#pieces(name, 0, HASH_BYTES))
      yield head.readUInt32BE() === 0 ? { leaf: bytes } : { record: bytes }
  }

  /** Side records behind position and length. @throws RangeError */
  async *sides(name: BundleFile): AsyncGenerator<{ position: number; bytes: Buffer }> {
    for await (const { head, bytes } of this.#pieces(name, 8))
      yield { position: Number(head.readBigUInt64BE()), bytes }
  }

  /** @param emptyBytes how many bytes stand behind a length of 0 */
  async *#pieces(
    name: BundleFile,
    beforeLength: number,
    emptyBytes = 0,
  ): AsyncGenerator<{ head: Buffer; bytes: Buffer }> {
    const headBytes = beforeLength + 4
    let rest = Buffer.alloc(0)
    for await (const chunk of this.#stream(name)) {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      for (;;) {
        if (rest.length < headBytes) break
        const length = rest.readUInt32BE(beforeLength) || emptyBytes
        if (length > longestFrameBytes) throw new RangeError(`${name} has a piece of ${length} bytes`)
        const end = headBytes + length
        if (rest.length < end) break
        yield { head: rest.subarray(0, headBytes), bytes: rest.subarray(headBytes, end) }
        rest = rest.subarray(end)
      }
    }
    if (rest.length > 0) throw new RangeError(`${name} ends in the middle`)
  }

  #stream(name: BundleFile): AsyncIterable<Buffer<ArrayBuffer>> {
    return createReadStream(join(this.directory, name))
  }
}
