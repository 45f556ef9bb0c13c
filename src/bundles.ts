/** Bundles as the auditor asks for them and checks them, and what the check came to, for people. */
import type { Connection } from './admin/connection.ts'
import { type BundleVerdict, checkBundle } from './audit/bundle-check.ts'
import { type Exported, type ExportOptions, exportBundle } from './audit/bundle-export.ts'
import { stationNames } from './audit/stations.ts'
import { type AuditorKnowledge, trustOf, verifySignature } from './auditor.ts'

/** @throws ProofFileError exists; ReceiptError; LedgerError damaged or unavailable */
export const writeBundle = (
  { reader }: Pick<Connection, 'reader'>,
  directory: string,
  options: Omit<ExportOptions, 'verifyMessage'>,
): Promise<Exported> => exportBundle(reader, directory, { ...options, verifyMessage: verifySignature })

/** @throws ProofFileError malformed, unknown_version */
export const verifyBundle = (directory: string, known: AuditorKnowledge): Promise<BundleVerdict> =>
  checkBundle(directory, trustOf(known))

/** One line that sums up, a line for each fault, then what holds of the anchors and what is not proved. */
export function bundleText({
  manifest,
  events,
  dropped,
  checkpoints,
  servers,
  faults,
  stations,
}: BundleVerdict): string {
  const { origin, from, to } = manifest
  const verdict = faults.length === 0 ? 'nothing missing, nothing altered' : `faults: ${faults.length}`
  const counts = `events: ${events}${dropped > 0 ? `, dropped by policy: ${dropped}` : ''}`
  return [
    `positions ${from} to ${to} of ${origin}, ${counts}, checkpoints: ${checkpoints}: ${verdict}`,
    `signed by ${servers.length === 0 ? 'nobody' : servers.join(', ')}`,
    ...faults.map(({ file, detail }) => `FAULT ${file}: ${detail}`),
    ...stations
      .filter(({ outcome }) => outcome !== 'failed')
      .map(
        ({ station, outcome, about, detail }) =>
          `${outcome === 'proved' ? 'proved' : 'not proved'}: ${stationNames[station]}: ${about}: ${detail}`,
      ),
    `what came after position ${to} is not in it, and that nothing came is not proved and cannot be`,
  ].join('\n')
}
