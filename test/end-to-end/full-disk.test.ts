/** The disk of a running server is full: 503 and no false answer, and it goes on by itself when there is room. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { bareHome } from '../support/bare-server.ts'
import { client, KnownTokens, randomOf } from '../support/known-tokens.ts'
import { postForm } from '../support/oauth-requests.ts'
import { eventually } from '../support/server.ts'
import { mountSmallDisk } from '../support/small-disk.ts'

const basic = `Basic ${Buffer.from(`${client.clientId}:${client.clientSecret}`).toString('base64')}`
const issue = (url: string) =>
  fetch(new URL('/oauth/token', url), {
    method: 'POST',
    headers: { authorization: basic },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  })

test('full, and with room again', { timeout: 180_000 }, async ({ skip }) => {
  const disk = mountSmallDisk(16)
  if (typeof disk === 'string') return skip(disk)
  const home = bareHome(join(disk.folder, 'home'))
  let server = await home.start()
  const { url } = server
  await home.register()
  const load = new KnownTokens(randomOf(1))
  for (let count = 0; count < 30; count++) await load.request(url)

  disk.fill()
  let refused = 0
  for (let count = 0; refused < 30 && count < 5000; count++) {
    const answer = await issue(url)
    if (answer.status === 200) {
      load.tokens.set(((await answer.json()) as { access_token: string }).access_token, 'live')
      continue
    }
    refused++
    expect(answer.status).toBe(503)
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await answer.json()).toMatchObject({ error: 'temporarily_unavailable' })
    // A live token is live, or the server cannot say.
    for (const [token, knowledge] of [...load.tokens].slice(-5)) {
      const asked = await postForm<{ active?: boolean }>(url, '/oauth/introspect', { token }, client)
      if (asked.status === 200 && knowledge !== 'unknown')
        expect(asked.body.active).toBe(knowledge === 'live')
      else if (asked.status !== 200) expect(asked.status).toBe(503)
    }
  }
  expect(refused).toBe(30)
  expect((await fetch(new URL('/health/live', url))).status).toBe(200)

  disk.free()
  await eventually('tokens are issued again', async () => (await issue(url)).status === 200)
  expect((await fetch(new URL('/health/ready', url))).status).toBe(200)
  for (const token of load.tokens.keys()) await load.assertKnown(url, token)
  for (let count = 0; count < 30; count++) await load.request(url)

  server.process.kill('SIGKILL')
  await server.process.finished
  server = await home.start()
  for (const token of load.tokens.keys()) await load.assertKnown(server.url, token)
  server.process.kill('SIGTERM')
  expect((await server.process.finished).code).toBe(0)
  expect(existsSync(home.paths.checkpointFile)).toBe(true)
  expect(readFileSync(home.paths.headFile, 'latin1')).toMatch(/^\d{16} /)
})
