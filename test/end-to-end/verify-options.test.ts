/** `audit verify --from` with checkpoints saved earlier, and `--rebuild` of a stopped server. */
import { cpSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Level } from 'level'
import { beforeAll, describe, expect, it } from 'vitest'
import { rowKey } from '../../src/ledger/layout.ts'
import { stateRowKey } from '../../src/projections/rows.ts'
import { issueToken, registerSample } from '../support/oauth-requests.ts'
import { eventually, startServer, type TestServer } from '../support/server.ts'

const served = async (server: TestServer): Promise<string | undefined> => {
  const answer = await fetch(`${server.url}/ledger/checkpoint`)
  return answer.ok ? await answer.text() : undefined
}
const sizeIn = (note: string | undefined) => Number(note?.split('\n')[1] ?? 0)

describe('a checkpoint that was saved', () => {
  let server: TestServer
  let file: string
  let past: string
  let size: number

  beforeAll(async () => {
    server = await startServer()
    await registerSample(server)
    file = join(server.home, 'saved')
    past = join(server.home, 'past')
    for (let count = 0; count < 5; count++) await issueToken(server.url)
    await server.stop()
    cpSync(join(server.home, 'data'), past, { recursive: true })
    await server.restart()
    for (let count = 0; count < 5; count++) await issueToken(server.url)
    const note = await eventually('a checkpoint of all', async () => {
      const shown = await served(server)
      return sizeIn(shown) >= 13 && shown
    })
    size = sizeIn(note)
    writeFileSync(file, note)
    await issueToken(server.url)
  })

  it('is the beginning of the log', async () => {
    const { stdout, exitCode } = await server.cli(['audit', 'verify', '--from', file])
    expect(stdout).toContain('1 saved checkpoint: the log begins with what was signed then\n')
    expect(exitCode).toBe(0)
    const { stdout: json } = await server.cli(['audit', 'verify', '--from', file, '--json'])
    expect(JSON.parse(json)).toMatchObject({ ok: true, savedCheckpoints: 1 })
  })

  it('is refused where it is not signed by this server', async () => {
    const forged = join(server.home, 'forged')
    const [text, signatures] = (await served(server))!.split('\n\n')
    writeFileSync(forged, `${text!.replace(/\n\d+\n/, '\n3\n')}\n\n${signatures}`)
    const { stdout, exitCode } = await server.cli(['audit', 'verify', '--from', forged])
    expect(stdout).toMatch(/FAULT checkpoint_signature at position 2: .*forged/)
    expect(exitCode).toBe(1)
  })

  it('is not one at all', async () => {
    const { stderr, exitCode } = await server.cli(['audit', 'verify', '--from', server.adminKeyFile])
    expect(stderr).toMatch(/admin\.key: malformed note: .*\n$/)
    expect(exitCode).toBe(1)
  })

  it('shows that an old copy was put back', async () => {
    await server.stop()
    const data = join(server.home, 'data')
    rmSync(data, { recursive: true })
    cpSync(past, data, { recursive: true })
    const { stdout, exitCode } = await server.cli(['audit', 'verify', '--from', file])
    expect(stdout).toContain(`FAULT checkpoint_beyond_log at position ${size - 1}: `)
    expect(exitCode).toBe(1)
  })

  it('shows that history went another way', async () => {
    await server.restart()
    for (let count = 0; count < 8; count++) await issueToken(server.url)
    const { stdout, exitCode } = await server.cli(['audit', 'verify', '--from', file])
    expect(stdout).toContain(`FAULT checkpoint_root at position ${size - 1}: `)
    expect(exitCode).toBe(1)
  })
})

describe('read models', () => {
  let server: TestServer

  beforeAll(async () => {
    server = await startServer()
    await registerSample(server)
    await issueToken(server.url)
  })

  it('of a running server are not touched', async () => {
    expect(await server.cli(['audit', 'verify', '--rebuild'])).toEqual({
      stdout: '',
      stderr: 'a running server needs its read models: stop it first\n',
      exitCode: 1,
    })
  })

  it('are rebuilt where they were changed', async () => {
    await server.stop()
    const db = new Level<Buffer, Buffer>(server.paths.ledger, {
      keyEncoding: 'buffer',
      valueEncoding: 'buffer',
    })
    // Without it the server could not even be opened.
    await db.del(rowKey(stateRowKey(`server:${server.serverKeys[0]!.address}`)))
    await db.del(rowKey(stateRowKey('client:trusted')))
    await db.close()
    const { stdout, exitCode } = await server.cli(['audit', 'verify', '--rebuild'])
    expect(stdout).toMatch(
      /^read models folded anew from 4 events: 2 rows added, 0 corrected, 0 taken away\n/,
    )
    expect(stdout).toContain('nothing missing, nothing altered')
    expect(exitCode).toBe(0)
    const again = await server.cli(['audit', 'verify', '--rebuild', '--json'])
    expect(JSON.parse(again.stdout)).toMatchObject({
      ok: true,
      rebuilt: { events: 4, added: 0, altered: 0, removed: 0 },
    })
    await server.restart()
    await issueToken(server.url)
  })
})
