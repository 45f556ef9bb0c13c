/** Failed attempts: how many, how long the pauses, what survives, and what nobody can find out. */
import { describe, expect, test } from 'vitest'
import { administer } from '../../src/authorization-server/administer.ts'
import { FailureLimits } from '../../src/authorization-server/failure-limits.ts'
import type { OAuthError } from '../../src/oauth/errors.ts'
import { forgetAfterMs } from '../../src/oauth/failed-attempts.ts'
import { openWorld, signedRequest, tally, type World } from '../support/authorization.ts'
import { temporaryFolder } from '../support/ledger.ts'

const home = '192.0.2.1'
const wrong = () => undefined
const right = () => 'right'

/** The status that an attempt comes to, and the pause in seconds. */
async function attempt(
  world: World,
  proof: () => string | undefined,
  { name = 'alice', address = home, kind = 'user' as 'user' | 'client' } = {},
): Promise<string> {
  try {
    return (await world.context.limits.attempt({ kind, name, address }, proof)) ?? 'wrong'
  } catch (error) {
    const { code, status, retryAfterSeconds } = error as OAuthError
    return `${code} ${status} ${retryAfterSeconds}`
  }
}

async function fail(world: World, times: number, who: Parameters<typeof attempt>[2] = {}): Promise<string[]> {
  const answers: string[] = []
  for (let i = 0; i < times; i++) answers.push(await attempt(world, wrong, who))
  return answers
}

/** As after a restart: new memory over the same ledger. */
const restart = (world: World) => {
  world.context.limits = new FailureLimits(world.context, Buffer.alloc(32, 9))
}

describe('a name from one address', () => {
  test('pauses after five failures, longer each time, for the right proof too', async () => {
    const world = await openWorld()
    expect(await fail(world, 6)).toEqual([...Array(5).fill('wrong'), 'invalid_grant 429 30'])
    expect(await attempt(world, right)).toBe('invalid_grant 429 30')
    for (const pause of [30, 60, 120, 240, 480, 900, 900]) {
      world.clock.nowMs += pause * 1000 - 1
      expect(await attempt(world, right)).toBe('invalid_grant 429 1')
      world.clock.nowMs += 1
      expect(await attempt(world, wrong)).toBe('wrong')
    }
    expect(tally(world)['login.locked']).toBe(8)
  })

  test('begins anew after a right proof', async () => {
    const world = await openWorld()
    await fail(world, 4)
    expect(await attempt(world, right)).toBe('right')
    expect(await fail(world, 4)).toEqual(Array(4).fill('wrong'))
    expect(await attempt(world, right)).toBe('right')
    expect(tally(world)['login.locked']).toBeUndefined()
  })

  test('is forgotten an hour after the last failure', async () => {
    const world = await openWorld()
    await fail(world, 4)
    world.clock.nowMs += forgetAfterMs
    expect(await fail(world, 5)).toEqual(Array(5).fill('wrong'))
    expect(await attempt(world, right)).toBe('invalid_grant 429 30')
  })

  test('leaves the name alone at other addresses, and other names at this one', async () => {
    const world = await openWorld()
    await fail(world, 6)
    expect(await attempt(world, right, { address: '192.0.2.2' })).toBe('right')
    expect(await attempt(world, right, { name: 'bob' })).toBe('right')
    expect(await attempt(world, right, { kind: 'client' })).toBe('right')
  })

  test('an IPv6 address stands for its /64, an IPv4 address in IPv6 for itself', async () => {
    const world = await openWorld()
    await fail(world, 5, { address: '2001:db8::1' })
    expect(await attempt(world, right, { address: '2001:db8::ffff' })).toContain('429')
    expect(await attempt(world, right, { address: '2001:db8:0:1::1' })).toBe('right')
    await fail(world, 5, { address: '::ffff:192.0.2.9' })
    expect(await attempt(world, right, { address: '192.0.2.9' })).toContain('429')
  })
})

describe('guesses sent all at once', () => {
  test('are worth no more than one after the other', async () => {
    const world = await openWorld()
    let open = () => {}
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    const guesses = Array.from({ length: 30 }, (_, i) =>
      attempt(world, (async () => {
        await gate
        return i === 29 ? 'right' : undefined
      }) as unknown as () => string | undefined),
    )
    open()
    expect((await Promise.all(guesses)).at(-1)).toBe('invalid_grant 429 60')
    // One pause of the name from this address and one of the name, however many guesses came after.
    expect(tally(world)['login.locked']).toBe(2)
  })

  test('right ones do not disturb each other', async () => {
    const world = await openWorld()
    const all = await Promise.all(Array.from({ length: 100 }, () => attempt(world, right)))
    expect(new Set(all)).toEqual(new Set(['right']))
  })
})

