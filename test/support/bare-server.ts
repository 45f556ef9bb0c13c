/** Server processes that start fast: the built server in a home of its own, configured by its environment alone. */
import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Administrator, registerClient, registerUser } from '../../src/admin/administration.ts'
import { connectTo } from '../../src/admin/connection.ts'
import { createPrivateKey } from '../../src/chain/keys.ts'
import { type HomePaths, homePaths } from '../../src/config/home.ts'
import type { Running } from '../terminal/child-process.ts'
import { client, user } from './known-tokens.ts'
import { eventually, startProcess } from './server.ts'

const program = fileURLToPath(new URL('./server-program.js', import.meta.url))

export interface BareServer {
  url: string
  process: Running
}

export interface BareHome {
  paths: HomePaths
  /** For the command line on the same home. */
  environment: Readonly<Record<string, string>>
  /** Resolves when the server serves. */
  start(): Promise<BareServer>
  /** Through the control socket, as the CLI does. */
  administer<T>(use: (administrator: Administrator) => Promise<T>): Promise<T>
  /** The client and the user of the load (known-tokens.ts). */
  register(): Promise<void>
}

/**
 * @param home where it shall lie; anchors find no node there, checkpoints are signed each second
 * @param settings as environment variables
 */
export function bareHome(home: string, settings: Readonly<Record<string, string>> = {}): BareHome {
  mkdirSync(home, { recursive: true })
  const paths = homePaths(home)
  const administrator = createPrivateKey()
  const environment = {
    COINSTACK_SIGNON_HOME: home,
    COINSTACK_ENDPOINT: 'http://127.0.0.1:1',
    SIGNON_ANCHOR_INTERVAL: '1',
    SIGNON_SERVER_PORT: '0',
    SIGNON_SERVER_PRIVATEKEYS: createPrivateKey().toWif(),
    SIGNON_ADMIN_ADDRESS: administrator.address,
    SIGNON_LEDGER_ORIGIN: 'test.signon.example',
    ...settings,
  }
  const administer: BareHome['administer'] = async (use) => {
    const connection = await connectTo(paths.controlSocket)
    if (!connection) throw new Error('the server does not answer on its control socket')
    return use({ connection, key: administrator, now: Date.now })
  }
  return {
    paths,
    environment,
    async start() {
      const running = startProcess([program], environment)
      let output = ''
      running.finished.then(({ stderr }) => {
        output = stderr || 'nothing said'
      })
      const url = await eventually('the server serves', async () => {
        if (output) throw new Error(`the server ended: ${output}`)
        const found = /^http\S+$/m.exec(running.output())
        return found?.[0]
      })
      return { url, process: running }
    },
    administer,
    register: () =>
      administer(async (operator) => {
        await registerClient(operator, client)
        await registerUser(operator, user)
      }),
  }
}
