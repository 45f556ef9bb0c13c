import {
  choice,
  decimalNumber,
  file,
  freeText,
  hostName,
  issuer,
  logOrigin,
  nodeEndpoint,
  origins,
  p2pkhAddress,
  p2pkhAddresses,
  pairs,
  places,
  port,
  privateKeys,
  signingAlgorithms,
  signingKey,
  truth,
  userRepository,
  type ValueType,
  wholeNumber,
} from './value-types.ts'

/** One row of the table of settings: everything that is known about a key. */
export interface SettingRow<T = unknown> {
  readonly type: ValueType<T>
  readonly unit?: string
  /** As it would be written in the file; left out where nothing or a derived value stands in. */
  readonly default?: string
  /** How the default comes about where it depends on other settings. */
  readonly derived?: string
  readonly required?: boolean
  /** Never shown, not in an error either, and not accepted on the command line. */
  readonly secret?: boolean
  readonly text: string
  readonly example: string
}

const tenYearsSeconds = 315_360_000

export const settingsTable = {
  'coinstack.endpoint': {
    type: nodeEndpoint,
    required: true,
    text: 'The Coinstack node to anchor on: its URL, or `embedded` for the development chain inside the server (never for production).',
    example: 'http://localhost:3000',
  },
  'coinstack.timeout': {
    type: wholeNumber(100, 600_000),
    unit: 'milliseconds',
    default: '10000',
    text: 'How long to wait for an answer of the node.',
    example: '5000',
  },
  'node.port': {
    type: port,
    default: '3000',
    text: 'REST port of the embedded node; used only with `coinstack.endpoint: embedded`.',
    example: '3001',
  },
  'node.block-interval': {
    type: wholeNumber(10, 3_600_000),
    unit: 'milliseconds',
    default: '1000',
    text: 'Time between two blocks of the embedded node.',
    example: '500',
  },
  'signon.admin.address': {
    type: p2pkhAddress,
    required: true,
    text: 'Bitcoin address of the administrator. Clients and users count only where the key of this address signed them.',
    example: '1KkM2NLZEK9SL4sChJVgg45k3godj7Tnix',
  },
  'signon.server.port': {
    type: port,
    default: '8080',
    text: 'Port of the HTTP server.',
    example: '8080',
  },
  'signon.server.host': {
    type: hostName,
    default: '127.0.0.1',
    text: 'Address to listen at. The default is reached from this machine only, which suits a reverse proxy beside the server; `0.0.0.0` or `::` listens on all networks.',
    example: '0.0.0.0',
  },
  'signon.server.issuer': {
    type: issuer,
    derived:
      '`http://localhost:<signon.server.port>`, with `https` where `signon.server.tls.certificate` is set',
    text: 'The URL under which clients and browsers reach this server; stands in its metadata and answers (RFC 8414, RFC 9207).',
    example: 'https://signon.example.com',
  },
  'signon.server.privatekeys': {
    type: privateKeys,
    required: true,
    secret: true,
    text: 'Private keys of this server (WIF), one a line. They sign what the server writes to the chain.',
    example: '|\n  <WIF of the first key>\n  <WIF of the second key>',
  },
  'signon.server.tls.certificate': {
    type: file,
    text: 'Certificate chain (PEM) to serve HTTPS with; a relative path starts at the home directory. Goes with `signon.server.tls.privatekey`.',
    example: 'conf/tls/server.crt',
  },
  'signon.server.tls.privatekey': {
    type: file,
    text: 'File with the private key (PEM) of the certificate; a relative path starts at the home directory.',
    example: 'conf/tls/server.key',
  },
  'signon.server.token.validity': {
    type: wholeNumber(1, tenYearsSeconds),
    unit: 'seconds',
    default: '600',
    text: 'Lifetime of an access token, where the client does not set its own.',
    example: '600',
  },
  'signon.server.refresh-token.validity': {
    type: wholeNumber(1, tenYearsSeconds),
    unit: 'seconds',
    default: '2592000',
    text: 'Lifetime of a refresh token, where the client does not set its own.',
    example: '86400',
  },
  'signon.server.refresh-token.grace': {
    type: wholeNumber(0, 300),
    unit: 'seconds',
    default: '10',
    text: 'How long a rotation may be asked for again and gets the same successor, so that a lost answer logs nobody out. After it, a second use is an attack: it ends the whole family.',
    example: '10',
  },
  'signon.server.code.validity': {
    type: wholeNumber(1, 600),
    unit: 'seconds',
    default: '60',
    text: 'Lifetime of an authorization code (RFC 6749 section 4.1.2 allows at most ten minutes).',
    example: '60',
  },
  'signon.server.pushed-request.validity': {
    type: wholeNumber(5, 600),
    unit: 'seconds',
    default: '90',
    text: 'How long a pushed authorization request (RFC 9126) may wait until the browser shows it.',
    example: '60',
  },
  'signon.server.pushed-request.required': {
    type: truth,
    default: 'false',
    text: 'Whether authorization requests are taken only from clients that pushed them before. A client can be registered for this by itself.',
    example: 'true',
  },
  'signon.server.session.validity': {
    type: wholeNumber(60, tenYearsSeconds),
    unit: 'seconds',
    default: '28800',
    text: 'How long a login in a browser lasts.',
    example: '3600',
  },
  'signon.server.trust-proxy': {
    type: truth,
    default: 'false',
    text: 'Whether to believe X-Forwarded-For and its kin. Only behind a proxy that sets them itself.',
    example: 'true',
  },
  'signon.server.json-requests': {
    type: truth,
    default: 'false',
    text: 'Whether clients may send their parameters as JSON too, at the token endpoint and its kin. The specifications know only forms, which every client library can send.',
    example: 'true',
  },
  'signon.server.user-repository': {
    type: userRepository,
    text: 'Where users are kept, if not in the ledger: an LDAP directory, or an ES module; a relative path starts at the home directory. Users of it stand in the ledger under pseudonyms that depend on the first of `signon.server.privatekeys`.',
    example: 'ldaps://ldap.example.com',
  },
  'signon.ldap.base': {
    type: freeText,
    text: 'Where the directory holds its users (distinguished name). It names the directory for ever: under another one all users are others.',
    example: 'ou=people,dc=example,dc=com',
  },
  'signon.ldap.filter': {
    type: freeText,
    default: '(uid={username})',
    text: 'Finds the user of a name (RFC 4515); `{username}` stands for the name, escaped.',
    example: '(&(objectClass=user)(sAMAccountName={username}))',
  },
  'signon.ldap.username-attribute': {
    type: freeText,
    default: 'uid',
    text: 'Attribute that holds the user name.',
    example: 'sAMAccountName',
  },
  'signon.ldap.id-attribute': {
    type: freeText,
    default: 'entryUUID',
    text: 'Attribute that names an entry for ever; the pseudonym is made of it.',
    example: 'objectGUID',
  },
  'signon.ldap.bind-dn': {
    type: freeText,
    text: 'Who searches the directory; left out: anonymously.',
    example: 'cn=signon,dc=example,dc=com',
  },
  'signon.ldap.bind-password-file': {
    type: file,
    text: 'File with the password of `signon.ldap.bind-dn` in its first line; a relative path starts at the home directory.',
    example: 'conf/ldap.password',
  },
  'signon.ldap.start-tls': {
    type: truth,
    default: 'false',
    text: 'Whether an `ldap:` connection goes on as TLS before anything is said (RFC 4511 section 4.14). Passwords travel on it: without this and without `ldaps:` only a directory on this very machine is taken.',
    example: 'true',
  },
  'signon.ldap.ca': {
    type: file,
    text: 'Certificates (PEM) of the issuers to trust for the directory, instead of those of the system; a relative path starts at the home directory.',
    example: 'conf/tls/ldap-ca.crt',
  },
  'signon.ldap.group-base': {
    type: freeText,
    text: 'Where the directory holds groups with `member` or `uniqueMember`; left out: groups are not asked for.',
    example: 'ou=groups,dc=example,dc=com',
  },
  'signon.ldap.authorities': {
    type: pairs,
    default: '',
    text: 'Authorities of users by the `cn` of a group they are in, `*` for all users.',
    example: '[USER=*, ADMIN=administrators]',
  },
  'signon.ldap.claims': {
    type: pairs,
    default: '',
    text: 'Claims of users (OpenID Connect Core section 5.1) by attribute.',
    example: '[name=cn, email=mail]',
  },
  'signon.dpop.nonce-required': {
    type: truth,
    default: 'false',
    text: 'Whether a DPoP proof counts only with a nonce of this server (RFC 9449 section 8), so that none can be made in advance.',
    example: 'true',
  },
  'signon.login.origins': {
    type: origins,
    default: '',
    text: 'Web origins whose own login page may post `username` and `password` to `/login`. All other foreign posts are refused.',
    example: '[https://login.example.com]',
  },
  'signon.peer.addresses': {
    type: p2pkhAddresses,
    default: '',
    text: 'Addresses of the other servers whose tokens and checkpoints count here.',
    example: '[1KkM2NLZEK9SL4sChJVgg45k3godj7Tnix]',
  },
  'signon.keys.algorithms': {
    type: signingAlgorithms,
    default: 'ES256 RS256 EdDSA',
    text: 'Algorithms that tokens are signed with (RFC 7518, RFC 8037): ES256, RS256, EdDSA. The first signs JWT access tokens. ID tokens are signed with what the client registered (`id_token_signed_response_alg`), else with RS256, as OpenID Connect has it, or with the first where RS256 is not among them, which OpenID Connect Discovery demands.',
    example: '[ES256, RS256]',
  },
  'signon.keys.rotation': {
    type: wholeNumber(1, 3650),
    unit: 'days',
    default: '90',
    text: 'How long a key signs tokens before the next one does.',
    example: '30',
  },
  'signon.keys.lead': {
    type: wholeNumber(0, 720),
    unit: 'hours',
    default: '24',
    text: 'How long the next key is published before it signs, so that whoever keeps a copy of the keys has it in time.',
    example: '48',
  },
  'signon.outbound.allow': {
    type: places,
    default: '',
    text: 'Hosts and networks inside the firewall that the server may call where a client names their URL (`jwks_uri`, `backchannel_logout_uri`), at any port and over http too. Without it, only public addresses over https at port 443 are called.',
    example: '[login.intranet.example, 10.20.0.0/16]',
  },
  'signon.registration.mode': {
    type: choice('off', 'token', 'open'),
    default: 'off',
    text: 'Who may register clients at `/oauth/register` (RFC 7591): nobody; whoever has an initial access token of `client invite`; or anybody, within the terms of `client invite --open`.',
    example: 'token',
  },
  'signon.registration.hosts': {
    type: places,
    default: '',
    text: 'Public hosts that a client which registered itself may name in URLs for the server to call. The administrator may name any in the clients that he signs.',
    example: '[*.partner.example]',
  },
  'signon.anchor.interval': {
    type: wholeNumber(1, 86_400),
    unit: 'seconds',
    default: '10',
    text: 'Least time between two anchor transactions; nothing is sent while there is nothing new.',
    example: '60',
  },
  'signon.anchor.fee-rate': {
    type: decimalNumber(1, 10_000),
    unit: 'satoshi per byte',
    default: '2',
    text: 'Fee of an anchor transaction.',
    example: '2',
  },
  'signon.ledger.origin': {
    type: logOrigin,
    derived: 'host (and port) of `signon.server.issuer`',
    text: 'Name of this log in its checkpoints and anchors. It belongs to the log for ever: set it before the issuer changes.',
    example: 'signon.example.com',
  },
  'signon.ledger.seal-after': {
    type: wholeNumber(0, tenYearsSeconds),
    unit: 'seconds',
    default: '2592000',
    text: 'Age from which on events move into compressed files in `data/segments`, and with them the rows of grants and sessions that are over as long. Nothing is lost by it. 0: never.',
    example: '604800',
  },
  'signon.ledger.keep-side-records': {
    type: wholeNumber(0, tenYearsSeconds),
    unit: 'seconds',
    default: '0',
    text: 'How long side records (addresses and browsers of logins, sealed parameters of pushed requests) are kept after their session or request is over, or their login has failed; then they are dropped, and an event says so. 0: for ever.',
    example: '7776000',
  },
  'signon.ledger.keep-payloads': {
    type: wholeNumber(0, tenYearsSeconds),
    unit: 'seconds',
    default: '0',
    text: 'How long the records of grants, sessions, used assertions, pushed requests and failed logins are kept after they are over; then they are dropped with their side records, and an event says so. Their leaf hashes stay, and with them the tree and all proofs. At least `signon.ledger.seal-after`. 0: for ever.',
    example: '31536000',
  },
  'signon.cache.entries': {
    type: wholeNumber(1, 100_000_000),
    unit: 'entries',
    default: '50000',
    text: 'Most entries of the look-up cache: so many states, each of 0.3 to 1.3 KB, and so many token hashes of 0.25 KB.',
    example: '50000',
  },
  'signon.log.level': {
    type: choice('error', 'warn', 'info', 'debug', 'trace'),
    default: 'info',
    text: 'What the server log holds.',
    example: 'debug',
  },
  'signon.log.format': {
    type: choice('json', 'text'),
    default: 'json',
    text: 'Form of the lines in `log/server-YYYY-MM-DD.log`.',
    example: 'text',
  },
  'signon.log.keep': {
    type: wholeNumber(1, 100_000),
    unit: 'files',
    default: '200',
    text: 'How many daily log files are kept.',
    example: '30',
  },
  'jwt.privatekey': {
    type: signingKey,
    secret: true,
    text: 'A key (PEM) to begin signing tokens with, as in SignOn 1.1, so that whoever knows its public part can go on checking them. It is taken over at the first start with it and signs until `signon.keys.rotation` replaces it. While it is set, its algorithm is the first of `signon.keys.algorithms`; put it first there before you take it out here. Left out, the server makes keys of its own. Clients get JWT access tokens where they are registered with `accessTokenFormat: jwt`.',
    example: '|\n  -----BEGIN PRIVATE KEY-----\n  ...\n  -----END PRIVATE KEY-----',
  },
} as const satisfies Record<string, SettingRow>

export type SettingKey = keyof typeof settingsTable

/** The parsed form of a key's value. */
export type SettingValue<K extends SettingKey> =
  (typeof settingsTable)[K]['type'] extends ValueType<infer T> ? T : never

export const settingKeys = Object.keys(settingsTable) as readonly SettingKey[]

/** Row of a key, with the optional columns visible to the type checker. */
export function settingRow(key: SettingKey): SettingRow {
  return settingsTable[key]
}

export function isSettingKey(text: string): text is SettingKey {
  return Object.hasOwn(settingsTable, text)
}

/** Environment variable of a key: upper case, dots and dashes as underscores. */
export function environmentVariable(key: SettingKey): string {
  return key.toUpperCase().replace(/[.-]/g, '_')
}
