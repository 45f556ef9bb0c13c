import { mkdirSync, statSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { HomeError, homePaths, prepareHome, resolveHome } from '../../src/config/home.ts'
import { temporaryFolders } from './temporary-folder.ts'

const newFolder = temporaryFolders()

describe('home directory', () => {
  test('flag before environment before the default', () => {
    expect(resolveHome({ COINSTACK_SIGNON_HOME: '/e' }, '/f')).toBe('/f')
    expect(resolveHome({ COINSTACK_SIGNON_HOME: '/e' })).toBe('/e')
    expect(resolveHome({ COINSTACK_SIGNON_HOME: '', HOME: '/h' }, '')).toBe('/h/.coinstack-signon')
    expect(resolveHome({})).toBe(join(homedir(), '.coinstack-signon'))
    expect(resolveHome({}, 'relative')).toBe(join(process.cwd(), 'relative'))
  })

  test('folders are made for their owner alone, and a second time does no harm', () => {
    const paths = homePaths(join(newFolder(), 'home'))
    prepareHome(paths)
    prepareHome(paths)
    for (const folder of [paths.home, paths.ledger, paths.node, paths.logs, dirname(paths.pidFile)])
      expect(statSync(folder).mode & 0o777, folder).toBe(0o700)
  })

  test('a long home has a socket elsewhere, one that can be listened at', async () => {
    const short = newFolder()
    const paths = homePaths(join(newFolder(), 'x'.repeat(120)), short)
    expect(paths.controlSocket.startsWith(short)).toBe(true)
    expect(homePaths(join(paths.home, 'other'), short).controlSocket).not.toBe(paths.controlSocket)
    prepareHome(paths)
    expect(statSync(dirname(paths.controlSocket)).mode & 0o777).toBe(0o700)
    const server = createServer()
    await new Promise<void>((resolve, reject) =>
      server.on('error', reject).listen(paths.controlSocket, resolve),
    )
    await new Promise((resolve) => server.close(resolve))
  })

  test('a socket folder that is a link of somebody is refused', () => {
    const short = newFolder()
    const paths = homePaths(join(newFolder(), 'x'.repeat(120)), short)
    mkdirSync(join(short, 'elsewhere'))
    symlinkSync(join(short, 'elsewhere'), dirname(paths.controlSocket))
    expect(() => prepareHome(paths)).toThrow(HomeError)
  })

  test('a home that cannot be made is named', () => {
    expect(() => prepareHome(homePaths('/dev/null/home'))).toThrow(/\/dev\/null\/home cannot be created/)
  })
})
