/** What a client asks of the login itself: OpenID Connect Core section 3.1.2.1, its decision section 3.1.2.3. */
import { authenticationClasses } from './authentication-context.ts'
import { type ClaimsRequest, parseClaims, type WantedClaims } from './claims-request.ts'
import type { Client } from './client.ts'
import { OAuthError } from './errors.ts'
import type { Session } from './session.ts'
import { isText } from './text.ts'

export const prompts = ['none', 'login', 'consent', 'select_account'] as const
export type Prompt = (typeof prompts)[number]

export interface AuthenticationRequest {
  prompts: readonly Prompt[]
  maxAgeSeconds?: number
  /** Classes of which the authentication must meet one. */
  essentialAcrs?: readonly string[]
  /** Who must be logged in: by `claims`, and by the ID token that `id_token_hint` is. */
  subject?: string
  idTokenHint?: string
  nonce?: string
  claims?: WantedClaims
}

/** When this very request was first shown to this server, and which session the browser had then. */
export interface FirstShown {
  atSeconds: number
  session: string
}

type Parameters = Readonly<Record<string, string | undefined>>

/** Goes into the ID token as it came, and into the log with it. */
const longestNonce = 512

function promptsOf(text: string | undefined): Prompt[] {
  const words = text === undefined ? [] : [...new Set(text.split(' '))]
  const known = prompts.filter((prompt) => words.includes(prompt))
  if (known.length !== words.length)
    throw new OAuthError('invalid_request', `prompt must be of ${prompts.join(', ')}`)
  if (known.includes('none') && known.length > 1)
    throw new OAuthError('invalid_request', 'prompt none goes with no other')
  return known
}

function maxAgeOf(text: string | undefined, client: Client): number | undefined {
  if (text === undefined) return client.metadata.defaultMaxAgeSeconds
  if (!/^\d{1,9}$/.test(text)) throw new OAuthError('invalid_request', 'max_age must be whole seconds')
  return Number(text)
}

/** @throws OAuthError invalid_request, unmet_authentication_requirements */
export function authenticationRequest(client: Client, parameters: Parameters): AuthenticationRequest {
  const { nonce, id_token_hint: idTokenHint } = parameters
  if (nonce !== undefined && (!isText(nonce) || nonce.length > longestNonce))
    throw new OAuthError('invalid_request', `nonce must be text of at most ${longestNonce} characters`)
  const maxAgeSeconds = maxAgeOf(parameters.max_age, client)
  const wanted: ClaimsRequest | undefined =
    parameters.claims === undefined ? undefined : parseClaims(parameters.claims)
  const { essentialAcrs, subject } = wanted ?? {}
  // "the Authorization Server MUST treat that outcome as a failed authentication attempt" (section 5.5.1.1).
  if (essentialAcrs && !essentialAcrs.some((acr) => authenticationClasses.includes(acr)))
    throw unmet('no login here is of the class that is asked for')
  return {
    prompts: promptsOf(parameters.prompt),
    ...(maxAgeSeconds !== undefined && { maxAgeSeconds }),
    ...(essentialAcrs && { essentialAcrs }),
    ...(subject !== undefined && { subject }),
    ...(idTokenHint !== undefined && { idTokenHint }),
    ...(nonce !== undefined && { nonce }),
    ...(wanted && { claims: wanted.claims }),
  }
}

const unmet = (why: string) => new OAuthError('unmet_authentication_requirements', why)
const loginRequired = (why: string) => new OAuthError('login_required', why)

/** Whether a session of any kind may not be enough: then what comes back from the login must be told from before. */
export const isDemanding = (request: AuthenticationRequest): boolean =>
  request.maxAgeSeconds !== undefined ||
  request.subject !== undefined ||
  request.essentialAcrs !== undefined ||
  request.idTokenHint !== undefined ||
  request.prompts.includes('login') ||
  request.prompts.includes('select_account')

/**
 * Whether the resource owner must log in (again) before this request is answered.
 *
 * @param session the browser's, if it has a live one
 * @param shown undefined where the request is shown for the first time
 * @throws OAuthError login_required where they may not be asked to, or just did and are still not who is wanted
 */
export function mustLogIn(
  request: AuthenticationRequest,
  session: Session | undefined,
  shown: FirstShown | undefined,
  nowMs: number,
): boolean {
  // Two conditions: a clock that stands still must not make an old session a new one.
  const isFresh =
    session !== undefined &&
    shown !== undefined &&
    session.id !== shown.session &&
    session.startedAtSeconds >= shown.atSeconds
  const isRightUser = request.subject === undefined || session?.subject === request.subject
  const isRightClass = !request.essentialAcrs || request.essentialAcrs.includes(session?.acr ?? '')
  if (isFresh) {
    if (!isRightUser) throw loginRequired('another user logged in than the one who is asked for')
    if (!isRightClass) throw unmet('the login was not of the class that is asked for')
    return false
  }
  const isEnough =
    session !== undefined &&
    isRightUser &&
    isRightClass &&
    !request.prompts.includes('login') &&
    !request.prompts.includes('select_account') &&
    isYoungEnough(session, request.maxAgeSeconds, nowMs)
  if (!isEnough && request.prompts.includes('none'))
    throw loginRequired('the resource owner would have to log in')
  return !isEnough
}

/** With 0 nobody is young enough: it asks for a login, as prompt login does. */
const isYoungEnough = (session: Session, maxAgeSeconds: number | undefined, nowMs: number): boolean =>
  maxAgeSeconds === undefined ||
  (maxAgeSeconds > 0 && Math.floor(nowMs / 1000) - session.startedAtSeconds <= maxAgeSeconds)
