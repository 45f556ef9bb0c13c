/**
 * A thread that hashes for a verification: leaves of the tree, and the fingerprints of entry comparisons. What is
 * hashed goes over in large pieces, since a message costs more than many hashes.
 *
 * Answers come in the order of the tasks. This file is both ends: the thread runs it too.
 */
import { availableParallelism } from 'node:os'
import { isMainThread, parentPort, type TransferListItem, Worker, workerData } from 'node:worker_threads'
import { HASH_BYTES, type Hash, leafHash } from '../tree/hash.ts'
import type { Block } from './blocks.ts'
import { type Comparison, EntryComparison } from './entry-comparison.ts'

type Bytes = Uint8Array<ArrayBuffer>

type Task =
  /** Entries in `bytes` up to `end`, each: operation(1), key length(4), value length(4), key, value. */
  | { kind: 'entries'; comparison: number; bytes: Bytes; end: number }
  | { kind: 'differing'; comparison: number }
  /** Records one behind the other, with their lengths. */
  | { kind: 'leaves'; bytes: Bytes; lengths: Uint32Array<ArrayBuffer> }

const role = 'audit: hash thread'
const absent = 0xffff_ffff
const pieceBytes = 1 << 18
/** Pieces on their way; more would only wait in memory. */
const mostPieces = 4
const headBytes = 9
const operations = ['expect', 'unexpect', 'found'] as const

export class HashThread {
  readonly #worker: Worker
  readonly #waiting: { resolve: (answer: never) => void; reject: (error: unknown) => void }[] = []
  #failure: unknown
  #comparisons = 0

  constructor() {
    this.#worker = startWorker()
    this.#worker.on('message', (answer) => this.#waiting.shift()?.resolve(answer as never))
    this.#worker.on('error', (error) => this.#fail(error))
    this.#worker.on('exit', () => this.#fail(new Error('the thread that hashes has ended')))
  }

  /** Whether a thread of its own makes a log of this size faster: there must be a core for it. */
  static isWorthwhile(events: number): boolean {
    return events >= 20_000 && availableParallelism() > 1
  }

  comparison(): Comparison {
    return new ThreadedComparison(this, this.#comparisons++)
  }

  /** The blocks with the leaf hashes of their records on the way. */
  hash(blocks: readonly Block[]): Block[] {
    const leaves = this.leavesOf(blocks.flatMap(({ records }) => records))
    leaves.catch(() => {})
    let begin = 0
    return blocks.map((block) => {
      const from = begin
      begin += block.records.length
      const own = leaves.then((all) => all.slice(from, from + block.records.length))
      own.catch(() => {})
      return { ...block, leaves: own }
    })
  }

  /** The leaf hashes of records; undefined where there is none. */
  async leavesOf(records: readonly (Buffer | undefined)[]): Promise<(Hash | undefined)[]> {
    const lengths = new Uint32Array(records.length)
    let total = 0
    for (const [i, record] of records.entries()) {
      lengths[i] = record ? record.length : absent
      total += record?.length ?? 0
    }
    const bytes = new Uint8Array(total)
    let at = 0
    for (const record of records) {
      if (!record) continue
      bytes.set(record, at)
      at += record.length
    }
    const answer = await this.post<Bytes>({ kind: 'leaves', bytes, lengths }, [bytes.buffer, lengths.buffer])
    const hashes = Buffer.from(answer.buffer)
    return records.map((record, i) => record && hashes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES))
  }

  /** @throws what ended the thread */
  post<A>(task: Task, transfer: TransferListItem[] = []): Promise<A> {
    if (this.#failure) return Promise.reject(this.#failure)
    const answer = new Promise<A>((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
    })
    // A verification that ends early does not wait for all of them.
    answer.catch(() => {})
    this.#worker.postMessage(task, transfer)
    return answer
  }

  async close(): Promise<void> {
    await this.#worker.terminate()
  }

  #fail(error: unknown): void {
    this.#failure ??= error
    for (const { reject } of this.#waiting.splice(0)) reject(error)
  }
}

/** This file in another thread. Where it is still TypeScript, as under a test runner, tsx has to read it. */
function startWorker(): Worker {
  const { url } = import.meta
  if (!url.endsWith('.ts')) return new Worker(new URL(url), { workerData: role })
  const file = JSON.stringify(url)
  const program = `import('tsx/esm/api').then(({ tsImport }) => tsImport(${file}, ${file}))`
  return new Worker(program, { eval: true, workerData: role })
}

class ThreadedComparison implements Comparison {
  readonly #thread: HashThread
  readonly #number: number
  readonly #sent: Promise<void>[] = []
  readonly #spare: Bytes[] = []
  #piece = Buffer.alloc(pieceBytes)
  #end = 0

