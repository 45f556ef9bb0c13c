import { visible } from './output.ts'

/** How an error leaves the program. */
export interface RenderedError {
  readonly lines: readonly string[]
  readonly exitCode: number
}

const helpHint = 'See more help with --help'

type Shape = {
  readonly message?: unknown
  readonly stack?: unknown
  readonly code?: unknown
  readonly exitCode?: unknown
  readonly oclif?: { readonly exit?: unknown }
  readonly parse?: unknown
}

/**
 * An error as lines for standard error, never with a stack unless `debug` asks for it. Known are errors with
 * a code of ours or of the operating system; their message is meant for the reader and may have one line a
 * fault. Everything else is a fault of the program: one line that says so.
 */
export function renderError(thrown: unknown, options: { readonly debug: boolean }): RenderedError {
  const error = (
    typeof thrown === 'object' && thrown !== null ? thrown : { message: String(thrown) }
  ) as Shape
  // A refused connection to a name with several addresses is an AggregateError with a code and no message.
  const message = [error.message, error.code].find(isText) ?? 'unknown error'
  const stack = options.debug && typeof error.stack === 'string' ? error.stack.split('\n').slice(1) : []
  const exitCode = [error.exitCode, error.oclif?.exit].find(isExit) ?? 1
  if (error.parse !== undefined || message.includes(helpHint))
    return { lines: [usageLine(message), ...stack], exitCode }
  const lines = message.split('\n').map(visible)
  if (isKnown(error) || isExit(error.oclif?.exit)) return { lines: [...lines, ...stack], exitCode }
  const advice = options.debug ? '' : ' (run again with --log debug for the details)'
  return { lines: [`unexpected error: ${lines[0]}${advice}`, ...stack], exitCode }
}

// Node's own programming errors have codes too (ERR_INVALID_ARG_TYPE): those are faults of the program.
function isKnown(error: Shape): boolean {
  return typeof error.code === 'string' && !error.code.startsWith('ERR_')
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== ''
}

function isExit(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 256
}

// oclif's messages have several lines and a capital.
function usageLine(message: string): string {
  const [first = '', ...rest] = message
    .replace(helpHint, '')
    .split('\n')
    .map((line) => visible(line.trim().replace(/\s+/g, ' ')))
    .filter((line) => line !== '')
  const line = [`${first.charAt(0).toLowerCase()}${first.slice(1)}`, rest.join(', ')]
    .filter(Boolean)
    .join(' ')
  return message.includes(helpHint) ? `${line} (see --help)` : line
}
