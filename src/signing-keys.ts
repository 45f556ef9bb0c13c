/** The keys that sign tokens, as a running server keeps them. */
import type { FastifyBaseLogger } from 'fastify'
import { exportJWK } from 'jose'
import type { SigningKeys } from './authorization-server/signing-keys.ts'
import type { Settings } from './config/settings.ts'

/** How often signing keys are looked at: dates are in hours and days. */
const checkMs = 60_000

/** Takes the key over that the settings name, before anything is signed. @throws LedgerError unavailable */
export async function takeOverSigningKey(
  own: Settings['keys']['first'],
  keys: SigningKeys,
  logger: FastifyBaseLogger,
): Promise<void> {
  if (!own) return
  const { algorithm } = own
  const status = await keys.adopt(await exportJWK(own.key), algorithm)
  if (status === undefined) logger.info({ algorithm }, 'the key of jwt.privatekey signs from now on')
  else if (status !== 'active')
    logger.warn({ algorithm }, 'the key of jwt.privatekey was replaced: it signs no more')
}

/** Rotates signing keys as they come due, from the first moment on: one may have been lost with its file. */
export function keepSigningKeys(keys: SigningKeys, logger: FastifyBaseLogger) {
  const keep = async () => {
    try {
      for (const step of await keys.maintain()) {
        if (step.do === 'create') logger.info({ algorithm: step.algorithm }, 'a signing key was made')
        else if (step.do === 'replace' && step.reason === 'missing')
          logger.warn({ kid: step.key.kid }, 'the private part of a signing key is missing: it was replaced')
        else logger.info({ kid: step.key.kid, change: step.do }, 'a signing key has changed')
      }
    } catch (error) {
      logger.error({ err: error }, 'the signing keys could not be looked after')
    }
  }
  void keep()
  const timer = setInterval(keep, checkMs)
  return { stop: () => clearInterval(timer) }
}
