/**
 * The only way to a URL that a client named (`jwks_uri`, `backchannel_logout_uri`): guarded against server-side
 * request forgery (RFC 9700 and OWASP name the risk; RFC 7591 section 5, RFC 7523 section 7).
 *
 * A host is resolved once, every address of it is looked at, and the connection goes to these addresses and no
 * others: a name that resolves to something else a moment later (DNS rebinding) gains nothing. No redirect is
 * followed, no proxy asked, no cookie kept, no connection used again.
 */
import { lookup } from 'node:dns/promises'
import { type IncomingHttpHeaders, type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { bareHost, isPublicAddress, Places } from './addresses.ts'

/** Who named the URL: the administrator by signature, or whoever registered the client by itself. */
export type NamedBy = 'administrator' | 'client'

export interface OutboundPolicy {
  /** Hosts, addresses and networks that may be internal, at any port, over http too. */
  allow: readonly string[]
  /** Hosts that clients which registered themselves may name. */
  clientHosts: readonly string[]
}

export interface OutboundRequest {
  url: string
  namedBy: NamedBy
  method?: 'GET' | 'POST'
  headers?: Readonly<Record<string, string>>
  body?: string
  /** Media types that the answer may have; left out: any, and the body is for nobody. */
  mediaTypes?: readonly string[]
}

export interface OutboundAnswer {
  status: number
  headers: IncomingHttpHeaders
  body: Buffer
}

export type OutboundFault = 'forbidden' | 'unreachable' | 'timeout' | 'unsuitable'

/** For the server's log: what it says of the network is not for whoever named the URL. */
export class OutboundError extends Error {
  override name = 'OutboundError'
  readonly code: OutboundFault

  constructor(code: OutboundFault, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** All addresses of a host name. */
export type Resolve = (host: string) => Promise<readonly string[]>

export interface OutboundLimits {
  /** For everything, from the look-up of the name to the last byte. */
  timeoutMs: number
  bodyBytes: number
}

const usualLimits: OutboundLimits = { timeoutMs: 5000, bodyBytes: 64 * 1024 }
const httpsPort = ''

const resolveByDns: Resolve = async (host) =>
  (await lookup(host, { all: true })).map(({ address }) => address)

export class Outbound {
  readonly #allow: Places
  readonly #clientHosts: Places
  readonly #resolve: Resolve
  readonly #limits: OutboundLimits
  readonly #ca: Buffer | undefined

  /** @param trust certificates of issuers to trust instead of the system's */
  constructor(
    { allow, clientHosts }: OutboundPolicy,
    { resolve = resolveByDns, limits = usualLimits, trust }: OutboundOptions = {},
  ) {
    this.#allow = new Places(allow)
    this.#clientHosts = new Places(clientHosts)
    this.#resolve = resolve
    this.#limits = limits
    this.#ca = trust
  }

  /**
   * What forbids this URL before anything is looked up: for refusing it when it is registered.
   *
   * @returns the reason, for whoever registers; undefined where nothing does
   */
  objection(text: string, namedBy: NamedBy): string | undefined {
    if (!URL.canParse(text)) return 'is not a URL'
    const url = new URL(text)
    if (url.username !== '' || url.password !== '') return 'holds user information'
    const isAllowed = this.#allow.hasHost(url.hostname)
    if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isAllowed)) return 'is not https'
    if (url.port !== httpsPort && !isAllowed) return 'names a port'
    if (namedBy === 'client' && !isAllowed && !this.#clientHosts.hasHost(url.hostname))
      return 'names a host that this server does not ask for clients which registered themselves'
    const host = bareHost(url.hostname)
    if (isIP(host) && !isAllowed && !isPublicAddress(host)) return 'names an address that is not public'
    return undefined
  }

  /**
   * Sends one request. An answer of any status but a redirect comes back.
   *
   * @throws OutboundError
   */
  async send(request: OutboundRequest): Promise<OutboundAnswer> {
    const objection = this.objection(request.url, request.namedBy)
    if (objection !== undefined) throw new OutboundError('forbidden', `${request.url} ${objection}`)
    const url = new URL(request.url)
    const signal = AbortSignal.timeout(this.#limits.timeoutMs)
    try {
      const addresses = await untilAborted(this.#addressesOf(url), signal)
      return await this.#exchange(url, request, addresses, signal)
    } catch (error) {
      if (signal.aborted) throw new OutboundError('timeout', `${url.host} did not answer in time`)
      if (error instanceof OutboundError) throw error
      throw new OutboundError('unreachable', `${url.host} cannot be reached`, { cause: error })
    }
  }

  /** Every address of the host: one that is not allowed forbids them all. */
  async #addressesOf({ hostname }: URL): Promise<readonly string[]> {
    const host = bareHost(hostname)
    const addresses = isIP(host) ? [host] : await this.#resolve(host)
    if (addresses.length === 0) throw new OutboundError('unreachable', `${host} has no address`)
    const isTrusted = this.#allow.hasHost(host)
    const wrong = addresses.find(
      (address) => !isTrusted && !isPublicAddress(address) && !this.#allow.hasAddress(address),
    )
    if (wrong !== undefined)
      throw new OutboundError('forbidden', `${host} is at ${wrong}, which is not a public address`)
    return addresses
  }

  #exchange(
    url: URL,
    { method = 'GET', headers = {}, body, mediaTypes }: OutboundRequest,
    addresses: readonly string[],
    signal: AbortSignal,
  ): Promise<OutboundAnswer> {
    const send = url.protocol === 'https:' ? requestHttps : requestHttp
    return new Promise((resolve, reject) => {
      const sent = send(url, {
        method,
        agent: false,
        signal,
        lookup: lookupIn(addresses),
        headers: {
          ...(mediaTypes && { accept: mediaTypes.join(', ') }),
          ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }),
          ...headers,
        },
        ...(this.#ca && { ca: this.#ca }),
      })
      sent.on('error', reject)
      sent.on('response', (answer) => {
        readAnswer(answer, mediaTypes, this.#limits.bodyBytes).then(resolve, (error) => {
          reject(error)
          sent.destroy()
        })
      })
      sent.end(body)
    })
  }
}

export interface OutboundOptions {
  resolve?: Resolve
  limits?: OutboundLimits
  trust?: Buffer
}

/** A look-up for `net.connect` that knows nothing but these addresses. It is not asked for literal ones. */
const lookupIn =
  (addresses: readonly string[]): LookupFunction =>
  (_host, options, callback) => {
    const found = addresses.map((address) => ({ address, family: isIP(address) }))
    if (options.all) callback(null, found)
    else callback(null, found[0]!.address, found[0]!.family)
  }

async function readAnswer(
  answer: IncomingMessage,
  mediaTypes: readonly string[] | undefined,
  mostBytes: number,
): Promise<OutboundAnswer> {
  const { statusCode: status = 0, headers } = answer
  if (status >= 300 && status < 400)
    throw new OutboundError('unsuitable', `answered with a redirect (${status}), which is not followed`)
  const mediaType = (headers['content-type'] ?? '').split(';', 1)[0]!.trim().toLowerCase()
  if (mediaTypes && status === 200 && !mediaTypes.includes(mediaType))
    throw new OutboundError('unsuitable', `answered with the media type "${mediaType}"`)
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > mostBytes) throw new OutboundError('unsuitable', `answered with more than ${mostBytes} bytes`)
    chunks.push(chunk)
  }
  return { status, headers, body: Buffer.concat(chunks) }
}

/** The system's look-up of names knows no abortion: its answer may come when nobody waits any more. */
function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    promise.then(resolve, reject)
  })
}
