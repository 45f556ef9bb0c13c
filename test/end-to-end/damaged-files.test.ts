/** Whatever was done to the files of a stopped server: `server run` and `audit verify` name it in one line and end. */
import { cpSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Level } from 'level'
import { beforeAll, describe, expect, it } from 'vitest'
import { Checkpoints } from '../../src/ledger/checkpoints.ts'
import { eventKey } from '../../src/ledger/layout.ts'
import { Ledger } from '../../src/ledger/ledger.ts'
import { openStorage } from '../../src/ledger/storage.ts'
import { projectRows } from '../../src/projections/rows.ts'
import { ed25519PrivateKey } from '../../src/tree/ed25519.ts'
import { ed25519Signer } from '../../src/tree/signed-note.ts'
import { eventCodec } from '../support/authorization.ts'
import { issueToken, registerSample } from '../support/oauth-requests.ts'
import { startServer, type TestServer, temporaryFolder } from '../support/server.ts'

let server: TestServer
let data: string
/** The files as `kill -9` left them, and as they were some events before. */
let killed: string
let older: string

beforeAll(async () => {
  server = await startServer()
  data = join(server.home, 'data')
  killed = join(temporaryFolder(), 'killed')
  older = join(temporaryFolder(), 'older')
  await registerSample(server)
  await issueToken(server.url)
  await server.restart()
  cpSync(data, older, { recursive: true })
  for (let count = 0; count < 10; count++) await issueToken(server.url)
  await server.kill('SIGKILL')
  cpSync(data, killed, { recursive: true })
})

const ledger = (...name: string[]) => join(data, 'ledger', ...name)
const named = (pattern: RegExp) => readdirSync(ledger()).filter((name) => pattern.test(name))
const emptied = (file: string) => truncateSync(file, 0)

/** The ledger of the stopped server, opened as its owner would, under another checkpoint key. */
async function signAnew(): Promise<void> {
  const storage = await openStorage(ledger())
  const opened = new Ledger(storage, eventCodec, projectRows)
  rmSync(join(data, 'checkpoint'), { force: true })
  const origin = readFileSync(join(killed, 'checkpoint'), 'utf8').split('\n')[0]!
  for await (const [key] of storage.entries({
    gte: Buffer.from('acheckpoint/'),
    lt: Buffer.from('acheckpoint0'),
  })) {
    const batch = storage.batch()
    batch.del(key)
    await batch.write()
  }
  const signer = ed25519Signer(origin, ed25519PrivateKey(Buffer.alloc(32, 3)))
  await (await Checkpoints.open(opened, join(data, 'checkpoint'), origin, signer)).sign()
  await opened.close()
}

async function swapTwoEvents(): Promise<void> {
  const db = new Level<Buffer, Buffer>(ledger(), { keyEncoding: 'buffer', valueEncoding: 'buffer' })
  const [one, two] = [(await db.get(eventKey(5)))!, (await db.get(eventKey(6)))!]
  await db.batch([
    { type: 'put', key: eventKey(5), value: two },
    { type: 'put', key: eventKey(6), value: one },
  ])
  await db.close()
}

/** What is done, and what both commands say of it. */
const damages: [name: string, act: () => unknown, line: RegExp][] = [
  [
    'CURRENT is lost',
    () => rmSync(ledger('CURRENT')),
    /CURRENT is missing, though the ledger has other files$/,
  ],
  [
    'the manifest is lost',
    () => rmSync(ledger(named(/^MANIFEST/)[0]!)),
    /CURRENT names a file that is not there/,
  ],
  ['a table is lost', () => rmSync(ledger(named(/\.ldb$/)[0]!)), /is damaged: .*1 missing files.*\.ldb$/],
  ['a table is cut', () => emptied(ledger(named(/\.ldb$/)[0]!)), /\.ldb has 0 bytes, but \d+ were written$/],
  [
    'the log is cut',
    () => emptied(ledger(named(/\.log$/).at(-1)!)),
    /has \d+ events, but \d+ were acknowledged|was signed/,
  ],
  [
    'the log is lost',
    () => rmSync(ledger(named(/\.log$/).at(-1)!)),
    /has \d+ events, but \d+ were acknowledged|was signed/,
  ],
  [
    'a bit of the log is flipped',
    () => {
      const file = ledger(named(/\.log$/).at(-1)!)
      const bytes = readFileSync(file)
      bytes[200]! ^= 4
      writeFileSync(file, bytes)
    },
    /\.log is damaged at byte \d+: what was written behind it is intact$/,
  ],
  ['the ledger is lost', () => rmSync(ledger(), { recursive: true }), /has 0 events, but/],
  [
    'an older ledger is put back',
    () => {
      rmSync(ledger(), { recursive: true })
      cpSync(join(older, 'ledger'), ledger(), { recursive: true })
    },
    /has \d+ events, but (\d+ were acknowledged|a checkpoint of \d+ events was signed)/,
  ],
  [
    'an older ledger is put back, with its checkpoint',
    () => {
      rmSync(ledger(), { recursive: true })
      for (const name of ['ledger', 'checkpoint'])
        cpSync(join(older, name), join(data, name), { recursive: true })
    },
    /has \d+ events, but \d+ were acknowledged/,
  ],
  [
    'the last checkpoint is signed by somebody else',
    signAnew,
    /is not signed by a server of this ledger: no known key/,
  ],
]

describe('refused by name:', () => {
  it.each(damages)('%s', async (_name, act, line) => {
    rmSync(data, { recursive: true })
    cpSync(killed, data, { recursive: true })
    await act()
    const commands = [
      ['server', 'run', '--profile', 'test'],
      ['audit', 'verify', '--profile', 'test'],
    ]
    for (const words of commands) {
      const { exitCode, stdout, stderr } = await server.cli(words)
      expect({ words, exitCode, stdout }).toEqual({ words, exitCode: 1, stdout: '' })
      expect(stderr.trimEnd()).toMatch(line)
      expect(stderr.trimEnd().split('\n')).toHaveLength(1)
    }
  })

  it('two events are swapped: the audit names both', async () => {
    rmSync(data, { recursive: true })
    cpSync(killed, data, { recursive: true })
    await swapTwoEvents()
    const { exitCode, stdout, stderr } = await server.cli(['audit', 'verify', '--profile', 'test'])
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: '' })
    for (const position of [5, 6])
      expect(stdout).toMatch(new RegExp(`^FAULT record_\\w+ at position ${position}: `, 'm'))
  })

  it('nothing of this, and the server serves', async () => {
    rmSync(data, { recursive: true })
    cpSync(killed, data, { recursive: true })
    await server.restart()
    await issueToken(server.url)
    await server.stop()
    expect((await server.cli(['audit', 'verify', '--profile', 'test'])).exitCode).toBe(0)
  })
})
