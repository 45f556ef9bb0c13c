/** The server in the foreground: from settings to the last line of its log. */
import fastify from 'fastify'
import { type App, openApp } from './app.ts'
import { type HomePaths, prepareHome } from './config/home.ts'
import type { LoadedSettings } from './config/load.ts'
import { createDailyLog } from './logging/daily-file.ts'
import { prettyLogLine } from './logging/log-line.ts'

export interface ServeOptions {
  loaded: LoadedSettings
  paths: HomePaths
  version: string
  level?: string | undefined
  /** Also shown here, as text, where the server runs before somebody's eyes. */
  echo?: { write(text: string): unknown } | undefined
  environment: Readonly<Record<string, string | undefined>>
  now: () => number
}

/** Opens the app with its log; `close` ends both. */
export async function serve({
  loaded,
  paths,
  version,
  level,
  echo,
  environment,
  now,
}: ServeOptions): Promise<App> {
  prepareHome(paths)
  const { log } = loaded.settings
  const file = createDailyLog({
    folder: paths.logs,
    format: log.format,
    keep: log.keepFiles,
    now: () => new Date(now()),
    onError: (error) => process.stderr.write(`the log cannot be written: ${error.message}\n`),
  })
  let shown = echo
  const stream = {
    write(line: string) {
      file.write(line)
      shown?.write(`${prettyLogLine(line.trimEnd(), { colour: false })}\n`)
    },
  }
  // Fastify brings pino: its logger, without a server around it.
  const { log: logger } = fastify({ logger: { level: level ?? log.level, stream } })
  try {
    const app = await openApp({ loaded, paths, version, logger, environment, now })
    const close = async () => {
      await app.close()
      logger.info('stopped')
      await file.close()
    }
    return { ...app, close }
  } catch (error) {
    // Who asked for the server is told by the error itself; where it came from is for the log alone.
    shown = undefined
    logger.error({ err: error }, 'the server could not start')
    await file.close()
    throw error
  }
}
