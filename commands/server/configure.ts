import { existsSync } from 'node:fs'
import { Flags } from '@oclif/core'
import { createKeys } from '../../src/admin/keys.ts'
import { writeConfiguration } from '../../src/config/configuration-file.ts'
import { type Answers, answersFromEnvironment, askAnswers } from '../../src/config/configure.ts'
import { homePaths, resolveHome } from '../../src/config/home.ts'
import { BaseCommand } from '../../src/terminal/base-command.ts'
import { createPrompter } from '../../src/terminal/prompt.ts'

export default class ServerConfigure extends BaseCommand {
  static override summary = 'write conf/coinstack.yaml'
  static override description =
    `Asks for the node, the port, the administrator's address and the number of private keys, makes that many keys, and writes the configuration file.

With --batch nothing is asked; the answers come from the environment: ADMIN_ADDRESS (required), NODE_ENDPOINT (http://localhost:3000), SIGNON_SERVER_PORT (8080) and N_SERVER_PRIVATEKEYS (1).`
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    'ADMIN_ADDRESS=1KkM2NLZEK9SL4sChJVgg45k3godj7Tnix N_SERVER_PRIVATEKEYS=2 <%= config.bin %> <%= command.id %> --batch',
  ]
  static override flags = {
    batch: Flags.boolean({ description: 'take the answers from the environment' }),
    force: Flags.boolean({ description: 'replace an existing file; the former one is kept beside it' }),
  }

  async run(): Promise<{ file: string; adminAddress: string; addresses: string[] } | undefined> {
    const { flags } = await this.parse(ServerConfigure)
    const file = homePaths(resolveHome(process.env, flags.home)).configurationFile
    const answers = flags.batch ? answersFromEnvironment(process.env) : await this.#ask(file, flags.force)
    if (answers === undefined) {
      this.note('nothing was written')
      this.exit(1)
    }
    const { keyCount, overwrite, ...configuration } = { overwrite: flags.force, ...answers }
    const keys = createKeys(keyCount)
    const { keptAs } = writeConfiguration(
      file,
      { ...configuration, privateKeys: keys.map((key) => key.wif) },
      { overwrite },
    )
    if (keptAs !== undefined) this.note(`the former file is kept as ${keptAs}`)
    const addresses = keys.map((key) => key.address)
    this.log(`Configuration file: ${file}`)
    for (const address of addresses) this.log(`Server address: ${address}`)
    return { file, adminAddress: answers.adminAddress, addresses }
  }

  async #ask(file: string, force: boolean): Promise<(Answers & { overwrite: boolean }) | undefined> {
    const prompter = createPrompter(process.stdin, process.stderr)
    try {
      const answers = await askAnswers(prompter)
      const overwrite = force || existsSync(file)
      if (existsSync(file) && !force) {
        const text = `${file} exists already. Replace it (the former file is kept)?`
        if (!(await prompter.confirm(text))) return undefined
      }
      if (!(await prompter.confirm('Process to generate the configuration file?'))) return undefined
      return { ...answers, overwrite }
    } finally {
      prompter.close()
    }
  }
}
