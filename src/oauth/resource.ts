/** Resource indicators: which resource servers a token is for (RFC 8707). */
import { OAuthError } from './errors.ts'

const most = 10

/**
 * The resources of a request, undefined where it names none. "Its value MUST be an absolute URI ... The URI MUST
 * NOT include a fragment component" (section 2).
 *
 * @param parameter the values of all `resource` parameters, separated by spaces, which no URI holds
 * @throws OAuthError invalid_target
 */
export function parseResources(parameter: string | undefined): string[] | undefined {
  if (parameter === undefined) return undefined
  const resources = [...new Set(parameter.split(' '))]
  const isOne = (text: string) => URL.canParse(text) && !text.includes('#')
  if (resources.length > most || !resources.every(isOne))
    throw new OAuthError('invalid_target', 'resource must be an absolute URI without fragment')
  return resources
}

/**
 * What was asked for, as far as it was granted; without a wish all of it (section 2.2).
 *
 * @throws OAuthError invalid_target
 */
export function resourcesWithin(
  wanted: readonly string[] | undefined,
  granted: readonly string[] | undefined,
): readonly string[] | undefined {
  if (wanted === undefined) return granted
  if (wanted.every((resource) => granted?.includes(resource))) return wanted
  throw new OAuthError('invalid_target', 'resource was not granted')
}
