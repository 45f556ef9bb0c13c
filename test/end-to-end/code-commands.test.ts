/** `code create` and `code check`, against a real server process. */
import { beforeAll, describe, expect, it } from 'vitest'
import { postForm, registerSample, sampleClient, sampleUser } from '../support/oauth-requests.ts'
import { startServer, type TestServer } from '../support/server.ts'

const failed = (stderr: string) => ({ exitCode: 1, stdout: '', stderr: `${stderr}\n` })

const redirectUri = sampleClient.registeredRedirectUris[0]!
let server: TestServer
beforeAll(async () => {
  server = await startServer()
  await registerSample(server)
})

const create = (changes: Record<string, string> = {}, input = `${sampleUser.password}\n`) => {
  const flags = {
    client: sampleClient.clientId,
    user: sampleUser.username,
    endpoint: server.url,
    redirect: redirectUri,
    ...changes,
  }
  const words = Object.entries(flags).flatMap(([name, value]) => [`--${name}`, value])
  return server.cli(['code', 'create', ...words], { input })
}

describe('code create', () => {
  it('prints a code that can be redeemed; code check then shows what became of it', async () => {
    const { stdout, stderr, exitCode } = await create()
    expect([exitCode, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^cs_ac_[\w-]{43}\n$/)
    const code = stdout.trim()

    const before = await server.cli(['code', 'check', code])
    expect(before.exitCode).toBe(0)
    const lines = before.stdout.trimEnd().split('\n')
    expect(lines[0]).toBe('Authentication')
    expect(lines.flatMap((line) => /^ {2}(\w+)/.exec(line)?.[1] ?? [])).toEqual([
      'AccessTokenValue',
      'Authorities',
      'ClientId',
      'Details',
      'RedirectUri',
      'RequestParameters',
      'ResourceIds',
      'RolesOfAuthorities',
      'Scope',
      'UserPrinciple',
    ])
    expect(lines.at(-1)).toBe(`Value  ${code}`)
    expect(before.stdout).toMatch(new RegExp(`^ {2}UserPrinciple +${sampleUser.username}$`, 'm'))
    expect(before.stdout).toContain('redeemed=false')

    const form = { grant_type: 'authorization_code', code, redirect_uri: redirectUri }
    const answer = await postForm(server.url, '/oauth/token', form)
    expect(answer.status).toBe(200)
    const after = await server.cli(['code', 'check', code])
    expect(after.stdout).toContain('redeemed=true')
    expect(after.stdout).toMatch(/^ {2}AccessTokenValue +SHA-256 [\w-]{43}$/m)
  })

  it.each([
    ['a wrong client', { client: 'nobody' }],
    ['a wrong user', { user: 'nobody' }],
  ])('%s: the words of SignOn 1.1', async (_, changes) => {
    expect(await create(changes)).toEqual(failed('Check your clientId or username, password.'))
  })

  it('a wrong password', async () => {
    expect(await create({}, 'wrong\n')).toEqual(failed('Check your clientId or username, password.'))
  })

  it('no server', async () => {
    const nobody = 'http://127.0.0.1:1'
    expect(await create({ endpoint: nobody })).toEqual(failed('Connection refused. Check server endpoint.'))
  })

  it('a request that the server refuses', async () => {
    expect(await create({ scope: 'nothing' })).toEqual(
      failed(
        'the server refused the request: invalid_scope (none of the requested scopes is open to this client)',
      ),
    )
    expect(await create({ redirect: 'https://evil.example/' })).toEqual(
      failed('the server refused the request: invalid_request; is --redirect needed?'),
    )
  })
})

describe('code check', () => {
  it.each(['cs_ac_unknown', `cs_ac_${'A'.repeat(43)}`, '__proto__'])('%s: not found', async (code) => {
    expect(await server.cli(['code', 'check', code])).toEqual(failed('The code not found.'))
  })
})
