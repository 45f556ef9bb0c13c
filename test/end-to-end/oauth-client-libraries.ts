/** Two client libraries behind one face, each used as its manual says. */
import * as oauth from 'oauth4webapi'
import * as client from 'openid-client'

export interface Registration {
  clientId: string
  /** Missing: a public client. */
  secret?: string
  method: 'client_secret_basic' | 'client_secret_post' | 'none'
}

interface TokenSet {
  access_token: string
  refresh_token?: string | undefined
  token_type: string
  expires_in?: number | undefined
  scope?: string | undefined
}

/** An authorization request and the way from its callback to tokens, with state, iss and PKCE checked. */
interface Attempt {
  url: URL
  redeem(callback: URL): Promise<TokenSet>
}

interface OAuthClient {
  authorize(redirectUri: string, scope: string): Promise<Attempt>
  refresh(token: string): Promise<TokenSet>
  clientCredentials(scope: string): Promise<TokenSet>
  introspect(token: string): Promise<{ active: boolean; scope?: string; username?: string }>
  revoke(token: string): Promise<void>
}

type Library = (issuer: string, registration: Registration) => Promise<OAuthClient>

const openidClient: Library = async (issuer, { clientId, secret, method }) => {
  const authentication = {
    client_secret_basic: client.ClientSecretBasic,
    client_secret_post: client.ClientSecretPost,
    none: client.None,
  }[method](secret)
  const configuration = await client.discovery(new URL(issuer), clientId, {}, authentication, {
    algorithm: 'oauth2',
    execute: issuer.startsWith('http:') ? [client.allowInsecureRequests] : [],
  })
  return {
    async authorize(redirectUri, scope) {
      const verifier = client.randomPKCECodeVerifier()
      const state = client.randomState()
      const url = client.buildAuthorizationUrl(configuration, {
        redirect_uri: redirectUri,
        code_challenge: await client.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        state,
        scope,
      })
      const checks = { pkceCodeVerifier: verifier, expectedState: state }
      return {
        url,
        redeem: (callback) => client.authorizationCodeGrant(configuration, callback, checks),
      }
    },
    refresh: (token) => client.refreshTokenGrant(configuration, token),
    clientCredentials: (scope) => client.clientCredentialsGrant(configuration, { scope }),
    introspect: (token) =>
      client.tokenIntrospection(configuration, token) as ReturnType<OAuthClient['introspect']>,
    revoke: (token) => client.tokenRevocation(configuration, token),
  }
}

const oauth4webapi: Library = async (issuer, { clientId, secret = '', method }) => {
  const options = { [oauth.allowInsecureRequests]: issuer.startsWith('http:') }
  const discovered = await oauth.discoveryRequest(new URL(issuer), { algorithm: 'oauth2', ...options })
  const server = await oauth.processDiscoveryResponse(new URL(issuer), discovered)
  const self: oauth.Client = { client_id: clientId }
  const authentication = {
    client_secret_basic: () => oauth.ClientSecretBasic(secret),
    client_secret_post: () => oauth.ClientSecretPost(secret),
    none: () => oauth.None(),
  }[method]()
  return {
    async authorize(redirectUri, scope) {
      const verifier = oauth.generateRandomCodeVerifier()
      const state = oauth.generateRandomState()
      const url = new URL(server.authorization_endpoint!)
      url.search = new URLSearchParams({
        response_type: 'code',
        client_id: clientId,
        redirect_uri: redirectUri,
        code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        state,
        scope,
      }).toString()
      return {
        url,
        async redeem(callback) {
          const checked = oauth.validateAuthResponse(server, self, callback, state)
          const response = await oauth.authorizationCodeGrantRequest(
            server,
            self,
            authentication,
            checked,
            redirectUri,
            verifier,
            options,
          )
          return oauth.processAuthorizationCodeResponse(server, self, response)
        },
      }
    },
    async refresh(token) {
      const response = await oauth.refreshTokenGrantRequest(server, self, authentication, token, options)
      return oauth.processRefreshTokenResponse(server, self, response)
    },
    async clientCredentials(scope) {
      const response = await oauth.clientCredentialsGrantRequest(
        server,
        self,
        authentication,
        { scope },
        options,
      )
      return oauth.processClientCredentialsResponse(server, self, response)
    },
    async introspect(token) {
      const response = await oauth.introspectionRequest(server, self, authentication, token, options)
      const answer = await oauth.processIntrospectionResponse(server, self, response)
      return answer as Awaited<ReturnType<OAuthClient['introspect']>>
    },
    async revoke(token) {
      await oauth.processRevocationResponse(
        await oauth.revocationRequest(server, self, authentication, token, options),
      )
    },
  }
}

export const libraries: Readonly<Record<string, Library>> = { 'openid-client': openidClient, oauth4webapi }
