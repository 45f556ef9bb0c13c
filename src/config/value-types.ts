import { createPrivateKey, type KeyObject } from 'node:crypto'
import { isIP } from 'node:net'
import { isP2pkhAddress, isPrivateKeyWif } from './base58check.ts'

/** The value, or the index of the first item that is not what was expected. */
export type Parsed<T> = { readonly value: T } | { readonly wrong: number }

/** One kind of setting. `expected` completes the sentence "expected ...". */
export interface ValueType<T> {
  readonly name: string
  readonly expected: string
  readonly list: boolean
  parse(texts: readonly string[]): Parsed<T>
}

function single<T>(name: string, expected: string, read: (text: string) => T | undefined): ValueType<T> {
  return {
    name,
    expected,
    list: false,
    parse(texts) {
      const value = texts.length === 1 ? read(texts[0]!.trim()) : undefined
      return value === undefined ? { wrong: 0 } : { value }
    },
  }
}

function listOf(
  name: string,
  expected: string,
  isItem: (text: string) => boolean,
  fewest = 0,
): ValueType<readonly string[]> {
  return {
    name,
    expected,
    list: true,
    parse(texts) {
      // A second copy of an item is a slip of the pen, and for a private key a double spend.
      const wrong = texts.findIndex((text, index) => !isItem(text) || texts.indexOf(text) !== index)
      if (wrong >= 0) return { wrong }
      return texts.length < fewest ? { wrong: 0 } : { value: texts }
    },
  }
}

/** A whole number from `least` to `most`, both included. */
export function wholeNumber(least: number, most: number): ValueType<number> {
  return single('number', `a whole number from ${least} to ${most}`, (text) => {
    if (!/^\d{1,15}$/.test(text)) return undefined
    const value = Number(text)
    return value >= least && value <= most ? value : undefined
  })
}

/** A number with or without decimals from `least` to `most`. */
export function decimalNumber(least: number, most: number): ValueType<number> {
  return single('number', `a number from ${least} to ${most}`, (text) => {
    if (!/^\d{1,9}(\.\d{1,9})?$/.test(text)) return undefined
    const value = Number(text)
    return value >= least && value <= most ? value : undefined
  })
}

/** One word of a closed list. */
export function choice<const W extends string>(...words: readonly W[]): ValueType<W> {
  return single('choice', `one of ${words.join(', ')}`, (text) => words.find((word) => word === text))
}

export const truth: ValueType<boolean> = single('boolean', 'true or false', (text) =>
  text === 'true' ? true : text === 'false' ? false : undefined,
)

export const port: ValueType<number> = {
  ...wholeNumber(0, 65_535),
  name: 'port',
  expected: 'a port from 1 to 65535 (0 takes any free one)',
}

export const nodeEndpoint: ValueType<string> = single(
  'endpoint',
  'a URL such as http://localhost:3000, or embedded',
  (text) => (text === 'embedded' ? text : httpUrl(text)?.replace(/\/+$/, '')),
)

/** RFC 8414 section 2: a URL with no query and no fragment. A lone `/` after the host is dropped. */
export const issuer: ValueType<string> = single(
  'URL',
  'an http or https URL without query and fragment',
  (text) => {
    const url = httpUrl(text)
    if (url === undefined) return undefined
    return new URL(url).pathname === '/' ? url.replace(/\/$/, '') : url
  },
)

export const hostName: ValueType<string> = single('host', 'a host name or IP address', (text) =>
  /^[A-Za-z0-9:]([A-Za-z0-9.:_-]{0,252})$/.test(text) ? text : undefined,
)

export const file: ValueType<string> = single('file', 'the path of a file', (text) =>
  text === '' || text.includes('\0') ? undefined : text,
)

/** C2SP tlog-checkpoint: non-empty, without spaces and plus signs. */
export const logOrigin: ValueType<string> = single(
  'name',
  'a name without spaces and plus signs, of 1 to 200 visible ASCII characters',
  (text) => (/^[!-*,-~]{1,200}$/.test(text) ? text : undefined),
)

