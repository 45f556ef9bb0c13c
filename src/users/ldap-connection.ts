/**
 * The connection of one look-up: logins are few, and a connection that is bound as one user is never another one's.
 *
 * A connection that is lost is not opened anew in the midst of a look-up, which the client would do by itself: it would
 * go on without StartTLS, in the clear, and without the bind, so that users whom only the bound may see would seem to
 * be gone.
 */
import { isIP, connect as openPlain } from 'node:net'
import { connect as openSecure } from 'node:tls'
import { Client } from 'ldapts'
import { RepositoryError } from './repository.ts'

export interface LdapConnection {
  /** `ldap://` or `ldaps://`, host and port. */
  url: string
  /** Who searches; without it anonymously. */
  bind?: { dn: string; password: string }
  startTls: boolean
  /** Certificates (PEM) to trust instead of the system's. */
  ca?: Buffer
}

const timeoutMs = 5000

/** @throws RepositoryError where the directory is not there, not the one that was meant, or fails */
export async function withConnection<T>(
  { url, bind, startTls, ca }: LdapConnection,
  use: (client: Client) => Promise<T>,
): Promise<T> {
  const host = hostOf(url)
  // The certificate must be for the host; a server name is a name, no address (RFC 6066 section 3).
  const tlsOptions = { host, ...(isIP(host) === 0 && { servername: host }), ...(ca && { ca }) }
  let onLost: (error: Error) => void = () => {}
  const loss = new Promise<never>((_, reject) => {
    onLost = reject
  })
  // It comes at the end of every look-up too.
  loss.catch(() => {})
  const client = new Client({
    url,
    timeout: timeoutMs,
    connectTimeout: timeoutMs,
    ...(url.startsWith('ldaps:') && { tlsOptions }),
    createConnection: once(openPlain),
    createSecureConnection: once(openInTime((error) => onLost(error))),
  })
  const run = async () => {
    if (startTls) await client.startTLS(tlsOptions)
    if (bind) await client.bind(bind.dn, bind.password)
    return use(client)
  }
  try {
    return await Promise.race([run(), loss])
  } catch (cause) {
    const reason = reasonOf(cause)
    throw new RepositoryError(`the directory ${url} does not answer as it should: ${reason}`, { cause })
  } finally {
    await Promise.race([client.unbind(), loss]).catch(() => {})
  }
}

/** Host of an LDAP URL, an address of version 6 without its brackets. */
const hostOf = (url: string): string => new URL(url).hostname.replace(/^\[(.*)\]$/, '$1')

const lost = () => new Error('the connection was lost')

/** Of functions with overloads, the face stays as it is. */
function once<F extends (...how: never[]) => unknown>(open: F): F {
  let isOpened = false
  const first = (...how: Parameters<F>) => {
    if (isOpened) throw lost()
    isOpened = true
    return open(...how)
  }
  return first as unknown as F
}

/** The client limits no handshake after StartTLS, and does not notice when the connection is lost after it. */
const openInTime = (onLost: (error: Error) => void) =>
  ((...how: Parameters<typeof openSecure>) => {
    const socket = openSecure(...how)
    const timer = setTimeout(() => socket.destroy(new Error('no TLS handshake in time')), timeoutMs)
    socket.once('secureConnect', () => {
      clearTimeout(timer)
      socket.once('close', () => onLost(lost()))
    })
    socket.once('close', () => clearTimeout(timer))
    return socket
  }) as typeof openSecure

/** One line: messages of the client and of TLS have several. */
function reasonOf(cause: unknown): string {
  const { message, code } = cause as NodeJS.ErrnoException
  if (code === 'EPROTO') return 'it does not speak TLS there'
  const line = message.replace(/\s+/g, ' ').trim()
  return typeof code === 'string' && !line.includes(code) ? `${line} (${code})` : line
}
