import type { RetentionEvents } from '../../oauth/events/retention.ts'
import { streamOf } from '../../oauth/events.ts'
import { dropFault } from '../../oauth/retention.ts'
import type { Laws } from './law.ts'

export const retentionLaws: Laws<RetentionEvents> = {
  'payloads.dropped': {
    kind: 'retention',
    stream: () => streamOf.retention('payloads'),
    broken: (_, event) => dropFault(event),
  },
  'side_records.dropped': {
    kind: 'retention',
    stream: () => streamOf.retention('side_records'),
    broken: (_, event) => dropFault(event),
  },
}
