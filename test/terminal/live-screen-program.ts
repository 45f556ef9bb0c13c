// Run by live-screen.test.ts in a process of its own: a screen that counts, and ends as the argument says.
import { showLiveScreen } from '../../src/terminal/live-screen.ts'
import { appearanceOf } from '../../src/terminal/output.ts'
import { endOnStrayErrors } from '../../src/terminal/program.ts'

endOnStrayErrors(process)
const ending = process.argv[2]
let count = 0

try {
  await showLiveScreen({
    output: process.stdout,
    appearance: appearanceOf(process.stdout, process.env),
    signals: process,
    intervalMs: 50,
    render() {
      count++
      if (ending === 'error' && count === 3) throw new Error('render failed')
      if (ending === 'stray' && count === 3) setImmediate(() => Promise.reject(new Error('stray fault')))
      if (ending === 'exit' && count === 3) process.exit(3)
      return `screen ${count}`
    },
  })
  process.stdout.write('after\n')
} catch (error) {
  process.stdout.write(`caught ${(error as Error).message}\n`)
  process.exitCode = 4
}
