/**
 * LDAP over TLS, by a directory of its own authority: RFC 4511 section 4.14, RFC 4513 section 3. Nobody on the line hears
 * a password, whatever the server is and wherever the line is cut.
 */
import { createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { LdapRepository, type LdapSettings } from '../../src/users/ldap.ts'
import { withConnection } from '../../src/users/ldap-connection.ts'
import { RepositoryError } from '../../src/users/repository.ts'
import { type Certificate, makeCertificate } from '../support/certificate.ts'
import { temporaryFolder } from '../support/server.ts'
import { hasSlapd, rootDn, rootPassword, type Slapd, startSlapd } from '../support/slapd.ts'
import { openWiretap } from '../support/wiretap.ts'

const certificate = hasSlapd ? await makeCertificate(temporaryFolder()) : undefined
const password = 'alice secret'

const settings = (url: string, changes: Partial<LdapSettings>): LdapSettings => ({
  url,
  baseDn: 'ou=people,dc=example,dc=com',
  filter: '(uid={username})',
  idAttribute: 'entryUUID',
  usernameAttribute: 'uid',
  bind: { dn: rootDn, password: rootPassword },
  startTls: false,
  authorities: [['USER', '*']],
  claims: [],
  ...changes,
})

describe.skipIf(!certificate)('with slapd', () => {
  let secure: Slapd
  let plain: Slapd
  let misnamed: Slapd
  let authority: Certificate
  let stranger: Certificate
  let other: Certificate
  beforeAll(async () => {
    authority = certificate!
    stranger = (await makeCertificate(temporaryFolder()))!
    other = (await makeCertificate(temporaryFolder(), ['DNS:ldap.example', 'IP:192.0.2.1']))!
    ;[secure, plain, misnamed] = await Promise.all([startSlapd(authority), startSlapd(), startSlapd(other)])
  }, 60_000)
  afterAll(() => Promise.all([secure, plain, misnamed].map((one) => one?.stop())))

  describe.each([
    ['StartTLS', 'ldap', true],
    ['ldaps', 'ldaps', false],
  ] as const)('by %s', (_how, scheme, startTls) => {
    const portOf = (slapd: Slapd) => (startTls ? slapd.port : slapd.securePort)

    /** A look-up over a line that is listened to. */
    async function tried(
      toPort: number,
      changes: Partial<LdapSettings>,
      { host = '127.0.0.1', cutAfter }: { host?: string; cutAfter?: number } = {},
    ) {
      const wiretap = await openWiretap(toPort, cutAfter)
      const url = `${scheme}://${host}:${wiretap.port}`
      const repository = new LdapRepository(settings(url, { startTls, ...changes }))
      const outcome = await repository.authenticate('alice', password).catch((error: Error) => error)
      await wiretap.close()
      const heard = wiretap.heard().toString('latin1')
      for (const secret of [password, rootPassword, 'alice']) expect(heard).not.toContain(secret)
      expect(wiretap.connections()).toBe(1)
      return outcome
    }
    const refusal = (reason: RegExp) => (outcome: unknown) => {
      expect(outcome).toBeInstanceOf(RepositoryError)
      const { message } = outcome as Error
      expect(message).toMatch(reason)
      expect(message).toMatch(/^the directory ldaps?:\/\/\S+ does not answer as it should: [^\n]+$/)
    }

    test.each(['127.0.0.1', 'localhost'])('the directory of the authority at %s is asked', async (host) => {
      const outcome = await tried(portOf(secure), { ca: authority.ca }, { host })
      expect(outcome).toMatchObject({ username: 'alice', authorities: ['USER'] })
      const repository = new LdapRepository(
        settings(`${scheme}://${host}:${portOf(secure)}`, { startTls, ca: authority.ca }),
      )
      expect(await repository.authenticate('alice', 'wrong')).toBeUndefined()
    })

    test('the directory of another authority is not trusted', async () => {
      const outcome = await tried(portOf(secure), { ca: stranger.ca })
      refusal(/certificate/)(outcome)
    })

    test('without signon.ldap.ca only the authorities of the system count', async () => {
      refusal(/certificate/)(await tried(portOf(secure), {}))
    })

    test.each(['127.0.0.1', 'localhost'])('a certificate that is not for %s', async (host) => {
      refusal(/does not match certificate's altnames/)(
        await tried(portOf(misnamed), { ca: other.ca }, { host }),
      )
    })

    test('a directory that knows no TLS', async () => {
      refusal(startTls ? /unsupported extended operation/ : /TLS/)(
        await tried(plain.port, { ca: authority.ca }),
      )
    })

    test('a line that is cut, wherever: no second connection, nothing said in the clear', async () => {
      let cutAfter = 1
      for (; ; cutAfter++) {
        const outcome = await tried(portOf(secure), { ca: authority.ca }, { cutAfter })
        if (!(outcome instanceof Error)) break
        refusal(/./)(outcome)
      }
      // Bind, search and the user's own bind at least, each asked and answered.
      expect(cutAfter).toBeGreaterThan(6)
    })
  })

  test.each([
    ['in the clear', 'ldap', false],
    ['after StartTLS', 'ldap', true],
    ['by ldaps', 'ldaps', false],
  ] as const)(
    'a connection that is lost %s is not opened anew: it would not be bound',
    async (_, scheme, startTls) => {
      const wiretap = await openWiretap(scheme === 'ldaps' ? secure.securePort : secure.port)
      onTestFinished(wiretap.close)
      const connection = settings(`${scheme}://127.0.0.1:${wiretap.port}`, { startTls, ca: authority.ca })
      const lookUp = withConnection(connection, async (client) => {
        wiretap.cut()
        await new Promise((resolve) => setImmediate(resolve))
        while (client.isConnected && !startTls) await new Promise((resolve) => setImmediate(resolve))
        return client.search('dc=example,dc=com', { filter: '(uid=alice)' })
      })
      await expect(lookUp).rejects.toThrow('the connection was lost')
      expect(wiretap.connections()).toBe(1)
    },
  )

  test('who agrees to StartTLS and says no more is not waited for', async () => {
    const sockets = new Set<{ destroy(): void }>()
    const server = createServer((socket) => {
      sockets.add(socket)
      socket.on('error', () => {})
      // ExtendedResponse of message 2, success (RFC 4511 section 4.12); whatever comes then stays without an answer.
      socket.once('data', () => socket.write(Buffer.from('300c02010278070a010004000400', 'hex')))
    }).listen(0, '127.0.0.1')
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy()
      server.close()
    })
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as { port: number }
    const repository = new LdapRepository(
      settings(`ldap://127.0.0.1:${port}`, { startTls: true, ca: authority.ca }),
    )
    await expect(repository.findByUsername('alice')).rejects.toThrow('no TLS handshake in time')
  }, 15_000)
})
