/** Law: no interleaving of concurrent requests, and no failing write, redeems or rotates twice. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { revoke } from '../../src/authorization-server/revoke.ts'
import type { TokenAnswer } from '../../src/oauth/grants/token-answer.ts'
import {
  answerOrCode,
  expectNothingTwice,
  openWorld,
  receiveCode,
  redeemForm,
  registerClient,
  registerUser,
  requestToken,
  rotateForm,
  signedOn,
  tally,
} from '../support/authorization.ts'
import { checkTree, type Fault, held } from '../support/ledger.ts'
import { anyRequest, emptyHoldings, perform } from '../support/random-requests.ts'

const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

/** When a request starts: at once, in the next turn, or once the write under way is let through. */
const anyStart = fc.constantFrom('at once', 'next turn', 'after a write')
const anyFault = fc.constantFrom<Fault | undefined>(
  undefined,
  undefined,
  'not stored',
  'stored but not acknowledged',
)

/** Starts the requests in this order while each write waits until it is told to go on. */
async function interleave(
  world: Awaited<ReturnType<typeof openWorld>>,
  starts: readonly string[],
  faults: readonly (Fault | undefined)[],
  request: (index: number) => Promise<unknown>,
): Promise<void> {
  let gate = held()
  const letThrough = () => {
    const { release } = gate
    gate = held()
    world.storage.gate = gate.promise
    release()
  }
  world.storage.gate = gate.promise
  world.storage.faults = [...faults]
  let running = starts.length
  const requests: Promise<unknown>[] = []
  for (const [index, start] of starts.entries()) {
    if (start === 'after a write') letThrough()
    if (start !== 'at once') await nextTurn()
    requests.push(request(index).finally(() => running--))
  }
  while (running > 0) {
    letThrough()
    await nextTurn()
  }
  world.storage.gate = undefined
  world.storage.faults = []
  await Promise.all(requests)
}

test('one code', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyStart, { minLength: 1, maxLength: 12 }),
      fc.array(anyFault, { maxLength: 4 }),
      async (starts, faults) => {
        const world = await openWorld()
        const client = await registerClient(world)
        const code = await receiveCode(world, client, await registerUser(world))
        const answers: (TokenAnswer | string)[] = []
        await interleave(world, starts, faults, async (index) => {
          answers[index] = await answerOrCode(() => requestToken(world.context, client, redeemForm(code)))
        })
        const given = answers.filter((answer) => typeof answer === 'object')
        expect(given.length).toBeLessThanOrEqual(1)
        if (faults.every((fault) => fault === undefined)) expect(given.length).toBe(1)
        for (const answer of answers)
          if (typeof answer === 'string') expect(['invalid_grant', 'unavailable']).toContain(answer)
        expect(tally(world)['code.redeemed'] ?? 0).toBeLessThanOrEqual(1)
        expectNothingTwice(world)
        await checkTree(world.ledger)
      },
    ),
    { numRuns: 40 },
  )
})

test('one refresh token', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyStart, { minLength: 1, maxLength: 12 }),
      fc.array(anyFault, { maxLength: 4 }),
      async (starts, faults) => {
        const world = await openWorld()
        const { client, tokens } = await signedOn(world)
        const answers: (TokenAnswer | string)[] = []
        await interleave(world, starts, faults, async (index) => {
          answers[index] = await answerOrCode(() =>
            requestToken(world.context, client, rotateForm(tokens.refresh_token)),
          )
        })
        const given = answers.filter((answer) => typeof answer === 'object')
        expect(new Set(given.map(({ refresh_token }) => refresh_token)).size).toBeLessThanOrEqual(1)
        expect(answers).not.toContain('invalid_grant')
        expect(tally(world)['token.refreshed'] ?? 0).toBeLessThanOrEqual(1)
        expectNothingTwice(world)
        // Whoever got no answer may ask again.
        const again = await requestToken(world.context, client, rotateForm(tokens.refresh_token))
        for (const answer of given) expect(again).toEqual(answer)
      },
    ),
    { numRuns: 40 },
  )
})

test('a code, its refresh tokens and a revocation', async () => {
  const anyStep = fc.record({ start: anyStart, kind: fc.constantFrom('redeem', 'rotate', 'revoke') })
  await fc.assert(
    fc.asyncProperty(fc.array(anyStep, { minLength: 2, maxLength: 12 }), async (steps) => {
      const world = await openWorld()
      const { client, code, tokens } = await signedOn(world)
      const starts = steps.map(({ start }) => start)
      await interleave(world, starts, [], async (index) => {
        const { kind } = steps[index]!
        if (kind === 'revoke') await revoke(world.context, client, tokens.refresh_token)
        else {
          const form = kind === 'redeem' ? redeemForm(code) : rotateForm(tokens.refresh_token)
          await answerOrCode(() => requestToken(world.context, client, form))
        }
      })
      const isEnded = steps.some(({ kind }) => kind !== 'rotate')
      const ends = world.heard.filter(({ event }) => event.type === 'grant.revoked').length
      expect(ends).toBe(isEnded ? 1 : 0)
      expectNothingTwice(world)
    }),
    { numRuns: 40 },
  )
})

test('requests of all kinds', async () => {
  const anyStep = fc.record({ start: anyStart, request: anyRequest })
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyStep, { minLength: 10, maxLength: 40 }),
      fc.array(anyFault, { maxLength: 6 }),
      async (steps, faults) => {
        const world = await openWorld({ cacheEntries: 3 })
        const holdings = emptyHoldings()
        for (const kind of ['register client', 'register user', 'consent', 'redeem'] as const)
          for (const pick of [0, 1]) await perform(world, holdings, { kind, pick, other: pick })
        const starts = steps.map(({ start }) => start)
        await interleave(world, starts, faults, (index) => perform(world, holdings, steps[index]!.request))
        expectNothingTwice(world)
        await checkTree(world.ledger)
      },
    ),
    { numRuns: 25 },
  )
})
