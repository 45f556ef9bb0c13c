/** Erasure: nothing names the person any more, everything else stays, and there is no half of it. */
import { expect, test } from 'vitest'
import { administer } from '../../src/authorization-server/administer.ts'
import { findLiveToken } from '../../src/authorization-server/introspect.ts'
import type { SecretChecker } from '../../src/authorization-server/secret-checker.ts'
import { authenticateUser, findSession, startSession } from '../../src/authorization-server/session.ts'
import { rootOfSize } from '../../src/ledger/reader.ts'
import {
  answerOrCode,
  openWorld,
  registerUser,
  signedOn,
  signedRequest,
  userErased,
  userRemoved,
  type World,
} from '../support/authorization.ts'
import { filesHolding, held, temporaryFolder } from '../support/ledger.ts'
import { liveRows, replayedRows } from '../support/rows.ts'

const browser = { address: '192.0.2.77', userAgent: 'Mozilla of somebody' }
const personal = ['wilhelmina', 'a hash of hers', '192.0.2.77', 'Mozilla of somebody']

const erase = (world: World, subject = 'w') =>
  administer(world.context, signedRequest(world, userErased(subject), { stream: `user:${subject}` }))
const remove = (world: World, subject = 'w') =>
  administer(world.context, signedRequest(world, userRemoved(subject), { stream: `user:${subject}` }))
const register = (world: World, subject = 'w') => registerUser(world, subject, 'wilhelmina', 'a hash of hers')

/** Every value that is stored, as one text. */
async function stored({ storage }: World): Promise<string> {
  const values: Buffer[] = []
  for await (const [key, value] of storage.entries({ gte: Buffer.alloc(0), lt: Buffer.alloc(4, 0xff) }))
    values.push(key, value)
  return Buffer.concat(values).toString('latin1')
}

async function expectFreshFold(world: World): Promise<void> {
  expect(await replayedRows(world)).toEqual(await liveRows(world))
}

test('nothing names the person, in no entry and in no file', async () => {
  const folder = temporaryFolder()
  const world = await openWorld({ folder })
  const user = await register(world)
  const cookie = await startSession(world.context, user, browser)
  await registerUser(world, 'other', 'theodora')
  for (const text of personal) expect(await stored(world)).toContain(text)
  const size = world.ledger.size
  const root = rootOfSize(world.storage, size)

  expect(await erase(world)).toMatchObject({ position: size, isForgotten: true })

  for (const text of personal) {
    expect(await stored(world)).not.toContain(text)
    expect(filesHolding(folder, text), text).toEqual([])
  }
  expect(await stored(world)).toContain('theodora')
  expect(world.models.load('user', 'user:w').state).toEqual({
    subject: 'w',
    authorities: ['USER'],
    removed: true,
  })
  expect(world.models.subjectOf('wilhelmina')).toBeUndefined()
  expect(findSession(world.context, cookie)).toBeUndefined()
  expect(rootOfSize(world.storage, size)).toEqual(root)
  await expectFreshFold(world)
})

test('tokens end with the user', async () => {
  const world = await openWorld()
  const { user, tokens } = await signedOn(world)
  await erase(world, user.subject)
  expect(await findLiveToken(world.context, tokens.access_token)).toBeUndefined()
  await expectFreshFold(world)
})

test('a user who was removed before is erased too, and whoever bears the name now stays', async () => {
  const world = await openWorld()
  await register(world, 'first')
  await remove(world, 'first')
  await register(world, 'second')
  await erase(world, 'first')
  expect(world.models.subjectOf('wilhelmina')).toBe('second')
  expect(world.models.load('user', 'user:second').state?.removed).toBe(false)
  await expectFreshFold(world)
  await erase(world, 'second')
  expect(await stored(world)).not.toContain('wilhelmina')
  await expectFreshFold(world)
})

test('the name is free again', async () => {
  const world = await openWorld()
  await register(world)
  await erase(world)
  expect((await register(world, 'again')).username).toBe('wilhelmina')
  await expectFreshFold(world)
})

test('again is possible, of nobody is not', async () => {
  const world = await openWorld()
  await register(world)
  await erase(world)
  expect(await erase(world)).toMatchObject({ isForgotten: true })
  expect(await answerOrCode(() => remove(world))).toBe('not_found')
  expect(await answerOrCode(() => erase(world, 'nobody'))).toBe('not_found')
  await expectFreshFold(world)
})

test('only the administrator can', async () => {
  const world = await openWorld()
  await register(world)
  const request = signedRequest(world, userErased('w'), { stream: 'user:w' }, 'somebody')
  expect(await answerOrCode(() => administer(world.context, request))).toBe('signature')
  const removal = signedRequest(world, userRemoved('w'), { stream: 'user:w' })
  const turned = { ...removal, event: { ...removal.event, type: 'user.erased' } as never }
  expect(await answerOrCode(() => administer(world.context, turned))).toBe('signature')
  expect(await stored(world)).toContain('wilhelmina')
})

test.each(['not stored', 'stored but not acknowledged'] as const)('a write that fails: %s', async (fault) => {
  const world = await openWorld()
  const user = await register(world)
  await startSession(world.context, user, browser)
  world.storage.faults = [fault]
  expect(await answerOrCode(() => erase(world))).toBe('unavailable')
  const isErased = fault !== 'not stored'
  for (const text of personal) expect((await stored(world)).includes(text)).toBe(!isErased)
  expect(world.models.subjectOf('wilhelmina')).toBe(isErased ? undefined : 'w')
  await expectFreshFold(world)
})

test('a session that is being started at that moment is erased as well', async () => {
  const world = await openWorld()
  const user = await register(world)
  const [cookie] = await Promise.all([startSession(world.context, user, browser), erase(world)])
  expect(findSession(world.context, cookie)).toBeUndefined()
  for (const text of personal) expect(await stored(world)).not.toContain(text)
  await expectFreshFold(world)
})

test('a log-in whose password is being checked at that moment fails', async () => {
  const world = await openWorld()
  await register(world)
  const { promise, release } = held()
  const check = () => promise.then(() => true)
  const context = { ...world.context, secretChecker: { check } as unknown as SecretChecker }
  const user = authenticateUser(context, 'wilhelmina', 'right', '127.0.0.1')
  await erase(world)
  release()
  expect(await user).toBeUndefined()
})
