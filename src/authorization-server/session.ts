/** Browser sessions at this server: log in, recognise, log out. */
import { passwordAuthentication } from '../oauth/authentication-context.ts'
import { type Event, streamOf } from '../oauth/events.ts'
import { isSessionLive, type Session } from '../oauth/session.ts'
import { hashToken, isToken } from '../oauth/token-format.ts'
import type { User } from '../oauth/user.ts'
import type { AuthorizationContext } from './context.ts'
import { endSession } from './end.ts'

export interface LiveSession {
  session: Session
  user: User
}

export interface Browser {
  /** Address and user agent as seen by the server; they go into the erasable side record. */
  address: string
  userAgent: string
}

const longestUserAgent = 256

/** The session of a cookie, if it is live and its user still there. */
export function findSession(
  { models, now }: AuthorizationContext,
  cookie: string | undefined,
): LiveSession | undefined {
  if (cookie === undefined || !isToken('session', cookie)) return undefined
  const stream = models.streamOf(hashToken(cookie))
  const session = stream === undefined ? undefined : models.load('session', stream).state
  if (!session || !isSessionLive(session, now())) return undefined
  const user = models.load('user', streamOf.user(session.subject)).state
  return user && !user.removed ? { session, user } : undefined
}

/**
 * The user of this name and password; undefined for a wrong name as for a wrong password, after equal work.
 *
 * @param address where the request came from: failures count for name and address
 * @throws OAuthError invalid_grant with status 429 after too many failures, temporarily_unavailable
 */
export async function authenticateUser(
  context: AuthorizationContext,
  username: string,
  password: string,
  address: string,
): Promise<User | undefined> {
  const name = username.normalize('NFC')
  return context.limits.attempt({ kind: 'user', name, address }, () => checkPassword(context, name, password))
}

async function checkPassword(
  context: AuthorizationContext,
  name: string,
  password: string,
): Promise<User | undefined> {
  const { models, secretChecker, directory } = context
  if (directory) return directory.authenticate(context, name, password)
  const subject = models.subjectOf(name)
  const user = subject === undefined ? undefined : models.load('user', streamOf.user(subject)).state
  const isRight = await secretChecker.check(user?.removed ? undefined : user?.passwordHash, password)
  // Checking takes its time: a user who was removed or erased meanwhile, or whose password was changed, starts no
  // session any more.
  const present = user && models.load('user', streamOf.user(user.subject)).state
  return isRight && present?.removed === false && present.passwordHash === user?.passwordHash
    ? user
    : undefined
}

/**
 * Starts a session for a user who has just proved to be there; resolves with its cookie. What the browser had
 * before is of no use to whoever planted it: of the same user it goes on under the new name, of another it ends.
 */
export async function startSession(
  context: AuthorizationContext,
  user: User,
  browser: Browser,
  before?: LiveSession,
): Promise<string> {
  const { ledger, secrets, settings, now } = context
  const isSame = before?.user.subject === user.subject
  const cookie = secrets.create('session')
  const nowMs = now()
  const started: Event = {
    type: 'session.started',
    subject: user.subject,
    cookieHash: cookie.hash,
    expiresAtSeconds: Math.floor(nowMs / 1000) + settings.sessionSeconds,
    ...(isSame && { continues: before.session.id }),
    ...passwordAuthentication,
    side: { address: browser.address, userAgent: browser.userAgent.slice(0, longestUserAgent) },
  }
  await ledger.append(streamOf.session(secrets.identifier()), 0, [started], nowMs, { isNewStream: true })
  if (before) await endSession(context, before.session, isSame ? 'replaced' : 'logout')
  return cookie.token
}
