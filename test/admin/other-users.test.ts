/** A home of another user is told as such, and not as one in which nothing runs. */
import { chmodSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { connectTo } from '../../src/admin/connection.ts'
import { serverProcess } from '../../src/admin/server-process.ts'

const nobody = 65534

/** Runs as somebody who may not open the folder. */
async function asAnother<T>(folder: string, run: () => T | Promise<T>): Promise<T> {
  const isRoot = process.geteuid?.() === 0
  chmodSync(folder, 0)
  if (isRoot) process.seteuid!(nobody)
  try {
    return await run()
  } finally {
    if (isRoot) process.seteuid!(0)
    chmodSync(folder, 0o700)
  }
}

test('pid file and control socket of another user', async () => {
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'signon-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const [pidFile, controlSocket] = [join(folder, 'server.pid'), join(folder, 'control.sock')]
  writeFileSync(pidFile, `${process.pid}\n`)
  const listening = createServer().listen(controlSocket)
  onTestFinished(() => void listening.close())
  const told = (file: string) => ({
    code: 'forbidden',
    message: `${file} belongs to another user: run this as the user whose server it is`,
  })
  await expect(asAnother(folder, () => connectTo(controlSocket))).rejects.toMatchObject(told(controlSocket))
  await expect(asAnother(folder, () => serverProcess(pidFile))).rejects.toMatchObject(told(pidFile))
})
