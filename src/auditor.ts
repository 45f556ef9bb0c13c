/** What an auditor knows from elsewhere than from what is checked, and how the checks take it. */
import type { VerifyMessage } from './audit/authority.ts'
import { verifyMessage } from './chain/message.ts'
import type { ChainClient } from './chain/types.ts'

export interface AuditorKnowledge {
  administrator?: string | undefined
  servers?: readonly string[] | undefined
  /** To ask whether a block is on its best chain. */
  chain?: ChainClient | undefined
}

export const verifySignature: VerifyMessage = (address, text, signature) =>
  verifyMessage(text, address, signature)

export const trustOf = ({ administrator, servers, chain }: AuditorKnowledge) => ({
  verifyMessage: verifySignature,
  trusted: {
    ...(administrator !== undefined && { administratorAddress: administrator }),
    ...(servers && { serverAddresses: servers }),
  },
  ...(chain && { chain }),
})
