/**
 * When signing keys change: one step at a time from what the ledger says, so that a server that died between two
 * steps goes on where it was.
 */
import type { SigningAlgorithm } from './client-metadata.ts'
import { type ReplacementReason, type SigningKey, statusOf } from './signing-key.ts'

export interface KeySchedule {
  algorithms: readonly SigningAlgorithm[]
  /** How long a key signs. */
  rotationSeconds: number
  /** How long a key is published before it signs. */
  leadSeconds: number
}

/** A key of this server. */
export interface HeldKey {
  key: SigningKey
  /** Whether its private part is there and readable. */
  isUsable: boolean
}

export type KeyStep =
  | { do: 'create'; algorithm: SigningAlgorithm; activate: boolean }
  | { do: 'activate'; key: SigningKey }
  | { do: 'replace'; key: SigningKey; reason: ReplacementReason }
  | { do: 'retire'; key: SigningKey }

const byAge = (a: SigningKey, b: SigningKey): number =>
  (a.activatedAtSeconds ?? 0) - (b.activatedAtSeconds ?? 0) ||
  a.publishedAtSeconds - b.publishedAtSeconds ||
  (a.kid < b.kid ? -1 : 1)

/** The key that signs: of several active ones, which there are for a moment only, the youngest. */
export const signingKeyOf = (held: readonly HeldKey[], algorithm: SigningAlgorithm): SigningKey | undefined =>
  held
    .filter((it) => it.isUsable && it.key.algorithm === algorithm && statusOf(it.key) === 'active')
    .map(({ key }) => key)
    .sort(byAge)
    .at(-1)

/** What is to be done next for the keys of one algorithm, if there is anything. */
export function nextKeyStep(
  held: readonly HeldKey[],
  algorithm: SigningAlgorithm,
  schedule: KeySchedule,
  nowSeconds: number,
): KeyStep | undefined {
  const own = held.filter(({ key }) => key.algorithm === algorithm)
  const of = (status: string) => own.filter(({ key }) => statusOf(key) === status)
  const over = of('retiring').find(({ key }) => key.replaced!.lastExpiresAtSeconds <= nowSeconds)
  if (over) return { do: 'retire', key: over.key }
  const isWanted = schedule.algorithms.includes(algorithm)
  const useless = of('pending').find(({ isUsable }) => !isUsable || !isWanted)
  if (useless) return { do: 'retire', key: useless.key }

  const active = of('active')
  if (!isWanted) return active[0] && { do: 'replace', key: active[0].key, reason: 'withdrawn' }
  const pending = of('pending')
    .map(({ key }) => key)
    .sort(byAge)[0]
  const signing = signingKeyOf(own, algorithm)
  if (!signing)
    return pending ? { do: 'activate', key: pending } : { do: 'create', algorithm, activate: true }
  const former = active.find(({ key }) => key !== signing)
  if (former) return { do: 'replace', key: former.key, reason: former.isUsable ? 'schedule' : 'missing' }

  const endsAtSeconds = signing.activatedAtSeconds! + schedule.rotationSeconds
  if (!pending)
    return nowSeconds >= endsAtSeconds - schedule.leadSeconds
      ? { do: 'create', algorithm, activate: false }
      : undefined
  const isKnown = nowSeconds >= pending.publishedAtSeconds + schedule.leadSeconds
  return isKnown && nowSeconds >= endsAtSeconds ? { do: 'activate', key: pending } : undefined
}
