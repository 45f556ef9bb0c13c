import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Fastify from 'fastify'
import { describe, expect, test } from 'vitest'
import { createDailyLog } from '../../src/logging/daily-file.ts'
import { temporaryFolders } from '../config/temporary-folder.ts'

const newFolder = temporaryFolders()
const noon = (day: number) => new Date(2026, 10, day, 12)

describe('daily log', () => {
  test('one file a day, the newest kept, for the owner alone', async () => {
    const folder = join(newFolder(), 'log')
    mkdirSync(folder)
    writeFileSync(join(folder, 'server-notes.txt'), 'not ours')
    let today = noon(1)
    const log = createDailyLog({ folder, format: 'json', keep: 3, now: () => today, onError: fail })
    for (let day = 1; day <= 5; day++) {
      today = noon(day)
      log.write(`{"level":30,"day":${day}}\n`)
      log.write(`{"level":30,"day":${day},"second":true}\n`)
    }
    await log.close()
    expect(readdirSync(folder).sort()).toEqual([
      'server-2026-11-03.log',
      'server-2026-11-04.log',
      'server-2026-11-05.log',
      'server-notes.txt',
    ])
    expect(readFileSync(join(folder, 'server-2026-11-04.log'), 'utf8')).toBe(
      '{"level":30,"day":4}\n{"level":30,"day":4,"second":true}\n',
    )
    expect(statSync(join(folder, 'server-2026-11-05.log')).mode & 0o777).toBe(0o600)
  })

  test('goes on in the file of the day after a restart, and drops lines once closed', async () => {
    const folder = newFolder()
    for (const word of ['one', 'two']) {
      const log = createDailyLog({ folder, format: 'json', keep: 3, now: () => noon(1), onError: fail })
      log.write(`${word}\n`)
      await log.close()
      log.write('too late\n')
    }
    expect(readFileSync(join(folder, 'server-2026-11-01.log'), 'utf8')).toBe('one\ntwo\n')
  })

  test('text format', async () => {
    const folder = newFolder()
    const log = createDailyLog({ folder, format: 'text', keep: 3, now: () => noon(1), onError: fail })
    log.write('{"level":40,"time":0,"msg":"low on coins","sats":12}\n')
    await log.close()
    expect(readFileSync(join(folder, 'server-2026-11-01.log'), 'utf8')).toBe(
      '1970-01-01 00:00:00.000 WARN  low on coins sats=12\n',
    )
  })

  test('takes what pino writes, in order, all of it', async () => {
    const folder = newFolder()
    const log = createDailyLog({ folder, format: 'json', keep: 3, now: () => noon(1), onError: fail })
    const app = Fastify({ logger: { level: 'debug', stream: log } })
    for (let number = 0; number < 5000; number++) app.log.debug({ number }, 'line')
    app.log.trace('not wanted')
    await app.close()
    await log.close()
    const lines = readFileSync(join(folder, 'server-2026-11-01.log'), 'utf8').trimEnd().split('\n')
    expect(lines.map((line) => JSON.parse(line).number)).toEqual(
      Array.from({ length: 5000 }, (_, index) => index),
    )
  })

  test('last words are on disk at once', () => {
    const folder = newFolder()
    const log = createDailyLog({ folder, format: 'json', keep: 3, now: () => noon(1), onError: fail })
    log.write('last\n')
    log.flushSync()
    expect(readFileSync(join(folder, 'server-2026-11-01.log'), 'utf8')).toBe('last\n')
  })

  test('a folder that cannot be written is told, and logging goes on when it is back', async () => {
    const folder = join(newFolder(), 'log')
    const errors: Error[] = []
    let today = noon(1)
    const log = createDailyLog({
      folder,
      format: 'json',
      keep: 3,
      now: () => today,
      onError: (error) => errors.push(error),
    })
    rmSync(folder, { recursive: true })
    log.write('lost\n')
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(errors).toHaveLength(1)
    mkdirSync(folder)
    today = noon(2)
    log.write('kept\n')
    await log.close()
    expect(readFileSync(join(folder, 'server-2026-11-02.log'), 'utf8')).toBe('kept\n')
  })
})

function fail(error: Error): void {
  throw error
}
