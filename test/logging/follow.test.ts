import { appendFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { followLog } from '../../src/logging/follow.ts'
import { temporaryFolders } from '../config/temporary-folder.ts'

const newFolder = temporaryFolders()
const first = 'server-2026-11-01.log'
const second = 'server-2026-11-02.log'

/** Starts to follow, and gives a function that waits for that many lines in all. */
function following(folder: string, lastLines = 10) {
  const ending = new AbortController()
  const lines: string[] = []
  const done = (async () => {
    for await (const line of followLog(folder, ending.signal, { pollMs: 5, lastLines })) lines.push(line)
  })()
  const until = async (count: number) => {
    for (let tries = 0; lines.length < count && tries < 400; tries++)
      await new Promise((resolve) => setTimeout(resolve, 5))
    // A little longer, so that a line too many shows.
    await new Promise((resolve) => setTimeout(resolve, 30))
    return [...lines]
  }
  const end = async () => {
    ending.abort()
    await done
  }
  return { until, end }
}

describe('following the log', () => {
  test('the last lines, then new ones as they come', async () => {
    const folder = newFolder()
    writeFileSync(join(folder, first), 'a\nb\nc\n')
    const { until, end } = following(folder, 2)
    expect(await until(2)).toEqual(['b', 'c'])
    appendFileSync(join(folder, first), 'd\ne')
    expect(await until(3)).toEqual(['b', 'c', 'd'])
    appendFileSync(join(folder, first), 'f\n')
    expect(await until(4)).toEqual(['b', 'c', 'd', 'ef'])
    await end()
  })

  test('survives the change of the day without losing what came last', async () => {
    const folder = newFolder()
    writeFileSync(join(folder, first), 'a\n')
    const { until, end } = following(folder)
    await until(1)
    appendFileSync(join(folder, first), 'b\n')
    writeFileSync(join(folder, second), 'c\n')
    expect(await until(3)).toEqual(['a', 'b', 'c'])
    rmSync(join(folder, first))
    appendFileSync(join(folder, second), 'd\n')
    expect(await until(4)).toEqual(['a', 'b', 'c', 'd'])
    await end()
  })

  test('waits for the first file, and for a folder that is not there yet', async () => {
    const folder = newFolder()
    const { until, end } = following(folder)
    await until(0)
    writeFileSync(join(folder, first), 'a\n')
    expect(await until(1)).toEqual(['a'])
    await end()
    const absent = following(join(folder, 'absent'))
    expect(await absent.until(0)).toEqual([])
    await absent.end()
  })

  test('starts again where a file was emptied', async () => {
    const folder = newFolder()
    writeFileSync(join(folder, first), 'long line\n')
    const { until, end } = following(folder)
    await until(1)
    writeFileSync(join(folder, first), 'new\n')
    expect(await until(2)).toEqual(['long line', 'new'])
    await end()
  })

  test('letters of several bytes and long files arrive whole', async () => {
    const folder = newFolder()
    const lines = Array.from({ length: 20_000 }, (_, index) => `${index} 한글`)
    writeFileSync(join(folder, first), `${lines.join('\n')}\n`)
    const { until, end } = following(folder, 20_000)
    expect(await until(20_000)).toEqual(lines)
    await end()
  })
})
