import { readFile } from 'node:fs/promises'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Outbound, type OutboundPolicy } from '../../src/outbound/outbound.ts'
import { makeCertificate } from '../support/certificate.ts'
import { temporaryFolder } from '../support/ledger.ts'

const nothing: OutboundPolicy = { allow: [], clientHosts: [] }
const json = ['application/json']

/** A server at 127.0.0.1 and its port. */
async function serve(listener: RequestListener, server: Server = createServer(listener)): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(() => resolve()))
  })
  return (server.address() as AddressInfo).port
}

const answerJson: RequestListener = (_request, response) => {
  response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' }).end('{"keys":[]}')
}

describe('what is refused before anything is looked up', () => {
  const outbound = new Outbound(
    { allow: ['intern.example', '10.1.0.0/16'], clientHosts: ['partner.example'] },
    {
      resolve: () => {
        throw new Error('nothing may be looked up')
      },
    },
  )

  test.each([
    ['http://client.example/jwks', 'not https'],
    ['ftp://client.example/jwks', 'not https'],
    ['file:///etc/passwd', 'not https'],
    ['data:application/json,{}', 'not https'],
    ['gopher://127.0.0.1:6379/_FLUSHALL', 'not https'],
    ['https://user@client.example/', 'user information'],
    ['https://client.example@127.0.0.1/', 'user information'],
    ['https://client.example:22/', 'port'],
    ['https://client.example:8443/', 'port'],
    ['https://127.0.0.1/', 'not public'],
    ['https://127.1/', 'not public'],
    ['https://2130706433/', 'not public'],
    ['https://0x7f000001/', 'not public'],
    ['https://0x7f.0.0.1/', 'not public'],
    ['https://0177.0.0.1/', 'not public'],
    ['https://017700000001/', 'not public'],
    ['https://0/', 'not public'],
    ['https://0.0.0.0/', 'not public'],
    ['https://127.0.0.1./', 'not public'],
    ['https://１２７.0.0.1/', 'not public'],
    ['https://127。0。0。1/', 'not public'],
    ['https://[::1]/', 'not public'],
    ['https://[::]/', 'not public'],
    ['https://[::ffff:127.0.0.1]/', 'not public'],
    ['https://[::ffff:7f00:1]/', 'not public'],
    ['https://[0:0:0:0:0:ffff:a9fe:a9fe]/', 'not public'],
    ['https://169.254.169.254/latest/meta-data/', 'not public'],
    ['https://[fd00:ec2::254]/', 'not public'],
    ['https://10.2.0.1/', 'not public'],
    ['not a URL', 'not a URL'],
    ['https://', 'not a URL'],
    ['', 'not a URL'],
  ])('%s: %s', async (url, reason) => {
    expect(outbound.objection(url, 'administrator')).toContain(reason)
    await expect(outbound.send({ url, namedBy: 'administrator' })).rejects.toMatchObject({
      code: 'forbidden',
    })
  })

  test.each([
    ['https://client.example/jwks', 'administrator', true],
    ['https://client.example:443/jwks', 'administrator', true],
    ['https://client.example/jwks', 'client', false],
    ['https://partner.example/jwks', 'client', true],
    ['http://partner.example/jwks', 'client', false],
    ['https://partner.example:8443/jwks', 'client', false],
    ['https://intern.example:8443/jwks', 'client', true],
    ['http://intern.example/jwks', 'administrator', true],
    ['http://10.1.2.3:8080/jwks', 'administrator', true],
  ] as const)('%s, named by the %s: allowed is %s', (url, namedBy, isAllowed) => {
    expect(outbound.objection(url, namedBy) === undefined).toBe(isAllowed)
  })
})

