import { Errors, flush, type Interfaces, run, settings } from '@oclif/core'
import { type RenderedError, renderError } from './error-line.ts'
import { visible } from './output.ts'

export { endWithReaders } from './ending.ts'

/**
 * Runs the program with these arguments and gives the exit code. Whatever goes wrong leaves as one line on
 * standard error; oclif's own handler would print stacks, colours and wrapped lines.
 */
export async function runProgram(
  argv: readonly string[],
  options: Interfaces.LoadOptions,
  stderr: { write(text: string): unknown },
): Promise<number> {
  // The commands are compiled, or loaded by whoever started us; oclif must not look for TypeScript.
  settings.enableAutoTranspile = false
  try {
    await run(withHelpFlag(argv), options)
    // What nobody reads cannot be waited for.
    if (process.stdout.writable) await flush()
    return Number(process.exitCode ?? 0)
  } catch (error) {
    if (error instanceof Errors.ExitError) return error.oclif.exit ?? 0
    const { lines, exitCode } = renderProgramError(error)
    stderr.write(`${lines.join('\n')}\n`)
    return exitCode
  }
}

/**
 * An error that escaped from everywhere: one line, then the end, as the state is unknown. Node's warnings
 * become one line each, too.
 */
export function endOnStrayErrors(source: NodeJS.Process): void {
  const end = (error: unknown) => {
    const { lines, exitCode } = renderError(error, { debug: false })
    // Said last: a live screen gives the terminal back at `exit`, and would take the line with it.
    source.once('exit', () => source.stderr.write(`${lines.join('\n')}\n`))
    source.exit(exitCode)
  }
  source.on('uncaughtException', end)
  source.on('unhandledRejection', end)
  source.removeAllListeners('warning')
  source.on('warning', (warning) =>
    source.stderr.write(`warning: ${visible(warning.message.split('\n')[0]!)}\n`),
  )
}

/** Node's diagnostic reports hold the environment and the command line: none are written, whatever NODE_OPTIONS says. */
export function writeNoReports({ report }: NodeJS.Process): void {
  if (!report) return
  report.reportOnFatalError = false
  report.reportOnSignal = false
  report.reportOnUncaughtException = false
}

// `help server run` is 1.1's way; oclif without a plugin knows only the flag.
function withHelpFlag(argv: readonly string[]): string[] {
  return argv[0] === 'help' ? [...argv.slice(1), '--help'] : [...argv]
}

function renderProgramError(error: unknown): RenderedError {
  const notFound =
    error instanceof Errors.CLIError ? /^command (.+) not found\.?$/i.exec(error.message) : null
  if (notFound === null) return renderError(error, { debug: false })
  const command = notFound[1]!.replaceAll(':', ' ')
  return { lines: [`there is no command "${command}"; see: coinstack-signon help`], exitCode: 2 }
}
