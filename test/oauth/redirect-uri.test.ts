/** RFC 6749 section 3.1.2, RFC 9700 section 4.1.3, RFC 8252 section 7. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isRegistrableRedirectUri, matchesRedirectUri, redirectTo } from '../../src/oauth/redirect-uri.ts'

describe('RFC 6749 section 3.1.2: an absolute URI without fragment may be registered', () => {
  test.each([
    'https://client.example/callback',
    'https://client.example',
    'https://client.example?app=1',
    'https://client.example:8443/a/b?c=d&e=@',
    'http://127.0.0.1/callback',
    'http://[::1]:8080/callback',
    'http://localhost:8888',
    'https://xn--bcher-kva.example/',
    'com.example.app:/oauth2redirect',
    'com.example.app://callback',
  ])('%s', (uri) => {
    expect(isRegistrableRedirectUri(uri)).toBe(true)
  })

  test.each([
    ['relative', '/callback'],
    ['of a network path', '//client.example/callback'],
    [
      'without slashes: a browser takes it as a path of the server\u2019s own',
      'https:client.example/callback',
    ],
    ['with one slash', 'https:/client.example/callback'],
    ['with a fragment', 'https://client.example/callback#here'],
    ['with an empty fragment', 'https://client.example/callback#'],
    ['with a user', 'https://client.example@evil.example/'],
    ['with user and password', 'https://user:pass@client.example/'],
    ['with an empty user', 'https://@client.example/'],
    ['with an empty user and password', 'https://:@client.example/'],
    ['with a user, in a private scheme', 'com.example.app://user@callback'],
    ['without host', 'https:///callback'],
    ['with backslashes', 'https:\\\\client.example\\callback'],
    ['with a backslash before an at sign', 'https://client.example\\@evil.example/'],
    ['with a space', 'https://client.example/a b'],
    ['with a line end', 'https://client.example/callback\n'],
    ['with a null', 'https://client.example/\0'],
    ['not in ASCII', 'https://b\u00fccher.example/'],
    ['with a full-width slash', 'https://client.example\uff0fevil'],
    ['of a script', 'javascript:alert(1)'],
    ['of data', 'data:text/html,hello'],
    ['of a file', 'file:///etc/passwd'],
    ['of a scheme without dot', 'myapp://callback'],
    ['of nothing', ''],
    ['of a star', '*'],
  ])('not one %s', (_, uri) => {
    expect(isRegistrableRedirectUri(uri)).toBe(false)
  })

  test('whatever is asked, the answer is yes or no', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.webUrl(), fc.string()), (text) => {
        expect(typeof isRegistrableRedirectUri(text)).toBe('boolean')
      }),
    )
  })
})

describe('RFC 9700 section 4.1.3: exact string matching', () => {
  const registered = ['https://client.example/callback', 'https://client.example/other?app=1']

  test.each(registered)('%s', (uri) => {
    expect(matchesRedirectUri({ redirectUris: registered }, uri)).toBe(true)
  })

  test.each([
    ['a longer path', 'https://client.example/callback/more'],
    ['a slash more', 'https://client.example/callback/'],
    ['a query', 'https://client.example/callback?x=1'],
    ['an empty query', 'https://client.example/callback?'],
    ['a fragment', 'https://client.example/callback#'],
    ['dot segments', 'https://client.example/x/../callback'],
    ['encoded dot segments', 'https://client.example/x/%2e%2e/callback'],
    ['percent-encoding', 'https://client.example/%63allback'],
    ['an encoded slash', 'https://client.example%2fcallback'],
    ['upper case in the host', 'https://CLIENT.example/callback'],
    ['upper case in the path', 'https://client.example/Callback'],
    ['the default port', 'https://client.example:443/callback'],
    ['a dot behind the host', 'https://client.example./callback'],
    ['a user', 'https://user@client.example/callback'],
    ['the host as user', 'https://client.example@evil.example/callback'],
    ['a longer host', 'https://client.example.evil.example/callback'],
    ['another scheme', 'http://client.example/callback'],
    ['a letter that looks alike', 'https://\u0441lient.example/callback'],
    ['a combining mark', 'https://client.example/callback\u0301'],
    ['a space in front', ' https://client.example/callback'],
    ['a line end', 'https://client.example/callback\n'],
    ['a part', 'https://client.example/'],
    ['nothing', ''],
  ])('not with %s', (_, uri) => {
    expect(matchesRedirectUri({ redirectUris: registered }, uri)).toBe(false)
  })

  test('nothing matches where nothing is registered', () => {
    for (const uri of ['', 'undefined', 'length', '0', '__proto__'])
      expect(matchesRedirectUri({ redirectUris: [] }, uri)).toBe(false)
  })
})

describe('RFC 8252 section 7.3: "MUST allow any port to be specified at the time of the request"', () => {
  test.each([
    ['http://127.0.0.1/callback', 'http://127.0.0.1:51004/callback', true],
    ['http://127.0.0.1:8080/callback', 'http://127.0.0.1:51004/callback', true],
    ['http://127.0.0.1:8080/callback', 'http://127.0.0.1/callback', true],
    ['http://[::1]/callback', 'http://[::1]:51004/callback', true],
    ['http://127.0.0.1', 'http://127.0.0.1:51004', true],
    ['http://127.0.0.1/callback', 'http://127.0.0.1:51004/other', false],
    ['http://127.0.0.1/callback', 'http://127.0.0.1:51004/callback?x=1', false],
    ['http://127.0.0.1/callback', 'http://127.0.0.1:51004/callback#x', false],
    ['http://127.0.0.1/callback', 'http://127.0.0.1:51004/x/../callback', false],
    ['http://127.0.0.1/callback', 'https://127.0.0.1:51004/callback', false],
    ['http://127.0.0.1/callback', 'http://[::1]:51004/callback', false],
    ['http://127.0.0.1/callback', 'http://127.0.0.1:1@evil.example/callback', false],
    ['http://127.0.0.1/callback', 'http://127.0.0.1.evil.example:1/callback', false],
    ['http://127.0.0.1/callback', 'http://127.0.0.1:51004:80/callback', false],
    ['http://127.0.0.1/callback', 'http://127.0.0.1:/callback', false],
    ['http://127.0.0.1/callback', 'http://127.1:51004/callback', false],
    ['http://127.0.0.1/callback', 'http://2130706433:51004/callback', false],
    ['http://localhost:8080/callback', 'http://localhost:51004/callback', false],
    ['https://127.0.0.1/callback', 'https://127.0.0.1:51004/callback', false],
    ['https://client.example/callback', 'https://client.example:51004/callback', false],
  ])('registered %s, sent %s: %s', (registered, sent, expected) => {
    expect(matchesRedirectUri({ redirectUris: [registered] }, sent)).toBe(expected)
  })
})

describe('redirectUriMatching prefix, for clients of SignOn 1.1', () => {
  const site = 'http://localhost:8888'
  const app = 'https://client.example/app'
  const folder = 'https://client.example/app/'
  const queried = 'https://client.example/app?tenant=1'
  const takes = (registered: string, sent: string) =>
    matchesRedirectUri({ redirectUris: [registered], redirectUriMatching: 'prefix' }, sent)

  test.each([
    [site, site],
    [site, `${site}/`],
    [site, `${site}/main_page.jsp`],
    [site, `${site}/a/b/main_page.jsp?x=1&y=%2F..%5C`],
    [site, `${site}/a/`],
    [site, `${site}/a%20b/%ED%95%9C`],
    [site, `${site}/.well-known/a..b/...`],
    [site, `${site}?x=1`],
    [app, `${app}/callback`],
    [app, `${app}?x=/../`],
    [folder, `${folder}callback`],
    [folder, `${folder}callback?x=1`],
    [queried, queried],
    ['com.example.app:/callback', 'com.example.app:/callback'],
    ['http://127.0.0.1/callback', 'http://127.0.0.1:51004/callback'],
  ])('registered %s, sent %s: taken', (registered, sent) => {
    expect(takes(registered, sent)).toBe(true)
  })

  test.each([
    ['another port', site, 'http://localhost:8889/main_page.jsp'],
    ['a longer port', site, 'http://localhost:88888/main_page.jsp'],
    ['no port', site, 'http://localhost/main_page.jsp'],
    ['another scheme', site, 'https://localhost:8888/main_page.jsp'],
    ['a longer scheme', site, 'xhttp://localhost:8888/'],
    ['another host', site, 'http://127.0.0.1:8888/main_page.jsp'],
    ['the port as password', site, 'http://localhost:8888@evil.example/'],
    ['the host as user', 'https://client.example', 'https://client.example@evil.example/'],
    ['a longer host', 'https://client.example', 'https://client.example.evil.example/'],
    ['a host that goes on', 'https://client.example', 'https://client.examples/'],
    ['upper case', site, 'http://LOCALHOST:8888/'],
    ['a user', site, 'http://user@localhost:8888/'],
    ['a fragment', site, `${site}/#x`],
    ['a fragment at once', site, `${site}#x`],
    ['a backslash', site, `${site}\\evil`],
    ['a backslash in the path', site, `${site}/\\evil.example`],
    ['a tab', site, `${site}/\t/evil.example`],
    ['a line end', site, `${site}/a\n`],
    ['a space', site, `${site}/a b`],
    ['two slashes', site, `${site}//evil.example`],
    ['two slashes within', site, `${site}/a//evil.example`],
    ['a slash more', folder, `${folder}/evil.example`],
    ['dot segments', app, `${app}/../admin`],
    ['dot segments at the end', app, `${app}/a/..`],
    ['a dot segment', app, `${app}/./a`],
    ['encoded dot segments', app, `${app}/%2e%2e/admin`],
    ['half encoded dot segments', app, `${app}/.%2E/admin`],
    ['dot segments with a parameter', app, `${app}/..;x=1/admin`],
    ['dot segments with an encoded parameter', app, `${app}/..%3bx/admin`],
    ['dots at once', 'https://client.example/', 'https://client.example/../'],
    ['twice encoded dots', app, `${app}/%252e%252e/admin`],
    ['an encoded slash', app, `${app}/..%2fadmin`],
    ['an encoded backslash', app, `${app}/..%5Cadmin`],
    ['an encoded null', app, `${app}/a%00`],
    ['an encoded line end', app, `${app}/a%0d%0aSet-Cookie:x`],
    ['a longer segment', app, `${app}lication`],
    ['a segment that goes on with a dot', app, `${app}.evil.example`],
    ['a parameter of the segment', app, `${app};x=1`],
    ['letters beyond ASCII', site, `${site}/\uff0fevil`],
    ['a letter that looks alike', 'https://client.example', 'https://\u0441lient.example/'],
    ['more than a registered query', queried, `${queried}&x=1`],
    ['a path behind a registered query', queried, `${queried}/more`],
    ['a private-use scheme', 'com.example.app:/callback', 'com.example.app:/callback/more'],
    ['a path above', app, 'https://client.example/'],
    ['too much of it', site, `${site}/${'a'.repeat(2000)}`],
    ['nothing', site, ''],
  ])('not with %s', (_, registered, sent) => {
    expect(takes(registered, sent)).toBe(false)
  })

  test('is for clients that were given it only', () => {
    for (const redirectUriMatching of [undefined, 'exact'] as const) {
      const rules = { redirectUris: [site], ...(redirectUriMatching && { redirectUriMatching }) }
      expect(matchesRedirectUri(rules, `${site}/main_page.jsp`)).toBe(false)
    }
  })

  test('whatever is taken stays on the registered origin, below the registered path', () => {
    const piece = fc.constantFrom(
      '/',
      '//',
      '..',
      '.',
      '%2e',
      '%2F',
      '%5c',
      '\\',
      '@',
      ':',
      ':80',
      '?',
      '#',
      ';',
      'evil.example',
      'a',
      '\t',
      '%00',
      '\uff0e',
    )
    fc.assert(
      fc.property(
        fc.constantFrom(site, app, folder),
        fc.array(piece, { maxLength: 8 }),
        (registered, pieces) => {
          const sent = registered + pieces.join('')
          if (!takes(registered, sent)) return
          const [own, url] = [new URL(registered), new URL(sent)]
          expect(url.origin).toBe(own.origin)
          expect(url.pathname.startsWith(own.pathname)).toBe(true)
          expect(decodeURIComponent(url.pathname)).not.toMatch(/(^|\/)\.\.?(\/|$)|\\|\/\//)
        },
      ),
      { numRuns: 2000 },
    )
  })
})

describe('RFC 6749 section 4.1.2: the answer stands in the query', () => {
  test.each([
    ['https://client.example/callback', 'https://client.example/callback?code=a%26b'],
    ['https://client.example/callback?app=1', 'https://client.example/callback?app=1&code=a%26b'],
    ['https://client.example/callback?', 'https://client.example/callback?code=a%26b'],
    ['https://client.example/callback?app=1&', 'https://client.example/callback?app=1&code=a%26b'],
    ['com.example.app:/callback', 'com.example.app:/callback?code=a%26b'],
  ])('of %s', (uri, expected) => {
    expect(redirectTo(uri, { code: 'a&b', state: undefined })).toBe(expected)
  })

  test('any state comes back as it was sent and adds no parameter', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (state) => {
        const url = new URL(redirectTo('https://client.example/callback?app=1', { code: 'c', state }))
        expect([...url.searchParams]).toEqual([
          ['app', '1'],
          ['code', 'c'],
          ['state', state],
        ])
        expect(url.hash).toBe('')
      }),
    )
  })
})
