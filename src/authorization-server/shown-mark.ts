/**
 * A mark in the address of an authorization request that says when the request was first shown and which session
 * the browser had then. It tells a login that was asked for from one that was there before (prompt login, max_age),
 * and keeps a pushed request in time while its user logs in. The server keeps nothing; the tag makes sure that the
 * mark is a server's own and stands with this very request.
 */
import { timingSafeEqual } from 'node:crypto'
import type { FirstShown } from '../oauth/authentication-request.ts'
import type { AuthorizationContext } from './context.ts'

type Parameters = Readonly<Record<string, string | undefined>>

export const markParameter = 'signon_shown'

/** Time for a login and a look at the consent page. */
const longestSeconds = 1800
const markText = /^(\d{1,12})\.([A-Za-z0-9_-]*)\.([A-Za-z0-9_-]{43})$/

function tagOf({ secrets }: AuthorizationContext, shown: string, parameters: Parameters): string {
  const { [markParameter]: _mark, client_secret: _one, secret: _other, ...request } = parameters
  return secrets.tagOf(`shown ${shown} ${JSON.stringify(request)}`)
}

/** The same parameters with a mark, the one they have if it is good. */
export function markShown(
  context: AuthorizationContext,
  parameters: Parameters,
  shown: FirstShown | undefined,
  session: string | undefined,
): Parameters {
  if (shown) return parameters
  const text = `${Math.floor(context.now() / 1000)}.${session ?? ''}`
  return { ...parameters, [markParameter]: `${text}.${tagOf(context, text, parameters)}` }
}

/** What the mark of these parameters says; undefined without one, and for one that is forged, too old or another request's. */
export function readShown(context: AuthorizationContext, parameters: Parameters): FirstShown | undefined {
  const [, seconds, session = '', tag = ''] = markText.exec(parameters[markParameter] ?? '') ?? []
  if (seconds === undefined) return undefined
  const expected = tagOf(context, `${seconds}.${session}`, parameters)
  if (!timingSafeEqual(Buffer.from(tag), Buffer.from(expected))) return undefined
  const atSeconds = Number(seconds)
  return context.now() / 1000 - atSeconds < longestSeconds ? { atSeconds, session } : undefined
}
