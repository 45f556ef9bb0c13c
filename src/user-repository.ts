/** The repository of users that the settings name, if they name one. */
import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Settings } from './config/settings.ts'
import { LdapRepository } from './users/ldap.ts'
import { type CheckHash, openModuleRepository } from './users/module.ts'
import { RepositoryError, type UserRepository } from './users/repository.ts'

/** @throws RepositoryError for settings that do not fit together, or a module that cannot be loaded */
export async function openUserRepository(
  { repository, ldap }: Settings['users'],
  home: string,
  checkHash: CheckHash,
): Promise<UserRepository | undefined> {
  if (repository === undefined) return undefined
  if (!/^ldaps?:/.test(repository)) return openModuleRepository(resolve(home, repository), checkHash)
  const { baseDn, bindDn, bindPasswordFile, caFile, groupBaseDn } = ldap
  if (baseDn === undefined) throw new RepositoryError('signon.ldap.base is missing')
  checkSecrecy(repository, ldap.startTls)
  if ((bindDn === undefined) !== (bindPasswordFile === undefined))
    throw new RepositoryError('signon.ldap.bind-dn and signon.ldap.bind-password-file go together')
  const password = bindPasswordFile && (await readFile(bindPasswordFile, 'utf8')).split(/\r?\n/, 1)[0]!
  return new LdapRepository({
    url: repository,
    baseDn,
    filter: ldap.filter,
    idAttribute: ldap.idAttribute,
    usernameAttribute: ldap.usernameAttribute,
    startTls: ldap.startTls,
    authorities: ldap.authorities,
    claims: ldap.claims,
    ...(bindDn !== undefined && password !== undefined && { bind: { dn: bindDn, password } }),
    ...(caFile !== undefined && { ca: await readCertificates(caFile) }),
    ...(groupBaseDn !== undefined && { groupBaseDn }),
  })
}

/** Passwords go over this connection, so it is TLS, or does not leave the machine. */
function checkSecrecy(url: string, startTls: boolean): void {
  const isTls = url.startsWith('ldaps:')
  if (isTls && startTls)
    throw new RepositoryError('signon.ldap.start-tls is for ldap: addresses; ldaps: begins with TLS')
  const isHere = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(new URL(url).hostname)
  if (!isTls && !startTls && !isHere)
    throw new RepositoryError(
      `passwords would go to ${url} in the clear: set signon.ldap.start-tls, or name it by ldaps:`,
    )
}

/** TLS takes whatever text it is given for a certificate and trusts nobody then. */
async function readCertificates(file: string): Promise<Buffer> {
  const pem = await readFile(file)
  try {
    new X509Certificate(pem)
  } catch (cause) {
    throw new RepositoryError(`signon.ldap.ca: ${file} holds no certificate (PEM)`, { cause })
  }
  return pem
}