  constructor(thread: HashThread, number: number) {
    this.#thread = thread
    this.#number = number
  }

  expect(key: Buffer, value: Buffer): void {
    this.#put(0, key, value)
  }

  unexpect(key: Buffer, value: Buffer): void {
    this.#put(1, key, value)
  }

  found(key: Buffer, value: Buffer): void {
    this.#put(2, key, value)
  }

  relieved(): Promise<void> | undefined {
    return this.#sent.length > mostPieces ? this.#sent.shift() : undefined
  }

  async differing(): Promise<ReadonlySet<number>> {
    this.#send()
    await Promise.all(this.#sent)
    return new Set(await this.#thread.post<number[]>({ kind: 'differing', comparison: this.#number }))
  }

  #put(operation: number, key: Buffer, value: Buffer): void {
    const length = headBytes + key.length + value.length
    if (this.#end + length > this.#piece.length) {
      this.#send()
      const spare = length <= pieceBytes ? this.#spare.pop() : undefined
      this.#piece = spare ? Buffer.from(spare.buffer) : Buffer.alloc(Math.max(pieceBytes, length))
    }
    const piece = this.#piece
    const at = this.#end
    piece[at] = operation
    piece.writeUInt32LE(key.length, at + 1)
    piece.writeUInt32LE(value.length, at + 5)
    piece.set(key, at + headBytes)
    piece.set(value, at + headBytes + key.length)
    this.#end = at + length
  }

  #send(): void {
    const bytes = new Uint8Array(this.#piece.buffer)
    const task = { kind: 'entries', comparison: this.#number, bytes, end: this.#end } as const
    const done = this.#thread.post<Bytes>(task, [bytes.buffer]).then((back) => {
      if (back.length === pieceBytes && this.#spare.length < mostPieces) this.#spare.push(back)
    })
    done.catch(() => {})
    this.#sent.push(done)
    this.#end = 0
    this.#piece = Buffer.alloc(0)
  }
}

/** The other end. */
function serve(): void {
  const port = parentPort!
  const comparisons: EntryComparison[] = []
  const comparisonOf = (number: number) => {
    comparisons[number] ??= new EntryComparison()
    return comparisons[number]
  }
  port.on('message', (task: Task) => {
    switch (task.kind) {
      case 'entries':
        takeEntries(comparisonOf(task.comparison), Buffer.from(task.bytes.buffer), task.end)
        port.postMessage(task.bytes, [task.bytes.buffer])
        return
      case 'differing':
        port.postMessage([...comparisonOf(task.comparison).differing()])
        return
      case 'leaves': {
        const hashes = hashLeaves(Buffer.from(task.bytes.buffer), task.lengths)
        port.postMessage(hashes, [hashes.buffer])
      }
    }
  })
}

function takeEntries(comparison: EntryComparison, bytes: Buffer, end: number): void {
  for (let at = 0; at < end; ) {
    const keyStart = at + headBytes
    const valueStart = keyStart + bytes.readUInt32LE(at + 1)
    const next = valueStart + bytes.readUInt32LE(at + 5)
    const operation = operations[bytes[at]!]!
    comparison[operation](bytes.subarray(keyStart, valueStart), bytes.subarray(valueStart, next))
    at = next
  }
}

function hashLeaves(bytes: Buffer, lengths: Uint32Array): Bytes {
  const hashes = new Uint8Array(lengths.length * HASH_BYTES)
  let at = 0
  for (const [i, length] of lengths.entries()) {
    if (length === absent) continue
    hashes.set(leafHash(bytes.subarray(at, at + length)), i * HASH_BYTES)
    at += length
  }
  return hashes
}

if (!isMainThread && workerData === role) serve()
