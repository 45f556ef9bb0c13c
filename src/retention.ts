/** When retention drops what is old enough: by itself in a server, or when the operator asks. */
import type { FastifyBaseLogger } from 'fastify'
import { ControlError } from './admin/connection.ts'
import { repeat } from './anchor/loop.ts'
import type { Retainer, RetentionPolicy } from './authorization-server/retain.ts'
import type { Retained } from './authorization-server/retention-pass.ts'
import type { Settings } from './config/settings.ts'
import type { Sealer } from './ledger/segments/sealer.ts'

/** Each run may write every segment anew; with a shorter age a server looks as often as that. */
const longestPauseMs = 86_400_000
const shortestPauseMs = 1000

export const policyOf = ({ ledger }: Settings): RetentionPolicy => ({
  payloadsSeconds: ledger.keepPayloadsSeconds,
  sideRecordsSeconds: ledger.keepSideRecordsSeconds,
})

/**
 * Drops from now on what the policy lets go. First of all it finishes what a death cut off, whatever the policy.
 *
 * @returns what ends it, once the sealer is stopped
 */
export function startRetention(
  retainer: Retainer,
  policy: RetentionPolicy,
  log: Pick<FastifyBaseLogger, 'info' | 'error'>,
): () => Promise<void> {
  const ages = [policy.payloadsSeconds, policy.sideRecordsSeconds].filter((age) => age > 0)
  const pauseMs = Math.min(Math.max(Math.min(...ages) * 1000, shortestPauseMs), longestPauseMs)
  let hasFinished = false
  return repeat(async () => {
    try {
      if (!hasFinished) await retainer.finish()
      hasFinished = true
      if (ages.length === 0) return longestPauseMs
      const retained = await retainer.run(policy, { lagMs: pauseMs })
      if (isAny(retained)) log.info(retained, 'dropped by the retention policy')
    } catch (error) {
      log.error({ err: error }, 'the retention policy could not be applied')
    }
    return pauseMs
  })
}

/** @throws ControlError malformed */
export async function retainOnDemand(
  retainer: Retainer,
  sealer: Sealer,
  policy: RetentionPolicy,
  isDry: boolean,
  nowMs: number,
): Promise<Retained> {
  const { payloadsSeconds, sideRecordsSeconds } = policy
  if (payloadsSeconds === 0 && sideRecordsSeconds === 0)
    throw new ControlError(
      'malformed',
      'signon.ledger.keep-payloads and signon.ledger.keep-side-records are 0: everything is kept',
    )
  // Payloads go from segments, so what is as old as that must be in one.
  if (payloadsSeconds > 0 && !isDry) await sealer.run(nowMs - payloadsSeconds * 1000)
  return retainer.run(policy, { isDry })
}

const isAny = ({ payloads, sideRecords }: Retained): boolean => payloads + sideRecords > 0
