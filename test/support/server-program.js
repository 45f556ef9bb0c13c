/** The built server as `server run` opens it, without the command line around it: it starts in half the time. Prints its issuer. */
import { homePaths } from '../../dist/src/config/home.js'
import { loadSettings } from '../../dist/src/config/load.js'
import { serve } from '../../dist/src/serve.js'

const home = process.env.COINSTACK_SIGNON_HOME
const loaded = loadSettings({ home, environment: process.env })
const options = { loaded, paths: homePaths(home), version: 'test', environment: {}, now: Date.now }
const { issuer, close } = await serve(options)
process.once('SIGTERM', close)
process.stdout.write(`${issuer}\n`)
