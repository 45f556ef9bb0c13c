/** A real LDAP server (OpenLDAP) for tests: an own process with an own folder on a free port of 127.0.0.1. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { eventually, temporaryFolder } from './server.ts'

const program = '/usr/sbin/slapd'
const users = fileURLToPath(new URL('../../fixtures/ldap/users.ldif', import.meta.url))
export const rootDn = 'cn=root,dc=example,dc=com'
export const rootPassword = 'root secret'

export const hasSlapd = existsSync(program)
if (!hasSlapd) console.warn('skipped: there is no slapd; apt-get install slapd brings it')

export interface Slapd {
  url: string
  /** Applies LDIF changes as the directory's administrator. */
  modify(ldif: string): void
  stop(): Promise<void>
}

export async function startSlapd(): Promise<Slapd> {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'data'))
  const configuration = join(folder, 'slapd.conf')
  const schemas = ['core', 'cosine', 'inetorgperson'].map((name) => `include /etc/ldap/schema/${name}.schema`)
  writeFileSync(
    configuration,
    [
      ...schemas,
      'modulepath /usr/lib/ldap',
      'moduleload back_mdb',
      'database mdb',
      'suffix "dc=example,dc=com"',
      `rootdn "${rootDn}"`,
      `rootpw "${rootPassword}"`,
      `directory ${join(folder, 'data')}`,
      '',
    ].join('\n'),
  )
  const port = await freePort()
  const url = `ldap://127.0.0.1:${port}`
  const server = spawn(program, ['-f', configuration, '-h', url, '-d', '0'], { stdio: 'ignore' })
  const gone = once(server, 'exit')
  const run = (command: string, ldif: string) =>
    execFileSync(command, ['-x', '-H', url, '-D', rootDn, '-w', rootPassword], { input: ldif, stdio: 'pipe' })
  await eventually('slapd listens', () => canConnect(port))
  run('ldapadd', readFileSync(users, 'utf8'))
  return {
    url,
    modify: (ldif) => void run('ldapmodify', ldif),
    async stop() {
      server.kill()
      await gone
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

const canConnect = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
