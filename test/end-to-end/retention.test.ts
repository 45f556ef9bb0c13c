/** `ledger retain` while the server serves and when it is stopped, retention by itself, and what is refused. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { rangeOf } from '../../src/ledger/layout.ts'
import { isActive, issueToken, registerSample, sampleUser, signOn } from '../support/oauth-requests.ts'
import { eventually, makeHome, startServer, type TestServer } from '../support/server.ts'

const short = {
  SIGNON_LEDGER_SEAL_AFTER: '1',
  SIGNON_LEDGER_KEEP_PAYLOADS: '2',
  SIGNON_LEDGER_KEEP_SIDE_RECORDS: '1',
}

/** Ends all sessions and grants of the sample user. */
async function endAll(server: TestServer): Promise<void> {
  const file = join(server.home, 'password')
  writeFileSync(file, 'another password\n')
  const words = ['user', 'password', '--privatekey-file', server.adminKeyFile, '--password-file', file]
  expect((await server.cli([...words, sampleUser.username])).exitCode).toBe(0)
}

/** Everything in the data folder. */
const bytesOf = ({ paths }: TestServer): Buffer =>
  Buffer.concat(
    [paths.ledger, paths.segments].flatMap((folder) =>
      readdirSync(folder).map((name) => readFileSync(join(folder, name))),
    ),
  )

describe('a server with a short policy', () => {
  let server: TestServer
  let token: string
  let salts: Buffer[]

  beforeAll(async () => {
    server = await startServer({ environment: short })
    await registerSample(server)
    token = (await signOn(server.url)).access_token
    salts = []
    // Salts are random, so that they stand in the files as they are.
    for await (const [, side] of (await server.connect())!.reader.entries(rangeOf('side')))
      salts.push(Buffer.from(side.subarray(0, 32)))
    await endAll(server)
  })

  it('drops what is over by itself, and no file holds its side records', async () => {
    const dropped = async () => JSON.parse((await server.cli(['ledger', 'stats', '--json'])).stdout).dropped
    await eventually('payloads dropped', async () => (await dropped()).payloads >= 5)
    // That of the client stays; that of the user was replaced with the password.
    await eventually(
      'side records gone from the files',
      () => salts.filter((salt) => bytesOf(server).includes(salt)).length === 1,
    )
    expect(salts).toHaveLength(3)
  })

  it('verifies, and says what was dropped', async () => {
    const { stdout, exitCode } = await server.cli(['audit', 'verify'])
    expect(exitCode).toBe(0)
    expect(stdout).toContain('nothing missing, nothing altered')
    expect(stdout).toMatch(/^\d+ payloads and \d+ side records? dropped by policy$/m)
  })

  it('knows nothing of the old token', async () => {
    expect(await isActive(server.url, token)).toBe(false)
    const { stderr, exitCode } = await server.cli(['audit', 'history', token])
    expect({ stderr, exitCode }).toEqual({
      stderr: expect.stringMatching(
        /^The token not found\. The retention policy has dropped \d+ records of what was over before .*Z\.\n$/,
      ),
      exitCode: 1,
    })
  })

  it('tells by replay, history and a moment that something is missing', async () => {
    const replayed = (await server.cli(['audit', 'replay'])).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(replayed.map(({ position }) => position)).toEqual(replayed.map((_, i) => i))
    const gone = replayed.filter(({ dropped }) => dropped)
    expect(gone.length).toBeGreaterThanOrEqual(5)
    expect(gone[0]).toEqual({
      position: expect.any(Number),
      leafHash: expect.stringMatching(/^[\w+/]{43}=$/),
      dropped: true,
    })
    const history = await server.cli(['audit', 'history', '--client', 'trusted-app'])
    const at = await server.cli(['audit', 'at', replayed[1].time])
    expect(at.stderr).toContain('incomplete: the retention policy has dropped records')
    expect(history.stderr).toContain('The retention policy has dropped')
    const receipt = await server.cli([
      'audit',
      'receipt',
      '--unanchored',
      '--position',
      String(gone[0].position),
    ])
    expect(receipt).toEqual({
      stdout: '',
      stderr: expect.stringMatching(/^the record at position \d+ was dropped by the retention policy, .*\n$/),
      exitCode: 1,
    })
  })

  it('verifies after a kill, read models and all', async () => {
    await issueToken(server.url)
    await server.kill('SIGKILL')
    const { stdout } = await server.cli(['audit', 'verify'])
    expect(stdout).toContain('nothing missing, nothing altered')
    expect(stdout).not.toContain('not checked: the read models')
    const retained = await server.cli(['ledger', 'retain', '--json'])
    expect(JSON.parse(retained.stdout)).toMatchObject({ payloads: expect.any(Number) })
    expect((await server.cli(['audit', 'verify', '--rebuild'])).stdout).toContain('they were right')
  })
})

