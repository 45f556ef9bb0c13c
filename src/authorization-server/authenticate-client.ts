/** Client authentication: RFC 6749 sections 2.3 and 3.2.1. */
import { type Client, isPublic } from '../oauth/client.ts'
import type { ClientCredentials } from '../oauth/client-authentication.ts'
import { OAuthError } from '../oauth/errors.ts'
import { streamOf } from '../oauth/events.ts'
import type { AuthorizationContext } from './context.ts'

/** The registered client of this id, or undefined. */
export function findClient({ models }: AuthorizationContext, clientId: string): Client | undefined {
  const client = models.load('client', streamOf.client(clientId)).state
  return client?.removed ? undefined : client
}

/**
 * The client that these credentials prove, or, of a public client, name.
 *
 * @throws OAuthError invalid_client, with the same words for every reason
 */
export async function authenticateClient(
  context: AuthorizationContext,
  credentials: ClientCredentials,
): Promise<Client> {
  const client = findClient(context, credentials.clientId)
  if (client && isPublic(client) && credentials.secret === undefined) return client
  const isRight =
    credentials.secret !== undefined &&
    (await context.secretChecker.check(
      client && !isPublic(client) ? client.secretHash : undefined,
      credentials.secret,
    ))
  if (!client || !isRight) throw new OAuthError('invalid_client', 'client authentication failed')
  return client
}
