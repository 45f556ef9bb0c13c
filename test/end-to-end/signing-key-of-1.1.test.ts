/** `jwt.privatekey` of SignOn 1.1: whoever has its public part goes on checking tokens with it. */
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { jwtVerify } from 'jose'
import { expect, test } from 'vitest'
import { startServer, type TestServer } from '../support/server.ts'

const client = {
  client_id: 'machine',
  client_secret: 'secret',
  grant_types: ['client_credentials'],
  scope: 'read',
}

async function newToken({ url }: TestServer): Promise<string> {
  const answer = await fetch(`${url}/oauth/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from('machine:secret').toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  })
  return ((await answer.json()) as { access_token: string }).access_token
}

const checked = (token: string, key: KeyObject, { url }: TestServer) =>
  jwtVerify(token, key, { issuer: url, typ: 'at+jwt' })

test.each([
  ['RS256', generateKeyPairSync('rsa', { modulusLength: 2048 })],
  ['ES256', generateKeyPairSync('ec', { namedCurve: 'P-256' })],
] as const)(
  'a key of the operator signs by %s, until it is replaced',
  async (algorithm, { privateKey, publicKey }) => {
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
    const environment = { JWT_PRIVATEKEY: pem }
    const server = await startServer({ environment })
    const logged = () =>
      readdirSync(server.paths.logs)
        .map((name) => readFileSync(join(server.paths.logs, name), 'utf8'))
        .join('')
    const words = ['client', 'create', '--privatekey-file', server.adminKeyFile]
    const input = JSON.stringify({ ...client, accessTokenFormat: 'jwt' })
    expect(await server.cli(words, { input })).toMatchObject({ exitCode: 0 })
    const token = await newToken(server)
    expect((await checked(token, publicKey, server)).protectedHeader.alg).toBe(algorithm)
    expect(logged()).toContain('the key of jwt.privatekey signs from now on')

    // Another start with the same setting changes nothing.
    await server.restart()
    await checked(await newToken(server), publicKey, server)

    expect(await server.cli(['key', 'rotate'])).toMatchObject({ exitCode: 0 })
    await expect(checked(await newToken(server), publicKey, server)).rejects.toThrow(
      'signature verification failed',
    )
    await server.restart()
    await expect(checked(await newToken(server), publicKey, server)).rejects.toThrow(
      'signature verification failed',
    )
    expect(logged()).toContain('the key of jwt.privatekey was replaced')

    const verified = await server.cli(['audit', 'verify'])
    expect(verified).toMatchObject({ exitCode: 0 })
    const secret = createPrivateKey(pem).export({ format: 'jwk' }).d!
    const said = [
      logged(),
      verified.stdout,
      verified.stderr,
      (await server.cli(['key', 'list', '--json'])).stdout,
    ]
    for (const text of said) {
      expect(text).not.toContain(secret)
      expect(text).not.toContain(pem.split('\n')[1]!)
    }
  },
)