export const freeText: ValueType<string> = single('text', 'a text', (text) => text)

export const p2pkhAddress: ValueType<string> = single(
  'address',
  'a P2PKH Bitcoin address such as 1KkM2NLZEK9SL4sChJVgg45k3godj7Tnix',
  (text) => (isP2pkhAddress(text) ? text : undefined),
)

export const p2pkhAddresses = listOf('addresses', 'different P2PKH Bitcoin addresses', isP2pkhAddress)

export const privateKeys = listOf(
  'private keys',
  'one or more different private keys (WIF), one a line',
  isPrivateKeyWif,
  1,
)

const algorithmNames = ['ES256', 'RS256', 'EdDSA'] as const
export type SigningAlgorithm = (typeof algorithmNames)[number]

export const signingAlgorithms = listOf(
  'algorithms',
  `one or more different ones of ${algorithmNames.join(', ')}`,
  (text) => algorithmNames.some((name) => name === text),
  1,
) as ValueType<readonly SigningAlgorithm[]>

export interface OwnSigningKey {
  readonly algorithm: SigningAlgorithm
  readonly key: KeyObject
}

/** The algorithm that a private key can sign with; undefined for one that is too weak or of another kind. */
function algorithmOf({
  asymmetricKeyType,
  asymmetricKeyDetails = {},
}: KeyObject): SigningAlgorithm | undefined {
  const { modulusLength = 0, namedCurve } = asymmetricKeyDetails
  if (asymmetricKeyType === 'rsa' && modulusLength >= 2048 && modulusLength <= 16_384) return 'RS256'
  if (asymmetricKeyType === 'ec' && namedCurve === 'prime256v1') return 'ES256'
  return asymmetricKeyType === 'ed25519' ? 'EdDSA' : undefined
}

export const signingKey: ValueType<OwnSigningKey> = single(
  'private key',
  'a private key in PEM form without a passphrase: RSA of 2048 bits or more, EC on the curve P-256, or Ed25519 (a shared secret or a WIF key cannot sign tokens here; without this setting the server makes keys of its own)',
  (text) => {
    try {
      const key = createPrivateKey(text)
      const algorithm = algorithmOf(key)
      return algorithm && { algorithm, key }
    } catch {
      return undefined
    }
  },
)

export const pairs = listOf('pairs', 'different pairs such as ADMIN=administrators', (text) =>
  /^[^=\s][^=]*=\S.*$/.test(text),
)

export const userRepository: ValueType<string> = single(
  'repository',
  'ldap://HOST or ldaps://HOST with a port or without, or the path of an ES module (.js, .mjs)',
  (text) => (/^ldaps?:\/\/[^\s/?#@]+$/.test(text) || /\.m?js$/.test(text) ? text : undefined),
)

export const origins = listOf(
  'origins',
  'different web origins such as https://login.example.com',
  (text) => httpUrl(text) !== undefined && new URL(text).origin === text,
)

/** Host names, `*.` before one for all below it, addresses, and networks in CIDR notation (RFC 4632, RFC 4291). */
export const places = listOf(
  'hosts',
  'different hosts, addresses or networks such as login.example.com, *.example.com, 10.1.2.3 or fd00::/8',
  (text) => {
    const [address = '', bits, ...more] = text.split('/')
    const width = { 0: 0, 4: 32, 6: 128 }[isIP(address)]
    if (bits !== undefined && !/^(0|[1-9]\d{0,2})$/.test(bits)) return false
    if (width) return more.length === 0 && Number(bits ?? 0) <= width
    // A name of digits would be read as an address by a URL (`127.1`).
    const label = '[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?'
    return text.length <= 253 && new RegExp(`^(\\*\\.)?(${label}\\.)*(?!\\d+$)${label}$`, 'i').test(text)
  },
)

function httpUrl(text: string): string | undefined {
  if (!/^https?:\/\/[^\s?#@]+$/i.test(text) || !URL.canParse(text)) return undefined
  return text
}
