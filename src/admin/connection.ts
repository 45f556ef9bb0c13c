/** The other end of the control socket: what a command of the CLI speaks through. */
import { type IncomingMessage, request } from 'node:http'
import type { Entry, StorageReader } from '../ledger/storage.ts'
import { askedAtOnce, decodeFrames, type EntryQuestion, queryOfRange, rangeQuery } from './entry-frames.ts'
import type { Operations } from './operations.ts'

/** Asks a server, running or opened in this process, and reads its stored entries. */
export interface Connection {
  /** Whether a server answers; otherwise this process has opened the data of a stopped one. */
  isRunning: boolean
  operations: AsyncOperations
  reader: StorageReader
  close(): Promise<void>
}

export type AsyncOperations = {
  [K in keyof Operations]: (
    input: Parameters<Operations[K]>[0],
  ) => Promise<Awaited<ReturnType<Operations[K]>>>
}

/** An answer of the server that is a refusal or a failure; `code` as the server gave it. */
export class ControlError extends Error {
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.name = 'ControlError'
    this.code = code
  }
}

/** Of a home whose ledger nothing has begun. */
export const noLedger = (folder: string): ControlError =>
  new ControlError('no_ledger', `there is no ledger in ${folder}`)

/** Of a file in a home that this user may not open. */
export const otherUsers = (path: string): ControlError =>
  new ControlError('forbidden', `${path} belongs to another user: run this as the user whose server it is`)

const noServer = ['ENOENT', 'ECONNREFUSED', 'ENOTSOCK']
/** A server that serves tells its status at once; one that was halted takes connections and never answers. */
const longestStatusMs = 5000

/**
 * A connection to the server that listens on this socket; undefined where none does.
 *
 * @throws ControlError unresponsive, forbidden
 */
export async function connectTo(path: string): Promise<Connection | undefined> {
  const operations = new Proxy({} as AsyncOperations, {
    get: (_target, name) =>
      name === 'then' ? undefined : (input: unknown) => callOperation(path, String(name), input),
  })
  try {
    await callOperation(path, 'status', {}, longestStatusMs)
  } catch (error) {
    const { code = '' } = error as { code?: string }
    if (noServer.includes(code)) return undefined
    if (code === 'EACCES') throw otherUsers(path)
    throw error
  }
  return { isRunning: true, operations, reader: remoteReader(path), close: async () => {} }
}

async function callOperation(
  path: string,
  name: string,
  input: unknown,
  longestMs?: number,
): Promise<unknown> {
  const answer = await send(path, 'POST', `/operations/${name}`, JSON.stringify(input), longestMs)
  const { result, code, message } = JSON.parse((await bytesOf(answer)).toString()) as {
    result?: unknown
    code?: string
    message?: string
  }
  if (answer.statusCode === 200) return result
  throw new ControlError(code ?? 'unavailable', message ?? 'the server failed')
}

/** The node's own endpoint; none for an embedded node that is not running. */
export async function nodeEndpoint({ operations }: Connection): Promise<string | undefined> {
  const { endpoint } = await operations.status({})
  return endpoint === 'embedded' ? undefined : endpoint
}

/** Stored entries of the server that listens on this socket. */
export function remoteReader(path: string, salvages = false): StorageReader {
  const get = together(async (keys) => {
    const found = new Map<string, Buffer>()
    const names = keys.map((key) => key.toString('hex'))
    for (const some of inGroups(names))
      for await (const [key, value] of entriesIn(await ask(path, { keys: some }, salvages)))
        found.set(key.toString('hex'), value)
    return names.map((name) => found.get(name))
  })
  return {
    ...(!salvages && { salvage: remoteReader(path, true) }),
    get,
    getAll: (keys) => Promise.all(keys.map(get)),
    async *entries(range) {
      yield* entriesIn(await send(path, 'GET', `/entries?${queryOfRange(range, salvages)}`))
    },
    async *entriesOf(ranges) {
      for (const some of inGroups(ranges.map(rangeQuery)))
        yield* entriesIn(await ask(path, { ranges: some }, salvages))
    },
  }
}

/** Keys that are asked for in one turn of the event loop, such as the tiles of a proof, are one question. */
function together(
  ask: (keys: readonly Buffer[]) => Promise<(Buffer | undefined)[]>,
): (key: Buffer) => Promise<Buffer | undefined> {
  let waiting: Buffer[] = []
  let values: Promise<(Buffer | undefined)[]> | undefined
  return async (key) => {
    const place = waiting.push(key) - 1
    values ??= new Promise((resolve, reject) => {
      setImmediate(() => {
        const keys = waiting
        waiting = []
        values = undefined
        ask(keys).then(resolve, reject)
      })
    })
    return (await values)[place]
  }
}

function* inGroups<T>(all: readonly T[]): Generator<T[]> {
  for (let at = 0; at < all.length; at += askedAtOnce) yield all.slice(at, at + askedAtOnce)
}

const ask = (path: string, question: EntryQuestion, salvages: boolean): Promise<IncomingMessage> =>
  send(path, 'POST', '/entries', JSON.stringify({ ...question, ...(salvages && { salvage: true }) }))

async function* entriesIn(answer: IncomingMessage): AsyncGenerator<Entry> {
  if (answer.statusCode !== 200) {
    const { message } = JSON.parse((await bytesOf(answer)).toString()) as { message?: string }
    throw new ControlError('unavailable', `the server cannot read its ledger: ${message}`)
  }
  yield* decodeFrames(answer)
}

function send(
  socketPath: string,
  method: string,
  path: string,
  body?: string,
  longestMs?: number,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' }
    const timeout = longestMs === undefined ? {} : { timeout: longestMs }
    const asked = request({ socketPath, method, path, headers, ...timeout }, resolve)
    asked.on('timeout', () =>
      asked.destroy(
        new ControlError('unresponsive', 'the server does not answer; server stop --force would end it'),
      ),
    )
    asked.on('error', reject).end(body)
  })
}

async function bytesOf(message: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of message) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
