/** Response types and modes: RFC 6749 section 3.1.1, OAuth 2.0 Multiple Response Type Encoding Practices, Form Post Response Mode. */

/** How the answer travels; `query` and `fragment` in a redirect, `form_post` in a form that the browser sends. */
export type ResponseMode = 'query' | 'fragment' | 'form_post'

export interface ResponseType {
  grantType: 'authorization_code' | 'implicit'
  /** The first is the default. */
  modes: readonly ResponseMode[]
}

/** By name, the words of several in alphabetical order: "the order of response types does not matter". */
const responseTypeTable: Readonly<Record<string, ResponseType>> = {
  code: { grantType: 'authorization_code', modes: ['query', 'fragment', 'form_post'] },
  // A token goes where no server and no log sees it (RFC 6749 section 4.2.2).
  token: { grantType: 'implicit', modes: ['fragment'] },
}

export const responseTypes: readonly string[] = Object.keys(responseTypeTable)
export const responseModes: readonly ResponseMode[] = ['query', 'fragment', 'form_post']

export function responseTypeOf(text: string | undefined): ResponseType | undefined {
  const name = (text ?? '').split(' ').sort().join(' ')
  return Object.hasOwn(responseTypeTable, name) ? responseTypeTable[name] : undefined
}

/** How an answer to these parameters travels; where they ask for what is not there, its error by the default. */
export function responseModeOf(
  parameters: Readonly<Record<string, string | undefined>>,
  redirectUri: string,
): { mode: ResponseMode; isServed: boolean } {
  const modes = responseTypeOf(parameters.response_type)?.modes ?? responseModes
  const asked = parameters.response_mode
  const mode = modes.find((one) => one === asked && (one !== 'form_post' || /^https?:/i.test(redirectUri)))
  return { mode: mode ?? modes[0]!, isServed: asked === undefined || mode !== undefined }
}
