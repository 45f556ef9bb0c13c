/** Look-up of a token for whoever protects something with it (RFC 7662, check_token of SignOn 1.1). */
import { streamOf } from '../oauth/events.ts'
import type { Grant } from '../oauth/grant.ts'
import { type LiveToken, liveToken } from '../oauth/introspection.ts'
import { andThen } from './at-once.ts'
import type { AuthorizationContext } from './context.ts'
import { ownerOf } from './owner.ts'
import { presentedHash } from './presented-token.ts'
import type { UserDirectory } from './user-directory.ts'

/**
 * The token, if it is live now; at once where it is opaque and users are kept here.
 *
 * @throws LedgerError unavailable: a storage that fails is not an inactive token
 */
export function lookUpToken(
  context: AuthorizationContext,
  token: string,
): LiveToken | undefined | Promise<LiveToken | undefined> {
  const { directory } = context
  return directory ? lookUpInDirectory(context, directory, token) : findLiveToken(context, token)
}

async function lookUpInDirectory(
  context: AuthorizationContext,
  directory: UserDirectory,
  token: string,
): Promise<LiveToken | undefined> {
  const subject = (await findLiveToken(context, token))?.grant.subject
  if (subject) await directory.refresh(context, subject)
  return findLiveToken(context, token)
}

/** As `lookUpToken`, by what the ledger knows. */
export function findLiveToken(
  context: AuthorizationContext,
  token: string,
): LiveToken | undefined | Promise<LiveToken | undefined> {
  return andThen(presentedHash(context, token), (hash) => liveTokenOf(context, hash))
}

function liveTokenOf(context: AuthorizationContext, hash: string | undefined): LiveToken | undefined {
  const { models, now } = context
  const stream = hash === undefined ? undefined : models.streamOf(hash)
  if (hash === undefined || stream === undefined) return undefined
  const grant = models.load('grant', stream).state
  if (grant?.parent !== undefined && hasEnded(context, grant.parent)) return undefined
  const client = grant && models.load('client', streamOf.client(grant.clientId)).state
  return liveToken(hash, grant, client, ownerOf(context, grant), now())
}

/** Whether the grant that a token was exchanged from, or one before it, has ended: then nothing of it counts. */
function hasEnded({ models }: AuthorizationContext, grantId: string): boolean {
  for (let id: string | undefined = grantId; id !== undefined; ) {
    const grant: Grant | undefined = models.load('grant', streamOf.grant(id)).state
    if (!grant || grant.ended) return true
    id = grant.parent
  }
  return false
}
