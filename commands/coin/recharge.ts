import { Args } from '@oclif/core'
import { parseCoins, rechargeServers } from '../../src/admin/coins.ts'
import { ControlError, nodeEndpoint } from '../../src/admin/connection.ts'
import { administratorKey } from '../../src/admin/keys.ts'
import { nodeClient } from '../../src/node-client.ts'
import { OperatorCommand, privateKeyFlags, profileFlag } from '../../src/operator-command.ts'

export default class CoinRecharge extends OperatorCommand {
  static override summary = "send coins to the administrator's, every server's and every peer's address"
  static override args = { amount: Args.string({ default: '1', description: 'coins for each address' }) }
  static override flags = { ...profileFlag, ...privateKeyFlags }

  async run(): Promise<{ txid: string; addresses: string[] }> {
    const { args, flags } = await this.parse(CoinRecharge)
    const amountSats = parseCoins(args.amount)
    const key = administratorKey(this.readKey(flags))
    const { settings } = this.load(this.paths(flags.home), flags.profile)
    return this.withWriteAccess(flags, async (connection) => {
      const endpoint = await nodeEndpoint(connection)
      if (endpoint === undefined)
        throw new ControlError(
          'no_process',
          'the embedded node runs inside the server: start the server first',
        )
      const { timeoutMs } = settings.coinstack
      const client = nodeClient({ endpoint, timeoutMs, environment: process.env })
      const paid = await rechargeServers(connection, client, key, amountSats)
      for (const address of paid.addresses) this.log(address)
      this.note(`transaction ${paid.txid}`)
      return paid
    })
  }
}