describe('where a name leads', () => {
  const at = (...answers: string[][]) => {
    const asked: string[] = []
    const resolve = async (host: string) => {
      asked.push(host)
      return answers[asked.length - 1] ?? answers.at(-1)!
    }
    return { asked, resolve }
  }

  test.each([
    [['127.0.0.1']],
    [['10.0.0.1']],
    [['::ffff:169.254.169.254']],
    [['::1']],
    [['fe80::1%eth0']],
    [['93.184.216.34', '127.0.0.1']],
  ])('to %j: nothing is connected', async (addresses) => {
    const outbound = new Outbound(nothing, at(addresses))
    await expect(
      outbound.send({ url: 'https://client.example/', namedBy: 'administrator' }),
    ).rejects.toMatchObject({ code: 'forbidden' })
  })

  test('DNS rebinding: what was looked at is what is connected to, and each request looks once', async () => {
    const port = await serve(answerJson)
    const names = at(['127.0.0.1'], ['127.0.0.2'])
    const outbound = new Outbound({ allow: ['127.0.0.1'], clientHosts: [] }, names)
    // http and the port are for hosts that are allowed by name only, so the name is asked for by literal address.
    const request = { url: `http://127.0.0.1:${port}/`, namedBy: 'administrator', mediaTypes: json } as const
    expect((await outbound.send(request)).body.toString()).toBe('{"keys":[]}')
    expect(names.asked).toEqual([])
    const named = new Outbound({ allow: ['rebinding.example'], clientHosts: [] }, names)
    const byName = { ...request, url: `http://rebinding.example:${port}/` }
    expect((await named.send(byName)).status).toBe(200)
    expect(names.asked).toEqual(['rebinding.example'])
    await expect(named.send(byName)).rejects.toMatchObject({ code: 'unreachable' })
    expect(names.asked).toHaveLength(2)
  })

  test('a name that nobody knows', async () => {
    const resolve = async () => {
      throw Object.assign(new Error('ENOTFOUND'), { code: 'ENOTFOUND' })
    }
    const outbound = new Outbound(nothing, { resolve })
    await expect(
      outbound.send({ url: 'https://client.example/', namedBy: 'administrator' }),
    ).rejects.toMatchObject({ code: 'unreachable' })
  })

  test('over TLS, to an address inside by an allowed network, with the name checked in the certificate', async () => {
    const certificate = await makeCertificate(temporaryFolder())
    if (!certificate) return
    const [key, cert] = await Promise.all(
      [certificate.privateKeyFile, certificate.certificateFile].map((file) => readFile(file)),
    )
    const port = await serve(answerJson, createTlsServer({ key: key!, cert: cert! }, answerJson))
    const resolve = async () => ['127.0.0.1']
    const policy = { allow: ['localhost', 'other.example'], clientHosts: [] }
    const trusting = new Outbound(policy, { resolve, trust: certificate.ca })
    const request = { namedBy: 'administrator', mediaTypes: json } as const
    expect((await trusting.send({ ...request, url: `https://localhost:${port}/` })).status).toBe(200)
    const code = 'unreachable'
    await expect(trusting.send({ ...request, url: `https://other.example:${port}/` })).rejects.toMatchObject({
      code,
    })
    const doubting = new Outbound(policy, { resolve })
    await expect(doubting.send({ ...request, url: `https://localhost:${port}/` })).rejects.toMatchObject({
      code,
    })
  })
})

describe('what an answer may be', () => {
  const asked = async (listener: RequestListener, limits = { timeoutMs: 5000, bodyBytes: 100 }) => {
    const port = await serve(listener)
    const outbound = new Outbound({ allow: ['127.0.0.1'], clientHosts: [] }, { limits })
    return outbound.send({ url: `http://127.0.0.1:${port}/`, namedBy: 'client', mediaTypes: json })
  }

  test.each([301, 302, 303, 307, 308])('no redirect (%i) is followed', async (status) => {
    let calls = 0
    const answer = asked((_request, response) => {
      calls++
      response.writeHead(status, { location: '/again' }).end()
    })
    await expect(answer).rejects.toMatchObject({ code: 'unsuitable' })
    expect(calls).toBe(1)
  })

  test('another media type', async () => {
    const answer = asked((_request, response) =>
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>'),
    )
    await expect(answer).rejects.toMatchObject({ code: 'unsuitable' })
  })

  test('too long, however it is announced', async () => {
    const type = { 'content-type': 'application/json' }
    for (const length of [{ 'content-length': '101' }, {}]) {
      const answer = asked((_request, response) =>
        response.writeHead(200, { ...type, ...length }).end('x'.repeat(101)),
      )
      await expect(answer).rejects.toMatchObject({ code: 'unsuitable' })
    }
  })

  test('an endless one', async () => {
    const answer = asked((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const more = () => {
        if (!response.destroyed) response.write('x'.repeat(50), () => setImmediate(more))
      }
      more()
    })
    await expect(answer).rejects.toMatchObject({ code: 'unsuitable' })
  })

  test('one that does not come, or does not end', async () => {
    const limits = { timeoutMs: 50, bodyBytes: 100 }
    await expect(asked(() => undefined, limits)).rejects.toMatchObject({ code: 'timeout' })
    const begun: RequestListener = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).write('{')
    }
    await expect(asked(begun, limits)).rejects.toMatchObject({ code: 'timeout' })
  })

  test('a name that is not answered for', async () => {
    const outbound = new Outbound(nothing, {
      limits: { timeoutMs: 50, bodyBytes: 100 },
      resolve: () => new Promise(() => undefined),
    })
    await expect(
      outbound.send({ url: 'https://client.example/', namedBy: 'administrator' }),
    ).rejects.toMatchObject({ code: 'timeout' })
  })

  test('nothing but a broken connection', async () => {
    await expect(asked((request) => request.socket.destroy())).rejects.toMatchObject({ code: 'unreachable' })
  })

  test('an error comes back with its status; a POST carries its body', async () => {
    const bodies: string[] = []
    const port = await serve(async (request, response) => {
      bodies.push(`${request.method} ${request.headers['content-type']} ${await text(request)}`)
      response.writeHead(400).end('{"error":"invalid_request"}')
    })
    const outbound = new Outbound({ allow: ['127.0.0.1'], clientHosts: [] })
    const answer = await outbound.send({
      url: `http://127.0.0.1:${port}/logout`,
      namedBy: 'client',
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: 'logout_token=é',
    })
    expect(answer.status).toBe(400)
    expect(bodies).toEqual(['POST application/x-www-form-urlencoded logout_token=é'])
  })
})

async function text(request: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}
