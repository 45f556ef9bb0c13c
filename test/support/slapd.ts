/** A real LDAP server (OpenLDAP) for tests: an own process with an own folder on free ports of 127.0.0.1. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Certificate } from './certificate.ts'
import { eventually, temporaryFolder } from './server.ts'
import { freePorts } from './system-program.ts'

const program = '/usr/sbin/slapd'
const users = fileURLToPath(new URL('../../fixtures/ldap/users.ldif', import.meta.url))
export const rootDn = 'cn=root,dc=example,dc=com'
export const rootPassword = 'root secret'

export const hasSlapd = existsSync(program)
if (!hasSlapd) console.warn('skipped: there is no slapd; apt-get install slapd brings it')

export interface Slapd {
  url: string
  port: number
  /** Where it begins with TLS; it listens there with a certificate only. */
  securePort: number
  /** Applies LDIF changes as the directory's administrator. */
  modify(ldif: string): void
  stop(): Promise<void>
}

/** @param certificate for StartTLS and ldaps; without it the server knows no TLS */
export async function startSlapd(certificate?: Certificate): Promise<Slapd> {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'data'))
  const configuration = join(folder, 'slapd.conf')
  const schemas = ['core', 'cosine', 'inetorgperson'].map((name) => `include /etc/ldap/schema/${name}.schema`)
  const tls = certificate && [
    `TLSCertificateFile ${certificate.certificateFile}`,
    `TLSCertificateKeyFile ${certificate.privateKeyFile}`,
    `TLSCACertificateFile ${certificate.caFile}`,
  ]
  writeFileSync(
    configuration,
    [
      ...schemas,
      ...(tls ?? []),
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
  const [port, securePort] = (await freePorts(2)) as [number, number]
  const url = `ldap://127.0.0.1:${port}`
  const urls = certificate ? `${url} ldaps://127.0.0.1:${securePort}` : url
  const server = spawn(program, ['-f', configuration, '-h', urls, '-d', '0'], { stdio: 'ignore' })
  const gone = once(server, 'exit')
  const run = (command: string, ldif: string) =>
    execFileSync(command, ['-x', '-H', url, '-D', rootDn, '-w', rootPassword], { input: ldif, stdio: 'pipe' })
  await eventually('slapd listens', () => canConnect(certificate ? securePort : port))
  run('ldapadd', readFileSync(users, 'utf8'))
  return {
    url,
    port,
    securePort,
    modify: (ldif) => void run('ldapmodify', ldif),
    async stop() {
      server.kill()
      await gone
    },
  }
}

const canConnect = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    socket.once('connect', () => socket.destroy())
  })
