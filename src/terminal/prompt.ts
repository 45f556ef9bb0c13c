import { createInterface } from 'node:readline'

/** The answers ended, or were broken off, before a question was answered. */
export class PromptError extends Error {
  readonly code: 'input-ended' | 'cancelled'
  readonly exitCode: number

  constructor(code: 'input-ended' | 'cancelled', message: string) {
    super(message)
    this.code = code
    // 128 + SIGINT, as a shell reports it.
    this.exitCode = code === 'cancelled' ? 130 : 1
  }
}

export interface Question {
  readonly text: string
  /** Taken where the answer is an empty line. */
  readonly default?: string
  /** Throws an Error whose message says what is wrong; the question is then asked again. */
  readonly check?: (answer: string) => void
}

export interface Prompter {
  ask(question: Question): Promise<string>
  /** A question for yes or no. */
  confirm(text: string): Promise<boolean>
  close(): void
}

/**
 * Asks on `output` and takes whole lines from `input`: a terminal as well as a pipe, where all answers may
 * be there before the first question. Close it at the end, or the process keeps waiting for input.
 */
export function createPrompter(
  input: NodeJS.ReadableStream & { readonly isTTY?: boolean },
  output: NodeJS.WritableStream,
): Prompter {
  const terminal = input.isTTY === true
  const reader = createInterface({ input, output, terminal })
  const lines: string[] = []
  let ending: PromptError['code'] | undefined
  let wake: (() => void) | undefined
  const notify = () => {
    wake?.()
    wake = undefined
  }
  reader.on('line', (line) => {
    lines.push(line)
    notify()
  })
  reader.on('SIGINT', () => {
    ending = 'cancelled'
    notify()
  })
  reader.on('close', () => {
    ending ??= 'input-ended'
    notify()
  })

  const nextLine = async (text: string): Promise<string> => {
    reader.setPrompt(text)
    reader.prompt()
    for (;;) {
      if (ending === 'cancelled') {
        output.write('\n')
        throw new PromptError('cancelled', 'cancelled')
      }
      const line = lines.shift()
      if (line !== undefined) {
        // A pipe echoes nothing, so the question would run into what comes next.
        if (!terminal) output.write('\n')
        return line.trim()
      }
      if (ending !== undefined) {
        output.write('\n')
        throw new PromptError(ending, `the input ended before this was answered: ${text.trim()}`)
      }
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
  }

  const ask = async (question: Question): Promise<string> => {
    const hint = question.default === undefined ? '' : ` [${question.default}]`
    for (;;) {
      const answer = (await nextLine(`${question.text}${hint}: `)) || question.default || ''
      try {
        question.check?.(answer)
        return answer
      } catch (error) {
        output.write(`${(error as Error).message}\n`)
      }
    }
  }

  return {
    ask,
    async confirm(text) {
      for (;;) {
        const answer = (await nextLine(`${text} [y/n] `)).toLowerCase()
        if (answer === 'y' || answer === 'yes') return true
        if (answer === 'n' || answer === 'no') return false
        output.write('please answer y or n\n')
      }
    },
    close: () => reader.close(),
  }
}
