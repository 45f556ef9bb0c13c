import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isPublicAddress, Places } from '../../src/outbound/addresses.ts'

describe('addresses that are not public (RFC 6890, IANA special-purpose registries)', () => {
  test.each([
    ['0.0.0.0', 'this host'],
    ['0.1.2.3', 'this network'],
    ['10.0.0.1', 'private'],
    ['100.64.0.1', 'shared'],
    ['100.100.100.200', 'metadata of Alibaba'],
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['168.63.129.16', 'metadata of Azure'],
    ['169.254.169.254', 'metadata of most clouds'],
    ['172.16.0.1', 'private'],
    ['172.31.255.255', 'private'],
    ['192.0.0.192', 'metadata of Oracle'],
    ['192.0.2.1', 'documentation'],
    ['192.168.1.1', 'private'],
    ['198.18.0.1', 'benchmarks'],
    ['224.0.0.1', 'multicast'],
    ['255.255.255.255', 'broadcast'],
    ['::', 'unspecified'],
    ['::1', 'loopback'],
    ['::127.0.0.1', 'IPv4-compatible'],
    ['::ffff:127.0.0.1', 'mapped loopback'],
    ['::ffff:7f00:1', 'mapped loopback'],
    ['::ffff:169.254.169.254', 'mapped metadata'],
    ['::ffff:0:127.0.0.1', 'translated loopback'],
    ['64:ff9b::7f00:1', 'NAT64 of loopback'],
    ['64:ff9b:1::1', 'local NAT64'],
    ['2001:db8::1', 'documentation'],
    ['2002:7f00:1::', '6to4 of loopback'],
    ['2001:0:7f00:1::', 'Teredo'],
    ['fc00::1', 'unique local'],
    ['fd00:ec2::254', 'metadata of AWS'],
    ['fe80::1', 'link-local'],
    ['fe80::1%eth0', 'link-local with a zone'],
    ['fec0::1', 'site-local'],
    ['ff02::1', 'multicast'],
    ['', 'nothing'],
    ['example.com', 'no address'],
    ['0177.0.0.1', 'octal'],
    ['2130706433', 'decimal'],
  ])('%s (%s)', (address) => {
    expect(isPublicAddress(address)).toBe(false)
  })

  test.each(['1.1.1.1', '93.184.216.34', '172.32.0.1', '::ffff:1.1.1.1', '2606:4700:4700::1111'])(
    '%s is',
    (address) => {
      expect(isPublicAddress(address)).toBe(true)
    },
  )

  test('an IPv4 address is judged alike however IPv6 wraps it', () => {
    fc.assert(
      fc.property(fc.ipV4(), (address) => {
        expect(isPublicAddress(`::ffff:${address}`)).toBe(isPublicAddress(address))
      }),
    )
  })

  test('whatever the text, the answer is yes or no', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.ipV6(), fc.ipV4Extended()), (text) => {
        expect(typeof isPublicAddress(text)).toBe('boolean')
      }),
    )
  })
})

describe('places', () => {
  const places = new Places(['login.example', '*.apps.example', '10.0.0.0/8', 'fd00::/8', '127.0.0.1'])

  test.each([
    ['login.example', true],
    ['LOGIN.example.', true],
    ['a.login.example', false],
    ['a.apps.example', true],
    ['a.b.apps.example', true],
    ['apps.example', false],
    ['evilapps.example', false],
    ['10.200.0.1', true],
    ['11.0.0.1', false],
    ['[::ffff:10.0.0.1]', true],
    ['[fd12::1]', true],
    ['[fe80::1]', false],
    ['127.0.0.1', true],
    ['127.0.0.2', false],
    ['__proto__', false],
  ])('%s: %s', (host, isThere) => {
    expect(places.hasHost(host)).toBe(isThere)
  })
})
