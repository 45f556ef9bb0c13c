/**
 * Load over keep-alive connections: each asks one thing at a time and the next as soon as it has its answer.
 *
 * On plain sockets, because one core of load has to be faster than one core of the server it measures (the
 * client of node:http is not), and because each request depends on the answers before it.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** What one connection says. */
export interface Conversation {
  /** The next request as it goes over the wire; undefined where there is nothing more to ask. */
  next(): string | undefined
  /** Takes an answer of the expected status. */
  answered?(answer: Answer): void
  /** 200 where left out; any other status fails the bench. */
  expectedStatus?: number
}

export interface Answer {
  head: string
  body: string
}

export interface Measurement {
  requestCount: number
  requestsPerSecond: number
  p50Ms: number
  p99Ms: number
}

/**
 * Asks for `seconds`, or until there is nothing more to ask.
 *
 * @param stayAwake keeps this process' core from sleeping while it waits: else each answer of a server that is
 * slower than the load pays for waking it (10 µs on a virtual machine), and an answer of a faster one does not
 * @throws at the first wrong answer
 */
export async function measure(
  port: number,
  conversations: readonly Conversation[],
  seconds: number,
  stayAwake = false,
): Promise<Measurement> {
  const sockets = await Promise.all(conversations.map(() => connected(port)))
  let isMeasuring = stayAwake
  const wake = () => void (isMeasuring && setImmediate(wake))
  wake()
  const startMs = performance.now()
  const latenciesMs = (
    await hold(sockets, conversations, startMs + seconds * 1000).finally(() => {
      isMeasuring = false
      for (const socket of sockets) socket.destroy()
    })
  ).flat()
  const elapsedSeconds = (performance.now() - startMs) / 1000
  latenciesMs.sort((a, b) => a - b)
  const quantile = (share: number) => latenciesMs[Math.floor((latenciesMs.length - 1) * share)] ?? 0
  return {
    requestCount: latenciesMs.length,
    requestsPerSecond: latenciesMs.length / elapsedSeconds,
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
  }
}

/** Asks until there is nothing more to ask; for what has to be there before a measurement. */
export async function askAll(port: number, conversations: readonly Conversation[]): Promise<void> {
  await measure(port, conversations, Number.POSITIVE_INFINITY)
}

const hold = (sockets: readonly Socket[], conversations: readonly Conversation[], untilMs: number) =>
  Promise.all(conversations.map((conversation, index) => converse(sockets[index]!, conversation, untilMs)))

async function connected(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  return socket
}

/** Resolves with the time of each answer in milliseconds. */
function converse(socket: Socket, conversation: Conversation, untilMs: number): Promise<number[]> {
  const { expectedStatus = 200 } = conversation
  const latenciesMs: number[] = []
  return new Promise((resolve, reject) => {
    let received = ''
    let askedAtMs = 0
    const ask = () => {
      const nowMs = performance.now()
      const request = nowMs < untilMs ? conversation.next() : undefined
      if (request === undefined) return resolve(latenciesMs)
      askedAtMs = nowMs
      socket.write(request, 'latin1')
    }
    socket.on('data', (chunk) => {
      received += chunk.toString('latin1')
      const answer = parseAnswer(received)
      if (!answer) return
      received = ''
      latenciesMs.push(performance.now() - askedAtMs)
      if (!answer.head.startsWith(`HTTP/1.1 ${expectedStatus} `))
        return reject(
          new Error(`${expectedStatus} was expected, the answer is:\n${answer.head}\n\n${answer.body}`),
        )
      try {
        conversation.answered?.(answer)
        ask()
      } catch (error) {
        reject(error)
      }
    })
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('the server closed a connection')))
    ask()
  })
}

/** The answer, once all of it is there. Both servers send `content-length` with everything that is asked here. */
function parseAnswer(received: string): Answer | undefined {
  const headEnd = received.indexOf('\r\n\r\n')
  if (headEnd < 0) return undefined
  const head = received.slice(0, headEnd)
  const length = /\r\ncontent-length: (\d+)/i.exec(head)?.[1]
  if (length === undefined) throw new Error(`an answer without content-length:\n${head}`)
  const bodyStart = headEnd + 4
  return received.length < bodyStart + Number(length) ? undefined : { head, body: received.slice(bodyStart) }
}
