import { BaseCommand } from '../src/terminal/base-command.ts'
import { bashCompletion } from '../src/terminal/completion.ts'

export default class Completion extends BaseCommand {
  static override summary = 'print a script by which bash completes commands'
  static override description =
    'Put this line into ~/.bashrc: source <(coinstack-signon completion). Nothing is written anywhere.'
  static override examples = ['source <(<%= config.bin %> <%= command.id %>)']

  async run(): Promise<{ script: string }> {
    await this.parse(Completion)
    const script = bashCompletion(this.config.bin, this.config.commands as never)
    process.stdout.write(this.jsonEnabled() ? '' : script)
    return { script }
  }
}
