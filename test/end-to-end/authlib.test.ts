/** Authlib in Python: discovery, code with PKCE, refresh, client credentials, tokens checked by the published keys. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { registerClient, registerUser } from '../../src/admin/administration.ts'
import { FormBrowser } from '../../src/admin/form-browser.ts'
import type { HttpApp } from '../support/http-app.ts'
import { bothSchemes, openOver } from '../support/schemes.ts'
import { isInstalled } from '../support/system-program.ts'
import { person, redirectOf, registeredPerson, visit } from '../support/visitor.ts'
import { start } from '../terminal/child-process.ts'

const python = '/usr/bin/python3'
const isThere = isInstalled('python3-authlib', [
  python,
  '/usr/lib/python3/dist-packages/authlib',
  '/usr/lib/python3/dist-packages/requests',
])
const redirectUri = 'https://client.example/callback'
const secret = 'secret of: the client'

/** Prints the authorization URL, reads the callback, and prints what it came to. */
const script = `
import json, secrets, sys
import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.jose import JsonWebKey, jwt
from authlib.oidc.core import CodeIDToken

issuer, client_id, redirect_uri = sys.argv[1:4]
secret = sys.stdin.readline().rstrip("\\n")
server = requests.get(issuer + "/.well-known/openid-configuration").json()
keys = JsonWebKey.import_key_set(requests.get(server["jwks_uri"]).json())
session = OAuth2Session(
    client_id, secret, scope="openid profile read", redirect_uri=redirect_uri,
    token_endpoint_auth_method="client_secret_basic", code_challenge_method="S256",
    token_endpoint=server["token_endpoint"],
)
verifier, nonce = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
url, state = session.create_authorization_url(
    server["authorization_endpoint"], code_verifier=verifier, nonce=nonce)
print(url, flush=True)
callback = sys.stdin.readline().strip()
token = session.fetch_token(
    server["token_endpoint"], authorization_response=callback, code_verifier=verifier, state=state)
claims = jwt.decode(token["id_token"], keys, claims_cls=CodeIDToken, claims_options={
    "iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": client_id},
}, claims_params={"nonce": nonce, "client_id": client_id, "access_token": token["access_token"]})
claims.validate()
access = jwt.decode(token["access_token"], keys, claims_options={
    "iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": "https://api.example/"}})
access.validate()
info = session.get(server["userinfo_endpoint"]).json()
later = session.refresh_token(server["token_endpoint"], refresh_token=token["refresh_token"])
own = OAuth2Session(client_id, secret, scope="read")
machine = own.fetch_token(server["token_endpoint"], grant_type="client_credentials")
heard = session.introspect_token(server["introspection_endpoint"], token=later["access_token"]).json()
revoked = session.revoke_token(server["revocation_endpoint"], token=later["access_token"]).status_code
gone = session.introspect_token(server["introspection_endpoint"], token=later["access_token"]).json()
print(json.dumps({
    "sub": claims["sub"], "name": info["name"], "info_sub": info["sub"], "authorities": access["authorities"],
    "alg": claims.header["alg"], "changed": later["access_token"] != token["access_token"],
    "machine": machine["scope"], "heard": heard["active"], "revoked": revoked, "gone": gone,
}))
`

const schemes = await bothSchemes()

describe.skipIf(!isThere).each(schemes)('Authlib, over $name', (scheme) => {
  let served: HttpApp
  beforeAll(async () => {
    served = await openOver(scheme)
    await registerUser(served.administrator, registeredPerson)
  })
  afterAll(() => served.close())
  /** Authlib refuses http by itself. */
  const trust: Record<string, string> = scheme.certificate
    ? { REQUESTS_CA_BUNDLE: scheme.certificate.caFile }
    : { AUTHLIB_INSECURE_TRANSPORT: '1' }

  test.each(['ES256', 'RS256'])('the whole way, ID tokens by %s', async (algorithm) => {
    const clientId = `python-${algorithm}`
    await registerClient(served.administrator, {
      client_id: clientId,
      client_secret: secret,
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
      redirect_uris: [redirectUri],
      scope: 'openid profile read',
      id_token_signed_response_alg: algorithm,
      accessTokenFormat: 'jwt',
      resourceIds: ['https://api.example/'],
    })
    const program = start(python, ['-c', script, served.issuer, clientId, redirectUri], trust)
    program.write(`${secret}\n`)
    await program.shows('\n')
    const browser = new FormBrowser((url) => url.href.startsWith(redirectUri))
    const callback = redirectOf(await visit(browser, program.output().trim(), person))
    program.write(`${callback.href}\n`)
    program.endInput()
    const { code, stdout, stderr } = await program.finished
    expect([code, stderr]).toEqual([0, ''])
    const result = JSON.parse(stdout.split('\n')[1]!)
    expect(result).toEqual({
      sub: result.info_sub,
      name: 'Alice Archer',
      info_sub: expect.any(String),
      authorities: ['USER'],
      alg: algorithm,
      changed: true,
      machine: 'read',
      heard: true,
      revoked: 200,
      gone: { active: false },
    })
  })

  if (scheme.name === 'https')
    test('a program that was not told of the authority gets nothing', async () => {
      const program = start(python, ['-c', script, served.issuer, 'python-ES256', redirectUri])
      program.write(`${secret}\n`)
      const { code, stderr } = await program.finished
      expect([code, stderr]).toEqual([1, expect.stringContaining('CERTIFICATE_VERIFY_FAILED')])
    })
})
