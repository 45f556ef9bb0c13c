import { execFile } from 'node:child_process'
import { rmSync } from 'node:fs'
import { access, constants, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Browser, chromium } from 'playwright-core'

const require = createRequire(import.meta.url)

const quiet = [
  '--no-sandbox', // the test run may be root's, and only pages of this repository are opened
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-dev-shm-usage',
  '--disable-gpu',
  '--disable-quic',
  '--disable-sync',
  '--no-first-run',
  '--no-zygote', // two helper processes fewer that process 1 has to reap after the browser
]

/** `@sparticuz/chromium` unpacks into os.tmpdir() under fixed names and only half of it outside AWS: so in a process of its own. */
const unpackScript = 'require(process.argv[1]).executablePath().then((path) => process.stdout.write(path))'

const fontsConf = (dir: string) => `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>${dir}/fonts</dir>
  <dir>/usr/share/fonts</dir>
  <dir>/usr/local/share/fonts</dir>
  <cachedir>${dir}/fonts-cache</cachedir>
</fontconfig>
`

interface Unpacked {
  readonly dir: string
  readonly executablePath: string
}

async function unpack(): Promise<Unpacked> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Error(`@sparticuz/chromium ships for linux x64, this is ${process.platform} ${process.arch}`)
  }
  const dir = await mkdtemp(join(tmpdir(), 'signon-chromium-'))
  process.once('exit', () => rmSync(dir, { recursive: true, force: true }))
  const packed = require.resolve('@sparticuz/chromium')
  const env = { PATH: process.env.PATH, TMPDIR: dir, AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs20.x' }
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', unpackScript, packed], { env })
  await writeFile(join(dir, 'fonts.conf'), fontsConf(dir))
  return { dir, executablePath: stdout }
}

let unpacked: Promise<Unpacked> | undefined
let users = 0

/** One copy (200 MB) a process, never shared between processes, gone with its last browser. */
async function release(): Promise<void> {
  users -= 1
  if (users > 0) return
  const last = unpacked
  unpacked = undefined
  const dir = await last?.then(
    (found) => found.dir,
    () => undefined,
  )
  if (dir !== undefined) await rm(dir, { recursive: true, force: true, maxRetries: 5 })
}

async function launchShipped(): Promise<Browser> {
  users += 1
  try {
    unpacked ??= unpack()
    const { dir, executablePath } = await unpacked
    const browser = await chromium.launch({
      executablePath,
      args: quiet,
      env: {
        PATH: process.env.PATH,
        HOME: dir,
        TMPDIR: dir,
        LD_LIBRARY_PATH: join(dir, 'al2023', 'lib'),
        FONTCONFIG_FILE: join(dir, 'fonts.conf'),
      },
    })
    const close = browser.close.bind(browser)
    let closed: Promise<void> | undefined
    browser.close = (options) => {
      closed ??= close(options).finally(release)
      return closed
    }
    return browser
  } catch (cause) {
    await release()
    throw cause
  }
}

const firstLine = (cause: unknown) => String(cause instanceof Error ? cause.message : cause).split('\n', 1)[0]

/**
 * A browser that needs nothing from the system; else the one that CHROMIUM_PATH names; else undefined, with
 * the reason printed, so that a test can skip. `close()` leaves no process and no file behind.
 */
export async function launchBrowser(): Promise<Browser | undefined> {
  const reasons: string[] = []
  try {
    return await launchShipped()
  } catch (cause) {
    reasons.push(`shipped Chromium: ${firstLine(cause)}`)
  }
  const executablePath = process.env.CHROMIUM_PATH
  if (executablePath === undefined) reasons.push('CHROMIUM_PATH is not set')
  else {
    try {
      await access(executablePath, constants.X_OK) // launch() would leave its temporary directories behind
      return await chromium.launch({ executablePath, args: quiet })
    } catch (cause) {
      reasons.push(`CHROMIUM_PATH=${executablePath}: ${firstLine(cause)}`)
    }
  }
  process.stderr.write(`no browser can run here (${reasons.join('; ')}); browser tests are skipped\n`)
  return undefined
}
