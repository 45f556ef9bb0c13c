import { consentPage } from '../../../src/http/pages/consent.ts'
import { errorPage } from '../../../src/http/pages/error.ts'
import type { Language } from '../../../src/http/pages/language.ts'
import { loginPage } from '../../../src/http/pages/login.ts'
import { loggedOutPage, logoutPage } from '../../../src/http/pages/logout.ts'
import { welcomePage } from '../../../src/http/pages/welcome.ts'

/** Every page, with every text that comes from outside given by `say`. */
export function samplePages(
  language: Language,
  say: (field: string) => string,
): Readonly<Record<string, string>> {
  const csrfToken = say('csrfToken')
  return {
    login: loginPage({
      language,
      csrfToken,
      action: say('/login'),
      continueTo: say('/oauth/authorize?client_id=bank'),
      clientName: say('Northern Savings'),
    }),
    failedLogin: loginPage({
      language,
      csrfToken,
      action: '/login',
      error: 'credentials',
      username: say('alice'),
    }),
    consent: consentPage({
      language,
      csrfToken,
      action: say('/oauth/confirm_access'),
      clientName: say('Northern Savings'),
      clientId: say('bank'),
      description: say('Accounts and payments'),
      redirectHost: say('bank.example'),
      username: say('alice'),
      scopes: [
        { name: 'read' },
        { name: 'write' },
        { name: say('loans'), description: say('Look at loans') },
      ],
      hidden: { request: say('r1') },
    }),
    error: errorPage({
      language,
      status: 400,
      error: say('invalid_request'),
      description: say('state is missing'),
    }),
    welcome: welcomePage({
      language,
      username: say('alice'),
      authorities: [say('USER'), say('ADMIN')],
      csrfToken,
    }),
    logout: logoutPage({ language, csrfToken, hidden: { redirect_uri: say('https://bank.example/') } }),
    loggedOut: loggedOutPage({ language }),
  }
}
