/**
 * The work of a verification in threads. Each opens the log for itself and keeps the sums of what it was given; what
 * goes over are positions and a hash for each block, never records.
 */
import type { MessagePort, Worker } from 'node:worker_threads'
import { LedgerError } from '../ledger/errors.ts'
import type { Range, StorageReader } from '../ledger/storage.ts'
import { type AuditWork, OwnWork } from './audit-work.ts'
import type { EntrySums } from './entry-comparison.ts'
import type { IndexPart, ScannedIndex } from './index-scan.ts'
import type { SumOptions, Sums } from './part-sums.ts'
import type { CheckedStretch, Stretch } from './stretch-check.ts'

/** How to come by threads that read the log of a verification. */
export interface ThreadSource {
  count: number
  /** Of a shorter log nothing is given to them: to begin takes them a quarter of a second. */
  leastEvents: number
  /** Starts a thread that calls `serveAudit` with these options. */
  start(options: SumOptions): Worker
}

type Task =
  | { kind: 'stretch'; stretch: Stretch }
  | { kind: 'index'; gte: Uint8Array; lt: Uint8Array; size: number }
  | { kind: 'rows'; gte: Uint8Array; lt: Uint8Array }
  | { kind: 'sums' }
  /** Whatever else is on its way need not be done any more. */
  | { kind: 'close' }

type Answer = { result: unknown } | { failure: { code: LedgerError['code']; message: string } }

interface Thread {
  worker: Worker
  ended: Promise<void>
  /** Answers come in the order of the tasks. */
  waiting: { resolve: (result: never) => void; reject: (error: unknown) => void }[]
}

/** What a thread is given: what it does, and what it goes on with at once. */
const tasksEach = 2

export class AuditThreads implements AuditWork {
  readonly width: number
  readonly #threads: Thread[]
  #failure: unknown

  constructor({ count, start }: Omit<ThreadSource, 'leastEvents'>, options: SumOptions) {
    this.width = count * tasksEach
    this.#threads = Array.from({ length: count }, () => this.#watch(start(options)))
  }

  stretch(stretch: Stretch): Promise<CheckedStretch | undefined> {
    return this.#give({ kind: 'stretch', stretch })
  }

  index({ gte, lt }: IndexPart, size: number): Promise<ScannedIndex | undefined> {
    return this.#give({ kind: 'index', gte, lt, size })
  }

  rows({ gte, lt }: Range): Promise<EntrySums> {
    return this.#give({ kind: 'rows', gte, lt })
  }

  async sums(): Promise<readonly Sums[]> {
    const sums = this.#threads.map((thread) => this.#post<readonly Sums[]>(thread, { kind: 'sums' }))
    return (await Promise.all(sums)).flat()
  }

  /** Each ends by itself: one that is ended while it reads leaves LevelDB with an iterator that nobody closes. */
  async close(): Promise<void> {
    for (const { worker } of this.#threads) worker.postMessage({ kind: 'close' } satisfies Task)
    await Promise.all(this.#threads.map(({ ended }) => ended))
  }

  #watch(worker: Worker): Thread {
    const ended = new Promise<void>((resolve) => {
      worker.once('exit', () => resolve())
    })
    const thread: Thread = { worker, ended, waiting: [] }
    worker.on('message', (answer: Answer) => {
      const asked = thread.waiting.shift()
      if ('result' in answer) asked?.resolve(answer.result as never)
      else asked?.reject(new LedgerError(answer.failure.code, answer.failure.message))
    })
    worker.on('error', (cause) => this.#fail(cause))
    worker.on('exit', () => this.#fail(undefined))
    return thread
  }

  #give<R>(task: Task): Promise<R> {
    const [idlest] = this.#threads.toSorted((a, b) => a.waiting.length - b.waiting.length)
    return this.#post(idlest!, task)
  }

  #post<R>({ worker, waiting }: Thread, task: Task): Promise<R> {
    if (this.#failure) return Promise.reject(this.#failure)
    const answer = new Promise<R>((resolve, reject) => {
      waiting.push({ resolve, reject })
    })
    // A verification that ends early does not wait for all of them.
    answer.catch(() => {})
    worker.postMessage(task)
    return answer
  }

  /** One that is gone takes its sums with it: nothing can be said any more. */
  #fail(cause: unknown): void {
    const why = cause instanceof Error ? `: ${cause.message}` : ''
    this.#failure ??= new LedgerError('unavailable', `a thread of the verification ended${why}`, { cause })
    for (const { waiting } of this.#threads) for (const { reject } of waiting.splice(0)) reject(this.#failure)
  }
}

/** A ledger of the thread's own. */
type OpenedReader = StorageReader & { close?(): Promise<void> }

/** The other end: does what it is given, in order. */
export function serveAudit(
  port: MessagePort,
  open: () => OpenedReader | Promise<OpenedReader>,
  options: SumOptions,
): void {
  const closing = new AbortController()
  const reader = Promise.resolve().then(open)
  const work = reader.then((opened) => new OwnWork(opened, options, { closing: closing.signal }))
  let last: Promise<unknown> = work.catch(() => {})
  port.on('message', (task: Task) => {
    if (task.kind === 'close') {
      closing.abort()
      last = last
        .then(async () => (await reader).close?.())
        .catch(() => {})
        .then(() => process.exit())
      return
    }
    last = last
      .then(async () => perform(await work, task))
      .then(
        (result) => port.postMessage({ result } satisfies Answer),
        (error: Error) => port.postMessage({ failure: failureOf(error) } satisfies Answer),
      )
  })
}

async function perform(work: AuditWork, task: Exclude<Task, { kind: 'close' }>): Promise<unknown> {
  switch (task.kind) {
    case 'stretch':
      return work.stretch(task.stretch)
    case 'index':
      return work.index({ gte: Buffer.from(task.gte), lt: Buffer.from(task.lt) }, task.size)
    case 'rows':
      return work.rows({ gte: Buffer.from(task.gte), lt: Buffer.from(task.lt) })
    case 'sums':
      return work.sums()
  }
}

const failureOf = (error: Error) => ({
  code: error instanceof LedgerError ? error.code : ('unavailable' as const),
  message: error.message,
})
