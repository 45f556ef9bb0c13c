/** Resource indicators: which resource servers a token is for (RFC 8707). */
import type { Client } from './client.ts'
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
 * The resources of a request, of which each must be registered for its client ("unknown ... or otherwise not
 * acceptable" is invalid_target, section 2); undefined where it names none.
 *
 * @throws OAuthError invalid_target
 */
export function requestedResources(parameter: string | undefined, client: Client): string[] | undefined {
  const resources = parseResources(parameter)
  if (resources?.every((resource) => client.metadata.resourceIds.includes(resource)) ?? true) return resources
  throw new OAuthError('invalid_target', 'resource is not registered for the client')
}

/**
 * What was asked for, as far as it was granted; without a wish all of it (section 2.2). A grant without resources
 * is one for all that are registered for its client.
 *
 * @throws OAuthError invalid_target
 */
export function resourcesWithin(
  wanted: readonly string[] | undefined,
  granted: readonly string[] | undefined,
  client: Client,
): readonly string[] | undefined {
  if (wanted === undefined) return granted
  const all = granted ?? client.metadata.resourceIds
  if (wanted.every((resource) => all.includes(resource))) return wanted
  throw new OAuthError('invalid_target', 'resource was not granted')
}
