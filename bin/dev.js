#!/usr/bin/env node
// Runs the program from its sources, without a build: node bin/dev.js <topic> <command>.
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { register } from 'tsx/esm/api'

register()
const root = dirname(dirname(fileURLToPath(import.meta.url)))
const packageJson = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const pjson = { ...packageJson, oclif: { ...packageJson.oclif, commands: './commands' } }

const { endOnStrayErrors, runProgram } = await import('../src/terminal/program.ts')
endOnStrayErrors(process)
process.exitCode = await runProgram(
  process.argv.slice(2),
  { root, pjson, ignoreManifest: true },
  process.stderr,
)
if (process.exitCode !== 0) process.exit()