describe('ledger retain', () => {
  let server: TestServer

  beforeAll(async () => {
    // Old enough at once, but the server looks once a day.
    server = await startServer({
      environment: {
        ...short,
        SIGNON_LEDGER_SEAL_AFTER: '86400',
        SIGNON_LEDGER_KEEP_PAYLOADS: '0',
        SIGNON_LEDGER_KEEP_SIDE_RECORDS: '0',
      },
    })
    await registerSample(server)
    await signOn(server.url)
  })

  it('with everything kept says so', async () => {
    expect(await server.cli(['ledger', 'retain'])).toEqual({
      stdout: '',
      stderr: 'signon.ledger.keep-payloads and signon.ledger.keep-side-records are 0: everything is kept\n',
      exitCode: 1,
    })
  })

  it('of a stopped server: says what would go, then drops it, then nothing more', async () => {
    await endAll(server)
    await server.stop()
    const environment = { SIGNON_LEDGER_SEAL_AFTER: '1', SIGNON_LEDGER_KEEP_PAYLOADS: '1' }
    await eventually('everything over', async () => {
      const { stdout } = await server.cli(['ledger', 'retain', '--dry-run', '--json'], { environment })
      return JSON.parse(stdout).streams === 2
    })
    const would = await server.cli(['ledger', 'retain', '--dry-run'], { environment })
    expect(would.stdout).toMatch(
      /^Would drop: \d+ records of 2 streams, 1 side records, [\d.]+ (bytes|KiB) before compression\n$/,
    )
    const done = await server.cli(['ledger', 'retain'], { environment })
    expect(done.stdout).toBe(would.stdout.replace('Would drop', 'Dropped'))
    const again = await server.cli(['ledger', 'retain', '--json'], { environment })
    expect(JSON.parse(again.stdout)).toEqual({ payloads: 0, streams: 0, sideRecords: 0, bytes: 0 })
    const { stdout } = await server.cli(['audit', 'verify'])
    expect(stdout).toContain('nothing missing, nothing altered')
  })

  it('what is left is exported, once what dropped the rest is anchored, and verifies far from the ledger', async () => {
    const replayed = (await server.cli(['audit', 'replay'])).stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    const gone = replayed.filter(({ dropped }) => dropped).map(({ position }) => position)
    const drops = replayed.filter(({ type }) => type === 'payloads.dropped').map(({ position }) => position)
    const [to, folder] = [gone.at(-1), join(server.home, 'bundle')]
    const words = ['audit', 'export', '--from', '0', '--to', String(to), '-o', folder]
    // Nobody has signed the tree since.
    expect(await server.cli([...words, '--unanchored'])).toEqual({
      stdout: '',
      stderr: `records of the range were dropped by policy, and the event that says so is to be proved too: no checkpoint covers the event at position ${drops[0]} yet\n`,
      exitCode: 1,
    })
    await server.restart()
    const { stdout } = await eventually('the drop is anchored', async () => {
      const exported = await server.cli(words)
      return exported.exitCode === 0 && exported
    })
    expect(stdout).toMatch(
      /^Bundle written: .*\n\d+ records dropped by policy: their leaf hashes stand for them\n$/,
    )
    await server.stop()
    const verify = (...more: string[]) =>
      makeHome().cli(['audit', 'verify-bundle', folder, '--server', server.serverKeys[0]!.address, ...more])
    const verified = await verify()
    expect(verified).toMatchObject({ stderr: '', exitCode: 0 })
    const left = to + 1 - gone.length
    expect(verified.stdout).toContain(`, events: ${left}, dropped by policy: ${gone.length}, checkpoints: `)
    expect(verified.stdout).toContain(
      `\nproved: inclusion in the tree: bundle: the leaf hashes of ${gone.length} records that were dropped by policy, 1 s after they were over, as the event at position ${drops[0]} says\n`,
    )
    expect(verified.stdout).toContain(
      `\nnot proved: record: bundle: what stood in the ${gone.length} records that were dropped\n`,
    )
    const file = join(folder, 'dropped.jsonl')
    writeFileSync(file, readFileSync(file, 'utf8').replace('"record":"A', '"record":"B'))
    const { stdout: told, exitCode } = await verify('--json')
    expect(exitCode).toBe(1)
    expect(JSON.parse(told)).toMatchObject({
      ok: false,
      faults: [{ file: 'dropped.jsonl', detail: 'it is not the file that the manifest names' }],
    })
  })

  it('a contradictory configuration is refused in one line', async () => {
    const environment = { SIGNON_LEDGER_SEAL_AFTER: '10', SIGNON_LEDGER_KEEP_PAYLOADS: '9' }
    expect(await server.cli(['ledger', 'retain'], { environment })).toEqual({
      stdout: '',
      stderr:
        'environment variable SIGNON_LEDGER_KEEP_PAYLOADS: signon.ledger.keep-payloads (9) is less than signon.ledger.seal-after (10)\n',
      exitCode: 1,
    })
  })
})
