/** The client of the Coinstack node, with the credentials of the environment where the node asks for some. */
import type { Credentials } from './chain/credentials.ts'
import type { CallKind } from './chain/rest-call.ts'
import { createRestClient } from './chain/rest-client.ts'
import type { ChainClient } from './chain/types.ts'

export interface NodeClientOptions {
  endpoint: string
  timeoutMs: number
  environment: Readonly<Record<string, string | undefined>>
  onCall?: (kind: CallKind) => void
}

/** COINSTACK_ACCESS_KEY_ID and COINSTACK_SECRET_ACCESS_KEY, as other clients of such nodes name them. */
function credentialsOf(environment: NodeClientOptions['environment']): Credentials | undefined {
  const { COINSTACK_ACCESS_KEY_ID: accessKey, COINSTACK_SECRET_ACCESS_KEY: secretKey } = environment
  return accessKey && secretKey ? { accessKey, secretKey } : undefined
}

/** @throws ChainError bad_answer for an endpoint that is no URL */
export function nodeClient({ endpoint, timeoutMs, environment, onCall }: NodeClientOptions): ChainClient {
  const credentials = credentialsOf(environment)
  return createRestClient({
    endpoint,
    timeoutMs,
    ...(credentials && { credentials }),
    ...(onCall && { onCall }),
  })
}
