/**
 * The built program, which stands still for ever at the step that HALT_AT names, once it has begun it and said so by a
 * line on standard output. Without HALT_AT it comes to its end, and names all its steps: `fsync 3` is the third fsync.
 * A step is a file operation that changes something, a file that is copied, or progress that it would show on a terminal.
 */
import { writeSync } from 'node:fs'
import files from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'

const { HALT_AT } = process.env
const counts = new Map()

function step(kind) {
  const count = (counts.get(kind) ?? 0) + 1
  counts.set(kind, count)
  const name = `${kind} ${count}`
  if (HALT_AT === undefined) writeSync(1, `${name}\n`)
  else if (HALT_AT === name) halt(name)
}

function halt(name) {
  writeSync(1, `${name}\n`)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}

function telling(kind, act) {
  return (...of) => {
    const begun = act(...of)
    step(kind)
    return begun
  }
}

for (const name of ['mkdir', 'rename', 'rm', 'writeFile']) files[name] = telling(name, files[name])
const { cp, open } = files
files.cp = (from, to, options) => {
  const filter = () => {
    step('copy')
    return true
  }
  return cp(from, to, { ...options, filter })
}
files.open = async (...of) => {
  const handle = await open(...of)
  handle.sync = telling('fsync', handle.sync.bind(handle))
  handle.writeFile = telling('write', handle.writeFile.bind(handle))
  return handle
}
syncBuiltinESMExports()

const shown = new Set()
const { write } = process.stderr
Object.assign(process.stderr, { isTTY: true, getWindowSize: () => [80, 24] })
process.stderr.write = (text, ...more) => {
  const [progress, what] = /^\r(.+?) \[.*\] +\d+ %/.exec(text) ?? []
  if (progress === undefined) return text.startsWith('\r') || write.call(process.stderr, text, ...more)
  if (!shown.has(progress)) step(what)
  shown.add(progress)
  return true
}

// Where the step was not reached: whoever waits for it kills the process here.
process.on('exit', () => {
  if (HALT_AT !== undefined) halt('exit')
})
await import('../../bin/coinstack-signon')
