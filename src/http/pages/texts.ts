/** What the pages say: a file a language in `texts/`. */
import type { Html } from './html.ts'
import type { Language } from './language.ts'
import { en } from './texts/en.ts'
import { ko } from './texts/ko.ts'

interface ScopeText {
  readonly title: string
  readonly about: string
}

export interface Texts {
  readonly errorPrefix: string
  readonly login: {
    readonly title: string
    readonly lead: string
    readonly leadFor: (client: Html) => Html
    readonly username: string
    readonly password: string
    readonly submit: string
    readonly footer: string
  }
  readonly failures: Readonly<
    Record<'credentials' | 'paused' | 'expired' | 'unavailable' | 'nothing_chosen', string>
  >
  readonly consent: {
    readonly title: string
    readonly lead: (client: Html) => Html
    readonly account: string
    readonly application: string
    readonly applicationId: string
    readonly description: string
    readonly returnsTo: string
    readonly scopes: string
    readonly scopesHint: string
    readonly noScopes: string
    readonly claims: string
    readonly warning: (host: Html) => Html
    readonly approve: string
    readonly deny: string
  }
  readonly client: Readonly<Record<'page' | 'policy' | 'terms', string>>
  readonly formPost: {
    readonly title: string
    readonly lead: (host: Html) => Html
    readonly submit: string
  }
  readonly device: {
    readonly title: string
    readonly lead: string
    readonly code: string
    readonly submit: string
    readonly wrong: string
    readonly askTitle: string
    readonly ask: (client: Html) => Html
    readonly shown: string
    readonly warning: string
    readonly approvedTitle: string
    readonly approved: string
    readonly deniedTitle: string
    readonly denied: string
  }
  readonly scopes: Readonly<
    Record<
      'read' | 'write' | 'openid' | 'profile' | 'email' | 'address' | 'phone' | 'offline_access',
      ScopeText
    >
  >
  readonly error: {
    readonly heading: string
    readonly advice: string
    readonly code: string
    readonly status: string
    readonly detail: string
    readonly byCode: Readonly<Record<ExplainedError, string>>
  }
  readonly welcome: {
    readonly title: string
    readonly lead: (username: Html) => Html
    readonly username: string
    readonly authorities: string
    readonly none: string
  }
  readonly logout: {
    readonly title: string
    readonly askedBy: (client: Html) => Html
    readonly question: string
    readonly submit: string
    readonly doneTitle: string
    readonly done: string
    readonly again: string
  }
}

export type ExplainedError =
  | 'invalid_request'
  | 'invalid_client'
  | 'unauthorized_client'
  | 'redirect_uri'
  | 'invalid_scope'
  | 'unsupported_response_type'
  | 'invalid_request_uri'
  | 'access_denied'
  | 'not_found'
  | 'too_many_requests'
  | 'server_error'
  | 'temporarily_unavailable'

export const texts: Readonly<Record<Language, Texts>> = { en, ko }
