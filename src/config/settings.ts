import type { SettingKey, SettingValue } from './schema.ts'
import type { OwnSigningKey, SigningAlgorithm } from './value-types.ts'

/** All settings, checked. Units stand in the names; paths of files are absolute. */
export interface Settings {
  readonly coinstack: {
    /** URL of the node, or `embedded`. */
    readonly endpoint: string
    readonly timeoutMs: number
  }
  readonly node: { readonly port: number; readonly blockIntervalMs: number }
  readonly admin: { readonly address: string }
  readonly server: {
    readonly host: string
    readonly port: number
    readonly issuer: string
    readonly privateKeys: readonly string[]
    readonly tls: { readonly certificateFile: string; readonly privateKeyFile: string } | undefined
    readonly trustProxy: boolean
    readonly jsonRequests: boolean
    readonly tokenValiditySeconds: number
    readonly refreshTokenValiditySeconds: number
    readonly refreshTokenGraceSeconds: number
    readonly codeValiditySeconds: number
    readonly pushedRequestValiditySeconds: number
    readonly pushedRequestsOnly: boolean
    readonly sessionValiditySeconds: number
  }
  readonly dpop: { readonly nonceRequired: boolean }
  /** Where users are kept, if not in the ledger. */
  readonly users: {
    readonly repository: string | undefined
    readonly ldap: {
      readonly baseDn: string | undefined
      readonly filter: string
      readonly usernameAttribute: string
      readonly idAttribute: string
      readonly bindDn: string | undefined
      readonly bindPasswordFile: string | undefined
      readonly startTls: boolean
      readonly caFile: string | undefined
      readonly groupBaseDn: string | undefined
      readonly authorities: readonly (readonly [string, string])[]
      readonly claims: readonly (readonly [string, string])[]
    }
  }
  readonly login: { readonly origins: readonly string[] }
  readonly peer: { readonly addresses: readonly string[] }
  /** Keys that sign tokens. */
  readonly keys: {
    readonly algorithms: readonly SigningAlgorithm[]
    readonly rotationSeconds: number
    readonly leadSeconds: number
    /** To begin with, instead of one made here. */
    readonly first: OwnSigningKey | undefined
  }
  readonly outbound: { readonly allow: readonly string[] }
  readonly registration: {
    readonly mode: SettingValue<'signon.registration.mode'>
    readonly hosts: readonly string[]
  }
  readonly anchor: { readonly intervalSeconds: number; readonly feeRateSatsPerByte: number }
  readonly ledger: {
    readonly origin: string
    /** 0: never. */
    readonly sealAfterSeconds: number
    /** After the end of their stream; 0: for ever. */
    readonly keepSideRecordsSeconds: number
    readonly keepPayloadsSeconds: number
  }
  readonly cache: { readonly entries: number }
  readonly log: {
    readonly level: SettingValue<'signon.log.level'>
    readonly format: SettingValue<'signon.log.format'>
    readonly keepFiles: number
  }
}

/** Where a value came from. */
export type SettingSource =
  | { readonly layer: 'default' | 'derived' | 'unset' }
  | { readonly layer: 'file' | 'profile'; readonly file: string; readonly line: number }
  | { readonly layer: 'environment'; readonly variable: string }
  | { readonly layer: 'flag' }

export type SettingSources = Readonly<Record<SettingKey, SettingSource>>

/** Issuer of a server for which none is set. With port 0, ask again once the port is known. */
export function derivedIssuer(tls: boolean, port: number): string {
  return `${tls ? 'https' : 'http'}://localhost:${port}`
}

/** Origin of a log for which none is set. */
export function derivedOrigin(issuer: string): string {
  return new URL(issuer).host
}

const pairOf = (text: string): readonly [string, string] => {
  const at = text.indexOf('=')
  return [text.slice(0, at).trim(), text.slice(at + 1).trim()]
}

/** Lays parsed values out; `value` gives undefined only for keys without a default. */
export function arrangeSettings(
  value: <K extends SettingKey>(key: K) => SettingValue<K> | undefined,
): Settings {
  const certificateFile = value('signon.server.tls.certificate')
  const privateKeyFile = value('signon.server.tls.privatekey')
  const tls = certificateFile && privateKeyFile ? { certificateFile, privateKeyFile } : undefined
  const port = value('signon.server.port')!
  const own = value('jwt.privatekey')
  const issuer = value('signon.server.issuer') ?? derivedIssuer(tls !== undefined, port)
  return {
    coinstack: { endpoint: value('coinstack.endpoint')!, timeoutMs: value('coinstack.timeout')! },
    node: { port: value('node.port')!, blockIntervalMs: value('node.block-interval')! },
    admin: { address: value('signon.admin.address')! },
    server: {
      host: value('signon.server.host')!,
      port,
      issuer,
      privateKeys: value('signon.server.privatekeys')!,
      tls,
      trustProxy: value('signon.server.trust-proxy')!,
      jsonRequests: value('signon.server.json-requests')!,
      tokenValiditySeconds: value('signon.server.token.validity')!,
      refreshTokenValiditySeconds: value('signon.server.refresh-token.validity')!,
      refreshTokenGraceSeconds: value('signon.server.refresh-token.grace')!,
      codeValiditySeconds: value('signon.server.code.validity')!,
      pushedRequestValiditySeconds: value('signon.server.pushed-request.validity')!,
      pushedRequestsOnly: value('signon.server.pushed-request.required')!,
      sessionValiditySeconds: value('signon.server.session.validity')!,
    },
    dpop: { nonceRequired: value('signon.dpop.nonce-required')! },
    users: {
      repository: value('signon.server.user-repository'),
      ldap: {
        baseDn: value('signon.ldap.base'),
        filter: value('signon.ldap.filter')!,
        usernameAttribute: value('signon.ldap.username-attribute')!,
        idAttribute: value('signon.ldap.id-attribute')!,
        bindDn: value('signon.ldap.bind-dn'),
        bindPasswordFile: value('signon.ldap.bind-password-file'),
        startTls: value('signon.ldap.start-tls')!,
        caFile: value('signon.ldap.ca'),
        groupBaseDn: value('signon.ldap.group-base'),
        authorities: value('signon.ldap.authorities')!.map(pairOf),
        claims: value('signon.ldap.claims')!.map(pairOf),
      },
    },
    login: { origins: value('signon.login.origins')! },
    peer: { addresses: value('signon.peer.addresses')! },
    keys: {
      // The first signs JWT access tokens, which is what 1.1 had the key for.
      algorithms: [...new Set([...(own ? [own.algorithm] : []), ...value('signon.keys.algorithms')!])],
      rotationSeconds: value('signon.keys.rotation')! * 86_400,
      leadSeconds: value('signon.keys.lead')! * 3600,
      first: own,
    },
    outbound: { allow: value('signon.outbound.allow')! },
    registration: { mode: value('signon.registration.mode')!, hosts: value('signon.registration.hosts')! },
    anchor: {
      intervalSeconds: value('signon.anchor.interval')!,
      feeRateSatsPerByte: value('signon.anchor.fee-rate')!,
    },
    ledger: {
      origin: value('signon.ledger.origin') ?? derivedOrigin(issuer),
      sealAfterSeconds: value('signon.ledger.seal-after')!,
      keepSideRecordsSeconds: value('signon.ledger.keep-side-records')!,
      keepPayloadsSeconds: value('signon.ledger.keep-payloads')!,
    },
    cache: { entries: value('signon.cache.entries')! },
    log: {
      level: value('signon.log.level')!,
      format: value('signon.log.format')!,
      keepFiles: value('signon.log.keep')!,
    },
  }
}
