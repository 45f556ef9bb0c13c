#!/usr/bin/env node
// Runs the program from its sources, without a build: node bin/dev.js <topic> <command>.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { register } from 'tsx/esm/api'

register()
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const words = process.argv.slice(2)
const packageJson = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const commands = { strategy: 'pattern', target: './commands', globPatterns: [commandFiles(words)] }
const pjson = { ...packageJson, oclif: { ...packageJson.oclif, commands } }

const { endOnStrayErrors, runProgram } = await import('../src/terminal/program.ts')
endOnStrayErrors(process)
process.exitCode = await runProgram(words, { root, pjson, ignoreManifest: true }, process.stderr)
if (process.exitCode !== 0) process.exit()

// Without a manifest oclif loads every command to find one. The one that is meant is enough, and it runs
// even while another is being written.
function commandFiles([topic, command]) {
  const isWord = (word) => /^[a-z][a-z-]*$/.test(word ?? '')
  if (isWord(topic) && isWord(command) && existsSync(join(root, 'commands', topic, `${command}.ts`)))
    return `${topic}/${command}.ts`
  return '**/*.ts'
}
