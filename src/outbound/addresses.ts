/** Which network addresses may be connected to for the sake of a URL that a client named. */
import { isIP } from 'node:net'
import ipaddr from 'ipaddr.js'

type Address = ipaddr.IPv4 | ipaddr.IPv6

/** Platform services at addresses that look public: Azure's virtual address (metadata, DNS, health probes). */
const platformAddresses: ReadonlySet<string> = new Set(['168.63.129.16'])

/** The address in its one form: IPv4 that is mapped into IPv6 (RFC 4291 section 2.5.5.2) becomes IPv4. */
function parseAddress(text: string): Address | undefined {
  return isIP(text) ? ipaddr.process(text) : undefined
}

/**
 * Whether the address is one of the public Internet. Everything with a use of its own is not: loopback, private,
 * link-local (cloud metadata), shared, multicast, documentation, and the forms of IPv6 that carry an IPv4 address
 * (RFC 6890 and the IANA special-purpose registries).
 */
export function isPublicAddress(text: string): boolean {
  const address = parseAddress(text)
  if (address?.range() !== 'unicast' || platformAddresses.has(address.toString())) return false
  // RFC 4291 section 2.4: global unicast is delegated from 2000::/3 only.
  return address.kind() === 'ipv4' || (address as ipaddr.IPv6).parts[0]! >> 13 === 1
}

/** Host as in a URL, without brackets and the dot of the root. */
export const bareHost = (hostname: string): string =>
  hostname
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')

/** Hosts, by name (`login.example.com`, `*.example.com`), and networks, by address or CIDR. */
export class Places {
  readonly #names = new Set<string>()
  readonly #suffixes: string[] = []
  readonly #networks: [Address, number][] = []

  constructor(places: readonly string[]) {
    for (const place of places) {
      const bare = bareHost(place)
      const [text = '', bits] = bare.split('/')
      const address = parseAddress(text)
      if (address) this.#networks.push([address, bits === undefined ? widthOf(address) : Number(bits)])
      else if (bare.startsWith('*.')) this.#suffixes.push(bare.slice(1))
      else this.#names.add(bare)
    }
  }

  /** Whether this host, by name or literal address, is one of the places. */
  hasHost(hostname: string): boolean {
    const host = bareHost(hostname)
    return (
      this.#names.has(host) || this.#suffixes.some((suffix) => host.endsWith(suffix)) || this.hasAddress(host)
    )
  }

  hasAddress(text: string): boolean {
    const address = parseAddress(text)
    return (
      address !== undefined &&
      this.#networks.some(
        ([network, bits]) => network.kind() === address.kind() && address.match(network as never, bits),
      )
    )
  }
}

const widthOf = (address: Address): number => (address.kind() === 'ipv4' ? 32 : 128)
