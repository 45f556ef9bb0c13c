/** Replay, questions about the past and bundles, by the program, with the server running and stopped. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { registerClient } from '../../src/admin/administration.ts'
import { type AnchoringApp, openAnchoringApp, runBuilt } from '../support/anchoring-app.ts'
import { issueToken, postForm } from '../support/oauth-requests.ts'

const own = { clientId: 'own', clientSecret: 'secret of own' }

describe.each(['running', 'stopped'])('with the server %s', (state) => {
  let app: AnchoringApp
  let before: number
  let between: number

  const said = async (...words: string[]) => {
    const { code, stdout, stderr } = await app.cli('audit', ...words)
    expect({ code, stderr }, words.join(' ')).toEqual({ code: 0, stderr: '' })
    return stdout
  }

  beforeAll(async () => {
    app = await openAnchoringApp()
    await registerClient(app.administrator, {
      ...own,
      authorizedGrantTypes: ['client_credentials'],
      scopes: ['read'],
    })
    const pause = () => new Promise((resolve) => setTimeout(resolve, 20))
    await pause()
    before = Date.now()
    await pause()
    const { access_token: token } = await issueToken(app.issuer, own)
    await pause()
    between = Date.now()
    await pause()
    await postForm(app.issuer, '/oauth/revoke', { token }, own)
    await app.anchored()
    if (state === 'stopped') await app.stop()
  })
  afterAll(() => app.close())

  it('replay prints JSON lines, up to a moment or from a position', async () => {
    const types = async (...words: string[]) =>
      (await said('replay', ...words))
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => (JSON.parse(line) as { type: string }).type)
    const all = ['server.opened', 'client.registered', 'token.issued', 'grant.revoked']
    expect(await types()).toEqual(all)
    expect(await types('--json', '--from', '1')).toEqual(all.slice(1))
    expect(await types('--until', String(between))).toEqual(all.slice(0, 3))
    expect(await types('--until', new Date(before).toISOString())).toEqual(all.slice(0, 2))
  })

  it('at tells who held access, for people and as JSON', async () => {
    const ask = async (moment: number, ...words: string[]) =>
      JSON.parse(await said('at', new Date(moment).toISOString(), '--json', ...words))
    expect(await ask(before)).toMatchObject({ events: 2, access: [], sessions: [] })
    const held = { access: [{ kind: 'access', clientId: 'own', subject: null, scopes: ['read'] }] }
    for (const words of [[], ['--client', 'own'], ['--scope', 'read']])
      expect(await ask(between, ...words)).toMatchObject(held)
    expect(await ask(between, '--scope', 'write')).toMatchObject({ access: [] })
    expect(await ask(Date.now())).toMatchObject({ events: 4, access: [] })
    expect(await said('at', String(between))).toMatch(
      // Streams are shown whole: the next question is asked with them.
      /after 3 events:\nKIND .*\naccess token +\(itself\) +own .* grant:[\w-]{22}\n/,
    )
    expect(await said('at', String(before))).toMatch(/after 2 events: nobody\n$/)
  })

  it.each([
    [['at', 'yesterday'], /^"yesterday" is no moment: expected ISO 8601 .*\n$/],
    [['at', '2999-01-01'], /^2999-01-01 lies in the future: nobody knows yet\n$/],
    [['at', '2026-01-01', '--user', 'nobody'], /^The user not found\.\n$/],
    [['at', '2026-01-01', '--client', 'nobody'], /^The client not found\.\n$/],
    [['replay', '--until', '2026-02-30'], /^"2026-02-30" is no moment/],
    [['export', '--from', '0', '--to', '99', '-o', 'x'], /^the ledger has 4 events/],
  ])('%j: one line', async (words, line) => {
    const { code, stdout, stderr } = await app.cli('audit', ...words)
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toMatch(line)
  })

  it('export writes a bundle that verify-bundle can check alone', async () => {
    const folder = join(app.home, 'bundle')
    expect(await said('export', '--from', '1', '--to', '3', '-o', folder)).toMatch(/^Bundle written: /)
    const verify = (...words: string[]) => runBuilt(['audit', 'verify-bundle', folder, ...words])
    const { code, stdout } = await verify('--server', app.serverAddress)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^positions 1 to 3 of \S+, events: 3, .*: nothing missing, nothing altered\n/)
    expect(await app.cli('audit', 'export', '--from', '0', '--to', '0', '-o', folder)).toMatchObject({
      code: 1,
      stderr: `${folder} is there already\n`,
    })
    const records = join(folder, 'records.bin')
    const bytes = readFileSync(records)
    bytes[40]! ^= 1
    writeFileSync(records, bytes)
    const altered = await verify('--json')
    expect(altered.code).toBe(1)
    expect(JSON.parse(altered.stdout)).toMatchObject({ ok: false, faults: [{ file: 'records.bin' }] })
  })
})
