/** A server's home as an operator makes it, by the program's own commands, on a disk that keeps things. */
import { existsSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { packageRoot } from '../src/config/package-root.ts'
import { runProcess } from './processes.ts'

export const client = { id: 'bench', secret: 'secret-of-the-bench', redirectUri: 'https://client.example/' }
export const user = { username: 'alice', password: 'correct horse battery staple' }
export const scope = 'read write'

const oneDaySeconds = 86_400
export const clientRegistration = {
  clientId: client.id,
  clientSecret: client.secret,
  authorizedGrantTypes: ['authorization_code', 'refresh_token', 'client_credentials'],
  scopes: scope.split(' '),
  autoApproves: scope.split(' '),
  registeredRedirectUris: [client.redirectUri],
  resourceIds: ['bench-resource'],
  // The tokens that are introspected have to outlive the bench.
  accessTokenValidity: oneDaySeconds,
}
export const userRegistration = { ...user, authorities: ['USER'] }

/** What `statfs` says of a file system in memory (Linux, include/uapi/linux/magic.h). */
const tmpfsMagic = 0x0102_1994

export interface BenchHome {
  /** What the server is started with. */
  words: readonly string[]
  environment: NodeJS.ProcessEnv
  /** Holds the administrator's private key. */
  keyFile: string
  /** Registers the client and the user at the running server. */
  register(): Promise<void>
}

export function createFolder(): { folder: string; disk: string; remove(): void } {
  const parents = [tmpdir(), '/var/tmp'].filter((folder) => existsSync(folder))
  const onDisk = parents.find((folder) => statfsSync(folder).type !== tmpfsMagic)
  const folder = mkdtempSync(join(onDisk ?? tmpdir(), 'coinstack-signon-bench-'))
  return {
    folder,
    disk: onDisk ? 'data on a disk' : 'data in memory, as no disk was found: fsync costs nothing here',
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
}

/** Keys and configuration: the embedded node, anchors at the default interval, free ports. */
export async function configureHome(folder: string): Promise<BenchHome> {
  const program = [process.execPath, join(packageRoot(), 'bin', 'coinstack-signon')]
  const home = ['--home', folder]
  const inherited = Object.entries(process.env).filter(([name]) => !/^(SIGNON|COINSTACK|NODE)_/.test(name))
  const environment = Object.fromEntries(inherited)
  const keyFile = join(folder, 'administrator.key')

  const printed = await runProcess([...program, 'key', 'create', '--address'], environment)
  const [wif = '', address = ''] = printed.trim().split(' ')
  writeFileSync(keyFile, wif, { mode: 0o600 })
  await runProcess([...program, 'server', 'configure', '--batch', ...home], {
    ...environment,
    ADMIN_ADDRESS: address,
    NODE_ENDPOINT: 'embedded',
  })

  const create = async (what: 'client' | 'user', item: object) => {
    const file = join(folder, `${what}.json`)
    writeFileSync(file, JSON.stringify(item), { mode: 0o600 })
    const words = [what, 'create', '--privatekey-file', keyFile, '--file', file]
    await runProcess([...program, ...words, ...home], environment)
  }
  return {
    words: [...program, 'server', 'run', ...home],
    keyFile,
    environment: {
      ...environment,
      NODE_PORT: '0',
      SIGNON_SERVER_PORT: '0',
      SIGNON_LEDGER_ORIGIN: 'bench.example',
      // Codes are made before they are redeemed, more of them than can be used up in the default 60 seconds.
      SIGNON_SERVER_CODE_VALIDITY: '600',
    },
    async register() {
      await create('client', clientRegistration)
      await create('user', userRegistration)
    },
  }
}
