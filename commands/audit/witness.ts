import { setTimeout as delay } from 'node:timers/promises'
import { Args, Flags } from '@oclif/core'
import { type RemoteLog, remoteLog } from '../../src/audit/remote-log.ts'
import { type Witnessed, witness } from '../../src/audit/witness.ts'
import { readWitnessKey } from '../../src/audit/witness-key.ts'
import {
  asOnlyWitness,
  readWitnessState,
  writeEvidence,
  writeWitnessState,
} from '../../src/audit/witness-state.ts'
import { BaseCommand } from '../../src/terminal/base-command.ts'
import { awaitEnding } from '../../src/terminal/ending.ts'
import { visible } from '../../src/terminal/output.ts'

interface Look {
  file: string
  key: string | undefined
  cosignKey: string | undefined
}

type Found = Witnessed & { evidenceFile?: string }

export default class AuditWitness extends BaseCommand {
  static override summary = "follow another server's ledger and tell when its history was changed"
  static override description =
    `Fetches the checkpoint of the server again and again, and proves with the published tiles that each one continues the one before. The first one is taken as it is: what went before it, no witness can tell. Needs no home and no settings.

Exit code 1 as soon as the log has shrunk, has two roots for one size, or was rewritten; both signed checkpoints and the proof are then in a file beside the state.

Without --key the first key that the server names is trusted and kept: compare it with what the operator says.`
  static override examples = [
    '<%= config.bin %> <%= command.id %> https://signon.example --state signon.json',
    '<%= config.bin %> <%= command.id %> https://signon.example --state signon.json --cosign-key witness.key --once --json',
  ]
  static override args = {
    url: Args.string({ required: true, description: 'address of the server, or of its log' }),
  }
  static override flags = {
    state: Flags.string({
      required: true,
      description: 'file in which the last checkpoint seen is kept; one witness, one file',
    }),
    key: Flags.string({ description: "the log's key (C2SP verifier key), known from its operator" }),
    'cosign-key': Flags.string({ description: 'file with the key to cosign with, as key witness makes it' }),
    once: Flags.boolean({ description: 'look once, as with --json', exclusive: ['interval'] }),
    interval: Flags.integer({ description: 'seconds between two looks', default: 60, min: 1 }),
  }

  async run(): Promise<Found | undefined> {
    const { args, flags } = await this.parse(AuditWitness)
    const log = remoteLog(args.url)
    const look: Look = { file: flags.state, key: flags.key, cosignKey: flags['cosign-key'] }
    return asOnlyWitness(look.file, () =>
      flags.once || this.jsonEnabled() ? this.#look(log, look) : this.#follow(log, look, flags.interval),
    )
  }

  async #follow(log: RemoteLog, look: Look, intervalSeconds: number): Promise<Found | undefined> {
    const { signal } = awaitEnding(process)
    while (!signal.aborted) {
      const found = await this.#look(log, look).catch((error: Error & { code?: string }) => {
        // A log that is away proves nothing; whatever else goes wrong ends the command.
        if (error.code !== 'unreachable') throw error
        this.note(visible(error.message), 'warn')
        return undefined
      })
      if (found?.outcome === 'alarm') return found
      await delay(intervalSeconds * 1000, undefined, { signal }).catch(() => {})
    }
    return undefined
  }

  async #look(log: RemoteLog, { file, key, cosignKey }: Look): Promise<Found> {
    const before = await readWitnessState(file)
    const cosigner = cosignKey === undefined ? undefined : readWitnessKey(cosignKey, Date.now)
    const found = await witness(log, before, { key, cosigner, nowMs: Date.now() })
    if (found.outcome === 'alarm') {
      process.exitCode = 1
      const { kind, detail, origin } = found.evidence
      const evidenceFile = await writeEvidence(file, found.evidence)
      this.log(visible(`ALARM ${origin} ${kind}: ${detail}`))
      this.log(`evidence: ${evidenceFile}`)
      return { ...found, evidenceFile }
    }
    const { state, outcome } = found
    // A cosignature is shown only after what it says is remembered.
    await writeWitnessState(file, state)
    if (outcome === 'first') {
      this.log(visible(`${state.origin}: first seen with ${state.size} events`))
      if (state.trust === 'first use') {
        this.note(visible(`key trusted on first use: ${state.key}`), 'warn')
        this.note('compare it with what the operator says', 'warn')
      }
    } else if (outcome === 'grown')
      this.log(
        visible(`${state.origin}: ${state.size} events, which begin with the ${before!.size} seen before`),
      )
    else this.log(visible(`${state.origin}: ${state.size} events, nothing new`))
    return found
  }
}