describe('a name from everywhere', () => {
  const from = (i: number) => ({ address: `198.51.100.${i}` })

  test('pauses after twenty failures, but not where it was proved before', async () => {
    const world = await openWorld()
    expect(await attempt(world, right)).toBe('right')
    for (let i = 0; i < 20; i++) expect(await attempt(world, wrong, from(i))).toBe('wrong')
    expect(await attempt(world, right, from(99))).toBe('invalid_grant 429 60')
    expect(await attempt(world, right)).toBe('right')
  })
})

describe('one guesser behind the address of many', () => {
  test('stops those who have not been there yet for seconds, and the others not at all', async () => {
    const world = await openWorld()
    expect(await attempt(world, right)).toBe('right')
    for (let i = 0; i < 50; i++) await attempt(world, wrong, { name: `guess ${i}` })
    expect(await attempt(world, right, { name: 'bob' })).toBe('invalid_grant 429 15')
    expect(await attempt(world, right)).toBe('right')
    world.clock.nowMs += 15_000
    expect(await attempt(world, right, { name: 'bob' })).toBe('right')
  })
})

describe('a restart', () => {
  test('ends no pause, and the next one is longer', async () => {
    const folder = temporaryFolder()
    const world = await openWorld({ folder })
    await fail(world, 5)
    restart(world)
    expect(await attempt(world, right)).toBe('invalid_grant 429 30')
    world.clock.nowMs += 30_000
    expect(await attempt(world, wrong)).toBe('wrong')
    expect(await attempt(world, right)).toBe('invalid_grant 429 60')
  })
})

describe('the administrator', () => {
  const unlock = async (world: World, stream: string, signedAtMs = world.clock.nowMs) => {
    const signedAtSeconds = Math.floor(signedAtMs / 1000)
    const event = { type: 'login.unlocked', signedAtSeconds, signature: '' } as const
    return administer(world.context, signedRequest(world, event, { stream }))
  }

  test('sees the pauses of a name and lifts them, for good', async () => {
    const world = await openWorld()
    const { limits } = world.context
    await fail(world, 5)
    expect(limits.view('user', 'alice')).toEqual({
      stream: expect.stringMatching(/^attempts:[A-Za-z0-9_-]{43}$/),
      failures: 5,
      pausedUntilMs: null,
      pausedAddresses: 1,
    })
    await unlock(world, limits.view('user', 'alice').stream)
    expect(await attempt(world, right)).toBe('right')
    restart(world)
    expect(await attempt(world, right)).toBe('right')
    expect(world.context.limits.view('user', 'alice')).toMatchObject({ pausedAddresses: 0 })
  })

  test('lifts nothing by what was signed in another hour', async () => {
    const world = await openWorld()
    await fail(world, 5)
    const { stream } = world.context.limits.view('user', 'alice')
    for (const signedAtMs of [world.clock.nowMs - forgetAfterMs / 2, world.clock.nowMs + forgetAfterMs / 2])
      await expect(unlock(world, stream, signedAtMs)).rejects.toMatchObject({ code: 'stale' })
    expect(await attempt(world, right)).toBe('invalid_grant 429 30')
    await unlock(world, stream, world.clock.nowMs - forgetAfterMs / 2 + 1000)
    expect(await attempt(world, right)).toBe('right')
  })

  test('is told where there is nothing to lift', async () => {
    const world = await openWorld()
    const { stream } = world.context.limits.view('user', 'alice')
    await expect(unlock(world, stream)).rejects.toMatchObject({ code: 'not_found' })
    await expect(unlock(world, 'user:alice')).rejects.toMatchObject({ code: 'malformed' })
  })
})

test('neither names nor addresses stand in the hashed records', async () => {
  const world = await openWorld()
  await fail(world, 25, { name: 'wilhelmina' })
  for (let i = 0; i < 25; i++) await attempt(world, wrong, { name: 'wilhelmina', address: `198.51.100.${i}` })
  for (let position = 0; position < world.ledger.size; position++) {
    const record = world.ledger.recordAt(position)!
    const text = `${record.stream} ${record.body.toString('latin1')}`
    expect(text).not.toMatch(/wilhelmina|192\.0\.2|198\.51\.100/)
  }
  expect(world.ledger.size).toBeGreaterThan(1)
})

test('an unknown client is counted like a known one, with its own words', async () => {
  const world = await openWorld()
  expect(await fail(world, 6, { kind: 'client', name: 'nobody' })).toEqual([
    ...Array(5).fill('wrong'),
    'invalid_client 429 30',
  ])
})
