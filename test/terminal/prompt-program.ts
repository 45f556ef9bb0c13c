// Run by prompt.test.ts in a process of its own: two questions and a confirmation.
import { createPrompter } from '../../src/terminal/prompt.ts'

const prompter = createPrompter(process.stdin, process.stderr)
try {
  const check = (answer: string) => {
    if (!/^\d+$/.test(answer)) throw new Error('not a number')
  }
  const name = await prompter.ask({ text: 'Name', default: 'nobody' })
  const age = await prompter.ask({ text: 'Age', check })
  const agreed = await prompter.confirm('Agreed?')
  process.stdout.write(`${JSON.stringify({ name, age, agreed })}\n`)
} catch (error) {
  process.stdout.write(`${(error as Error).message}\n`)
  process.exitCode = (error as { exitCode: number }).exitCode
} finally {
  prompter.close()
}
