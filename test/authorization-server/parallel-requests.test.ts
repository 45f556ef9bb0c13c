/** The same code, the same refresh token, many times at once. */
import { describe, expect, test } from 'vitest'
import { findLiveToken } from '../../src/authorization-server/introspect.ts'
import { revoke } from '../../src/authorization-server/revoke.ts'
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
import { checkTree, temporaryFolder } from '../support/ledger.ts'

const times = <T>(count: number, run: () => T): T[] => Array.from({ length: count }, run)

describe('50 parallel redemptions of one code', () => {
  test('are one success; the others revoke what it gave, once', async () => {
    const world = await openWorld()
    const client = await registerClient(world)
    const code = await receiveCode(world, client, await registerUser(world))
    const answers = await Promise.all(
      times(50, () => answerOrCode(() => requestToken(world.context, client, redeemForm(code)))),
    )
    const given = answers.filter((answer) => typeof answer === 'object')
    expect(given.length).toBe(1)
    expect(answers.filter((answer) => answer === 'invalid_grant').length).toBe(49)
    expect(tally(world)).toMatchObject({
      'code.redeemed': 1,
      'token.issued': 1,
      'grant.revoked code_reuse': 1,
    })
    expect(await findLiveToken(world.context, given[0]!.access_token)).toBeUndefined()
    expectNothingTwice(world)
    await checkTree(world.ledger)
  })

  test('of fifty codes each, share batches', async () => {
    const world = await openWorld()
    const client = await registerClient(world)
    const user = await registerUser(world)
    const codes = await Promise.all(times(50, () => receiveCode(world, client, user)))
    const before = world.storage.writes
    const answers = await Promise.all(
      codes.map((code) => answerOrCode(() => requestToken(world.context, client, redeemForm(code)))),
    )
    expect(answers.every((answer) => typeof answer === 'object')).toBe(true)
    // One half is encoded while the other is written.
    expect(world.storage.writes - before).toBeLessThanOrEqual(2)
    await checkTree(world.ledger)
  })
})

describe('50 parallel rotations of one refresh token', () => {
  test('within the grace window are one rotation, and all get the same successor', async () => {
    const world = await openWorld()
    const { client, tokens } = await signedOn(world)
    const answers = await Promise.all(
      times(50, () => requestToken(world.context, client, rotateForm(tokens.refresh_token))),
    )
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1)
    expect(tally(world)).toMatchObject({ 'token.refreshed': 1 })
    expect(tally(world)).not.toHaveProperty('grant.revoked refresh_reuse')
    const { access_token, refresh_token } = answers[0]!
    expect((await findLiveToken(world.context, access_token))?.kind).toBe('access')
    expect((await findLiveToken(world.context, refresh_token!))?.kind).toBe('refresh')
    expect(await findLiveToken(world.context, tokens.access_token)).toBeUndefined()
    expect(await findLiveToken(world.context, tokens.refresh_token)).toBeUndefined()
    await checkTree(world.ledger)
  })

  test('outside of it revoke the family, once', async () => {
    const world = await openWorld()
    const { client, tokens } = await signedOn(world)
    const successor = await requestToken(world.context, client, rotateForm(tokens.refresh_token))
    world.clock.nowMs += world.context.settings.refreshGraceMs
    const answers = await Promise.all(
      times(50, () =>
        answerOrCode(() => requestToken(world.context, client, rotateForm(tokens.refresh_token))),
      ),
    )
    expect(answers).toEqual(Array(50).fill('invalid_grant'))
    expect(tally(world)).toMatchObject({ 'token.refreshed': 1, 'grant.revoked refresh_reuse': 1 })
    expect(await findLiveToken(world.context, successor.access_token)).toBeUndefined()
    expect(
      await answerOrCode(() => requestToken(world.context, client, rotateForm(successor.refresh_token!))),
    ).toBe('invalid_grant')
    expectNothingTwice(world)
  })

  test('of a whole family at once: no token is rotated twice', async () => {
    const world = await openWorld()
    const { client, tokens } = await signedOn(world)
    const family = [tokens.refresh_token]
    for (let i = 0; i < 4; i++) {
      const { refresh_token } = await requestToken(world.context, client, rotateForm(family.at(-1)!))
      family.push(refresh_token!)
    }
    world.clock.nowMs += world.context.settings.refreshGraceMs
    const answers = await Promise.all(
      family.map((token) => answerOrCode(() => requestToken(world.context, client, rotateForm(token)))),
    )
    expect(answers.every((answer) => answer === 'invalid_grant')).toBe(true)
    expect(tally(world)).toMatchObject({ 'token.refreshed': 4, 'grant.revoked refresh_reuse': 1 })
    expectNothingTwice(world)
  })
})

test('50 parallel revocations are one, and none of them fails', async () => {
  const world = await openWorld()
  const { client, tokens } = await signedOn(world)
  await Promise.all(times(50, () => revoke(world.context, client, tokens.access_token)))
  expect(tally(world)).toMatchObject({ 'grant.revoked client': 1 })
  expectNothingTwice(world)
})

test('a retry after a restart gets the same successor too', async () => {
  const folder = temporaryFolder()
  const before = await openWorld({ folder })
  const { client, tokens } = await signedOn(before)
  const answer = await requestToken(before.context, client, rotateForm(tokens.refresh_token))
  await before.ledger.close()
  const after = await openWorld({ folder })
  after.clock.nowMs += 4999
  expect(await requestToken(after.context, client, rotateForm(tokens.refresh_token))).toEqual({
    ...answer,
    expires_in: 3600 - 4,
  })
  expect(after.heard).toEqual([])
})
