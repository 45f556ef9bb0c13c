/** Receipts by the program and over HTTP, of tokens of a real server whose anchors stand in real blocks. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { registerClient } from '../../src/admin/administration.ts'
import { createPrivateKey } from '../../src/chain/keys.ts'
import { type AnchoringApp, openAnchoringApp, runBuilt } from '../support/anchoring-app.ts'
import { type ClientSecret, type FormAnswer, issueToken, postForm } from '../support/oauth-requests.ts'

const client = (clientId: string): ClientSecret => ({ clientId, clientSecret: `secret of ${clientId}` })
const own = client('own')
const other = client('other')

interface Told {
  ok: boolean
  events: { type: string; position: number }[]
  stations: { station: string; outcome: string }[]
}

describe('receipts', () => {
  let app: AnchoringApp
  let token: string
  let file: string

  const askFor = (text: string, by: ClientSecret): Promise<FormAnswer<Record<string, unknown>>> =>
    postForm(app.issuer, '/ledger/receipts', { token: text }, by)

  /** As somebody with nothing but the file. */
  const verify = (...words: string[]) => runBuilt(['audit', 'verify-receipt', ...words])

  beforeAll(async () => {
    app = await openAnchoringApp()
    file = join(app.home, 'receipt.json')
    for (const { clientId, clientSecret } of [own, other])
      await registerClient(app.administrator, {
        clientId,
        clientSecret,
        authorizedGrantTypes: ['client_credentials'],
        scopes: ['read'],
      })
    token = (await issueToken(app.issuer, own)).access_token
  })
  afterAll(() => app.close())

  it('of a token that is not yet anchored: told so, with the time to come again', async () => {
    const { access_token: fresh } = await issueToken(app.issuer, own)
    const { status, body } = await askFor(fresh, own)
    // The anchorer may have been quicker.
    if (status === 200) return
    expect({ status, body }).toMatchObject({ status: 409, body: { error: 'temporarily_unavailable' } })
  })

  it('of its own token, a client gets by POST', async () => {
    await app.anchored()
    const { status, body } = await askFor(token, own)
    expect(status).toBe(200)
    writeFileSync(file, JSON.stringify(body))
    const { code, stdout, stderr } = await verify(file, '--server', app.serverAddress, '--json')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const told = JSON.parse(stdout) as Told
    expect(told).toMatchObject({ ok: true, events: [{ type: 'token.issued' }] })
    expect(told.stations.filter(({ outcome }) => outcome === 'not_proved')).toMatchObject([
      { station: 'block_header' },
      { station: 'block_on_chain' },
    ])
  })

  it('says whether it is about the token that is held beside it', async () => {
    const right = await verify(file, '--token', token, '--administrator', app.administrator.key.address)
    expect(right).toMatchObject({
      code: 0,
      stderr: '--administrator was not needed: no event of the receipt is an act of administration\n',
    })
    expect(right.stdout).toMatch(/^proved +token: event 1 /m)
    const { access_token: fresh } = await issueToken(app.issuer, own)
    const wrong = await verify(file, '--token', fresh)
    expect(wrong.stdout).toMatch(/^FAILED +token: .*: no event holds its hash$/m)
    expect(wrong.code).toBe(1)
    expect((await verify('-', '--token', '-')).stderr).toMatch(/^standard input cannot hold both/)
  })

  it('of a server that is not the one that was named: says so, and not that none was', async () => {
    const { code, stdout } = await verify(file, '--server', app.administrator.key.address)
    expect(code).toBe(1)
    expect(stdout).toMatch(/^not every station holds: it fails where FAILED stands$/m)
    expect(stdout).toMatch(/^a server of the receipt is none that you gave with --server: /m)
    expect(stdout).not.toContain('give --server')
  })

  it('of another client’s token, of no token, without a secret: nothing, in the same words', async () => {
    const theirs = await askFor(token, other)
    expect(theirs.status).toBe(404)
    expect(await askFor(`cs_at_${'x'.repeat(43)}`, other)).toEqual(theirs)
    expect(await askFor('no token', other)).toEqual(theirs)
    expect((await askFor(token, { ...own, clientSecret: 'wrong' })).status).toBe(401)
    expect((await postForm(app.issuer, '/ledger/receipts', {}, own)).status).toBe(400)
    expect((await fetch(new URL(`/ledger/receipts?token=${token}`, app.issuer))).status).toBe(405)
  })

  it('of any event, the administrator gets over HTTP with a signed request', async () => {
    const keyFile = join(app.home, 'admin.key')
    writeFileSync(keyFile, app.administrator.key.toWif(), { mode: 0o600 })
    const ask = (...words: string[]) => runBuilt(['audit', 'receipt', '--url', app.issuer, ...words])
    const key = ['--privatekey-file', keyFile]
    for (const [words, type] of [
      [['--position', '0'], 'server.opened'],
      [[token], 'token.issued'],
    ] as const) {
      const made = await ask(...words, ...key)
      expect(made).toMatchObject({ code: 0, stderr: '' })
      writeFileSync(file, made.stdout)
      const { stdout } = await verify(file, '--server', app.serverAddress, '--json')
      expect(JSON.parse(stdout)).toMatchObject({ ok: true, events: [{ type }] })
    }
    expect(await ask('--position', '99999', ...key)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: 'the server answers 404: there is no such event\n',
    })
    writeFileSync(keyFile, createPrivateKey().toWif())
    const refused = await ask('--position', '0', ...key)
    expect(refused).toMatchObject({ code: 1, stdout: '' })
    expect(refused.stderr).toMatch(/^the server answers 401: the administrator did not sign GET http.*\n$/)
    const elsewhere = await runBuilt(['audit', 'receipt', '--position', '0', '--url', 'signon', ...key])
    expect(elsewhere.stderr).toMatch(/^signon: an address such as .* is expected\n$/)
  })

  it('of a JWT access token: by its jti, if it is the one that the server signed', async () => {
    const jwtClient = client('with-jwt')
    await registerClient(app.administrator, {
      ...jwtClient,
      authorizedGrantTypes: ['client_credentials'],
      scopes: ['read'],
      accessTokenFormat: 'jwt',
    })
    const { access_token: jwt } = await issueToken(app.issuer, jwtClient)
    expect(jwt).toMatch(/^eyJ/)
    await app.anchored()
    const keyFile = join(app.home, 'administrator.key')
    writeFileSync(keyFile, app.administrator.key.toWif(), { mode: 0o600 })
    const ask = (text: string) =>
      runBuilt(['audit', 'receipt', text, '--url', app.issuer, '--privatekey-file', keyFile])
    const events = [{ type: 'token.issued', clientId: 'with-jwt' }]
    const made = await ask(jwt)
    expect(made).toMatchObject({ code: 0, stderr: '' })
    const posted = await askFor(jwt, jwtClient)
    expect(posted.status).toBe(200)
    for (const text of [made.stdout, JSON.stringify(posted.body)]) {
      writeFileSync(file, text)
      const { stdout } = await verify(file, '--server', app.serverAddress, '--json')
      expect(JSON.parse(stdout)).toMatchObject({ ok: true, events })
    }
    const [header, payload = '', signature] = jwt.split('.')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
    const other = Buffer.from(JSON.stringify({ ...claims, scope: 'write' })).toString('base64url')
    const forged = `${header}.${other}.${signature}`
    expect(await ask(forged)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(
        /^the token is no JWT access token that a key of the server signed .*\n$/,
      ),
    })
    expect((await askFor(forged, jwtClient)).status).toBe(404)
  })

  it('history names what proves each event', async () => {
    const { stdout } = await app.cli('audit', 'history', token, '--proofs', '--json')
    const { events } = JSON.parse(stdout) as { events: { position: number; proof: { size: number } }[] }
    expect(events).toMatchObject([{ type: 'token.issued', proof: { anchor: { txid: expect.any(String) } } }])
    expect(events[0]!.proof.size).toBeGreaterThan(events[0]!.position)
    const told = await app.cli('audit', 'history', token, '--proofs')
    expect(told.stdout).toMatch(/#\d+ .*\n +in the tree of \d+ events, anchored by transaction [0-9a-f]{64} /)
  })

  it('of a token that was revoked: its issuance and its end', async () => {
    await postForm(app.issuer, '/oauth/revoke', { token }, own)
    await app.anchored()
    const made = await app.cli('audit', 'receipt', token, '-o', join(app.home, 'revoked.json'))
    expect(made).toMatchObject({ code: 0, stdout: '' })
    expect(made.stderr).toContain(`--server ${app.serverAddress}`)
    const { code, stdout } = await verify(join(app.home, 'revoked.json'))
    expect(code).toBe(0)
    expect(stdout).toMatch(/token issued to client own/)
    expect(stdout).toMatch(/grant \S+ ended: its client revoked it/)
    expect(stdout).toContain('only the receipt names')
    expect(stdout).toContain('which proves nothing')
    expect(stdout).toContain('is not proved and cannot be')
  })

  it('is never written over a file', async () => {
    const before = readFileSync(file, 'utf8')
    const refused = await app.cli('audit', 'receipt', '--position', '0', '-o', file)
    expect(refused).toMatchObject({ code: 1, stdout: '', stderr: `${file} is there already\n` })
    expect(readFileSync(file, 'utf8')).toBe(before)
  })

  it.each([
    [['--position', '99999'], /^the ledger has \d+ events: there is none at position 99999\n$/],
    [['cs_at_unknown'], /^The token not found\.\n$/],
    [[], /^one of TOKEN and --position is expected\n$/],
  ])('%j: one line', async (words, line) => {
    const { code, stderr } = await app.cli('audit', 'receipt', ...words)
    expect(code).toBe(1)
    expect(stderr).toMatch(line)
  })

  it('with a node: the block is on its chain', async () => {
    const { endpoint } = await app.administrator.connection.operations.status({})
    const words = [file, '--server', app.serverAddress, '--json']
    const { code, stdout } = await verify(...words, '--node', endpoint)
    expect(code).toBe(0)
    expect((JSON.parse(stdout) as Told).stations).toContainEqual(
      expect.objectContaining({ station: 'block_on_chain', outcome: 'proved' }),
    )
    const away = await verify(...words, '--node', 'http://127.0.0.1:9', '--timeout', '1')
    expect(away.code).toBe(1)
  })

  it('that was altered, or is none: exit code 1', async () => {
    const altered = join(app.home, 'altered.json')
    const receipt = JSON.parse(readFileSync(file, 'utf8'))
    const write = (value: object) => writeFileSync(altered, JSON.stringify(value))
    write({ ...receipt, servers: [] })
    const { code, stdout } = await verify(altered)
    expect(code).toBe(1)
    expect(stdout).toMatch(/^FAILED +signature of the checkpoint/m)
    write({ ...receipt, version: 7 })
    expect(await verify(altered)).toMatchObject({
      code: 1,
      stderr: 'version 7 of a coinstack-signon receipt is not known to this program, which reads version 1\n',
    })
    writeFileSync(altered, 'no receipt')
    expect(await verify(altered)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: 'this is no coinstack-signon receipt: it is no JSON\n',
    })
  })

  it('with the server stopped, the same', async () => {
    await app.stop()
    const { code, stdout } = await app.cli('audit', 'receipt', '--position', '1')
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ format: 'coinstack-signon receipt', version: 1 })
  })
})
