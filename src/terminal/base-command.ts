import { Command, Errors, Flags, type Interfaces } from '@oclif/core'
import { renderError } from './error-line.ts'
import { type Appearance, appearanceOf } from './output.ts'

export const logLevels = ['error', 'warn', 'info', 'debug', 'trace'] as const
export type LogLevel = (typeof logLevels)[number]

type Output = Interfaces.OutputFlags<Interfaces.FlagInput>

/** What every command has: `--log`, `--home`, `--json`, and errors of one line. */
export abstract class BaseCommand extends Command {
  static override enableJsonFlag = true
  static override baseFlags = {
    log: Flags.option({
      char: 'l',
      options: logLevels,
      description: 'how much is said on standard error and, with server run or start, in the log',
      helpGroup: 'GLOBAL',
    })(),
    home: Flags.string({
      description: 'home directory (default: $COINSTACK_SIGNON_HOME, else ~/.coinstack-signon)',
      helpGroup: 'GLOBAL',
    }),
  }

  /** An argument that is left out is left out: oclif would take for it what comes on standard input within 10 ms. */
  protected override parse<F extends Output, B extends Output, A extends Output>(
    options?: Interfaces.Input<F, B, A>,
    argv?: string[],
  ): Promise<Interfaces.ParserOutput<F, B, A>> {
    for (const argument of Object.values(options?.args ?? {})) argument.ignoreStdin = true
    return super.parse(options, argv)
  }

  /** What standard output can show. */
  protected get appearance(): Appearance {
    return appearanceOf(process.stdout, process.env)
  }

  /** What standard error can show. */
  protected get errorAppearance(): Appearance {
    return appearanceOf(process.stderr, process.env)
  }

  /** The level asked for, or undefined. Works before and after the flags are parsed. */
  protected get askedLogLevel(): LogLevel | undefined {
    return askedLogLevel(this.argv)
  }

  /** A line on standard error for the reader, if the level is wanted; never part of the result. */
  protected note(text: string, level: LogLevel = 'info'): void {
    const wanted = logLevels.indexOf(this.askedLogLevel ?? 'info')
    if (logLevels.indexOf(level) <= wanted) process.stderr.write(`${text}\n`)
  }

  /** With --json standard output holds JSON alone; it is never coloured, so that it can be piped anywhere. */
  override logJson(json: unknown): void {
    process.stdout.write(`${JSON.stringify(json, null, 2)}\n`)
  }

  override async catch(error: Error & { exitCode?: number }): Promise<void> {
    // this.exit() has nothing to say.
    if (error instanceof Errors.ExitError) throw error
    const debug = this.askedLogLevel === 'debug' || this.askedLogLevel === 'trace'
    const { lines, exitCode } = renderError(error, { debug })
    process.stderr.write(`${lines.join('\n')}\n`)
    this.exit(exitCode)
  }
}

// A parse error comes before there are parsed flags, and its stack may be wanted too.
function askedLogLevel(argv: readonly string[]): LogLevel | undefined {
  const end = argv.indexOf('--')
  const own = end < 0 ? argv : argv.slice(0, end)
  for (const [index, word] of own.entries()) {
    const value =
      /^(?:--log=|-l=?)(.+)$/.exec(word)?.[1] ?? (/^(--log|-l)$/.test(word) ? own[index + 1] : undefined)
    const level = logLevels.find((name) => name === value)
    if (level !== undefined) return level
  }
  return undefined
}
