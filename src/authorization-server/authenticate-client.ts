/** Client authentication: RFC 6749 sections 2.3 and 3.2.1. */
import { type Client, secretHashesAt } from '../oauth/client.ts'
import type { ClientCredentials } from '../oauth/client-authentication.ts'
import type { ClientAuthenticationMethod } from '../oauth/client-metadata.ts'
import { OAuthError } from '../oauth/errors.ts'
import { streamOf } from '../oauth/events.ts'
import { andThen } from './at-once.ts'
import { proveByAssertion } from './client-assertion.ts'
import type { AuthorizationContext } from './context.ts'

/** The registered client of this id, or undefined. */
export function findClient({ models }: AuthorizationContext, clientId: string): Client | undefined {
  const client = models.load('client', streamOf.client(clientId)).state
  return client?.removed ? undefined : client
}

type Proof = (
  context: AuthorizationContext,
  client: Client | undefined,
  credentials: ClientCredentials,
  address: string,
) => boolean | undefined | Promise<boolean | undefined>

/** Any of the secrets that count now: during a rotation two. Guesses are counted. */
const bySecret: Proof = (context, client, { clientId, secret = '' }, address) => {
  const { limits, secretChecker, now } = context
  const hashes = client ? secretHashesAt(client, now() / 1000) : []
  const check = async () => {
    // A client that is not there costs as much time as one that is.
    if (hashes.length === 0) await secretChecker.check(undefined, secret)
    for (const hash of hashes) if (await secretChecker.check(hash, secret)) return true
    return undefined
  }
  return limits.attempt({ kind: 'client', name: clientId, address }, () =>
    hashes.some((hash) => secretChecker.isKnown(hash, secret)) ? true : check(),
  )
}

/** Which proof a request offers, and whether a client that is registered for a method may come with it. */
const proofs: Readonly<
  Record<ClientAuthenticationMethod, { prove: Proof; of: readonly ClientAuthenticationMethod[] }>
> = {
  client_secret_basic: { prove: bySecret, of: ['client_secret_basic', 'client_secret_post'] },
  client_secret_post: { prove: bySecret, of: ['client_secret_basic', 'client_secret_post'] },
  private_key_jwt: {
    prove: (context, client, { assertion = '' }) =>
      client !== undefined && proveByAssertion(context, client, assertion),
    of: ['private_key_jwt'],
  },
  none: { prove: (_, client) => client !== undefined, of: ['none'] },
}

/**
 * The client that these credentials prove, or, of a public client, name; at once where the secret was checked before.
 *
 * @param address network address that they come from
 * @throws OAuthError invalid_client, during a pause with status 429; with the same words for every reason until the client has signed something or its keys cannot be had
 */
export function authenticateClient(
  context: AuthorizationContext,
  credentials: ClientCredentials,
  address: string,
): Client | Promise<Client> {
  const { prove, of } = proofs[credentials.method]
  const registered = findClient(context, credentials.clientId)
  const client = registered && of.includes(registered.metadata.authenticationMethod) ? registered : undefined
  return andThen(prove(context, client, credentials, address), (isProven) => proven(client, isProven))
}

function proven(client: Client | undefined, isProven: boolean | undefined): Client {
  if (!client || !isProven) throw new OAuthError('invalid_client', 'client authentication failed')
  return client
}
