/** When events and rows move into segments: by themselves in a server, or when the operator asks. */
import type { FastifyBaseLogger } from 'fastify'
import { ControlError } from './admin/connection.ts'
import { repeat } from './anchor/loop.ts'
import type { Sealed, Sealer } from './ledger/segments/sealer.ts'

/** How often a server looks; with a shorter age, as often as that. */
const longestPauseMs = 60_000
const shortestPauseMs = 1000
/** Events that do not fill a segment wait as long, so that there is not one segment a minute. */
const longestWaitMs = 86_400_000

/**
 * Seals what is older than this from now on; 0: nothing.
 *
 * @returns what ends it
 */
export function startSealing(
  sealer: Sealer,
  ageMs: number,
  now: () => number,
  log: Pick<FastifyBaseLogger, 'info' | 'error'>,
): () => Promise<void> {
  if (ageMs === 0) return async () => {}
  const pauseMs = Math.min(Math.max(ageMs, shortestPauseMs), longestPauseMs)
  const stop = repeat(async () => {
    const beforeMs = now() - ageMs
    try {
      const sealed = await sealer.run(beforeMs, beforeMs - Math.min(ageMs, longestWaitMs))
      if (hasMoved(sealed)) log.info(sealed, 'older events moved into segments')
    } catch (error) {
      log.error({ err: error }, 'older events could not be moved into segments')
    }
    return pauseMs
  })
  return async () => {
    await sealer.stop()
    await stop()
  }
}

/**
 * @param beforeMs none later than now: what will be over by then is not over yet
 * @throws ControlError malformed
 */
export async function sealOnDemand(
  sealer: Sealer,
  beforeMs: number | null,
  ageMs: number,
  nowMs: number,
): Promise<Sealed> {
  if (beforeMs === null && ageMs === 0)
    throw new ControlError(
      'malformed',
      'signon.ledger.seal-after is 0: say with --before what is to be sealed',
    )
  const sealed = await sealer.run(Math.min(beforeMs ?? nowMs - ageMs, nowMs))
  if (hasMoved(sealed)) await sealer.compact()
  return sealed
}

const hasMoved = ({ events, streams }: Sealed): boolean => events + streams > 0
