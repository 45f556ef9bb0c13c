/** Look-ups: what is found, what is counted, and that a failed storage is never "not found". */
import { describe, expect, test } from 'vitest'
import { administer } from '../../src/authorization-server/administer.ts'
import { hashToken } from '../../src/oauth/token-format.ts'
import {
  openWorld,
  registerClient,
  registerUser,
  signedOn,
  signedRequest,
  userRemoved,
} from '../support/authorization.ts'
import { collect } from '../support/collect.ts'

describe('look-ups', () => {
  test('find a grant by its code and by each of its tokens', async () => {
    const world = await openWorld()
    const { code, tokens } = await signedOn(world)
    const streams = [code, tokens.access_token, tokens.refresh_token].map((text) =>
      world.models.streamOf(hashToken(text)),
    )
    expect(streams[0]).toMatch(/^grant:/)
    expect(new Set(streams).size).toBe(1)
    expect(world.models.streamOf(hashToken('cs_at_other'))).toBeUndefined()
  })

  test('find a user by name until the user is removed', async () => {
    const world = await openWorld()
    await registerUser(world, 'first', 'alice')
    expect(world.models.subjectOf('alice')).toBe('first')
    await administer(world.context, signedRequest(world, userRemoved('first'), { stream: 'user:first' }))
    expect(world.models.subjectOf('alice')).toBeUndefined()
    await registerUser(world, 'second', 'alice')
    expect(world.models.subjectOf('alice')).toBe('second')
  })

  test.each(['__proto__', 'constructor', 'toString', 'length', '', 'a\0b', '\ud800'])(
    'find nothing under %j',
    async (name) => {
      const { models } = await openWorld()
      expect(models.subjectOf(name)).toBeUndefined()
      expect(models.load('client', `client:${name}`)).toEqual({ state: undefined, version: 0 })
      expect(models.load('client', name)).toEqual({ state: undefined, version: 0 })
      expect(models.streamOf(hashToken(name))).toBeUndefined()
      expect(models.versionOf(`client:${name}`)).toBe(0)
    },
  )

  test('list all of a kind, by name', async () => {
    const world = await openWorld({ cacheEntries: 1 })
    for (const clientId of ['b', 'a', 'c']) await registerClient(world, clientId)
    await registerUser(world)
    const found = await collect(world.models.list('client'))
    expect(found.map(({ clientId }) => clientId)).toEqual(['a', 'b', 'c'])
  })
})

test('hits and misses are counted: what was written is known, what is not there is looked for each time', async () => {
  const world = await openWorld()
  const { models } = world
  await registerClient(world, 'one')
  const before = models.cacheCounts
  models.load('client', 'client:one')
  models.load('client', 'client:nobody')
  models.load('client', 'client:nobody')
  const after = models.cacheCounts
  expect([after.hits - before.hits, after.misses - before.misses]).toEqual([1, 2])
})

test('a storage that fails is unavailable, not empty', async () => {
  const world = await openWorld()
  await registerClient(world, 'one')
  world.storage.isBroken = true
  world.storage.faults = ['not stored']
  await expect(registerClient(world, 'two')).rejects.toMatchObject({ code: 'unavailable' })
  for (const look of [
    () => world.models.load('client', 'client:two'),
    () => world.models.streamOf(hashToken('x')),
    () => world.models.subjectOf('alice'),
  ])
    expect(look).toThrow(expect.objectContaining({ code: 'unavailable' }))
  await expect(world.models.list('client').next()).rejects.toMatchObject({ code: 'unavailable' })
})
