/** How a resource owner proved to be there: `acr` and `amr` (OpenID Connect Core section 2, RFC 8176). */

export interface AuthenticationMethod {
  acr: string
  amr: string[]
}

/** A user name and its password. */
export const passwordAuthentication: AuthenticationMethod = {
  acr: 'urn:coinstack-signon:password',
  amr: ['pwd'],
}

/** All that a login at this server can come to. */
export const authenticationClasses: readonly string[] = [passwordAuthentication.acr]
