/** Parameters of the development chain. Network bytes are Bitcoin mainnet's, as on every Coinstack chain. */

/** Regtest's target: every second hash meets it (Bitcoin Core, chainparams.cpp). */
export const proofOfWorkBits = 0x207fffff

export const blockVersion = 4

/** 50 coins, never halved. */
export const rewardSats = 50n * 100_000_000n

/** Blocks until a coinbase can be spent. */
export const coinbaseMaturity = 100

/** btcd's sanity limit for a single value: 21 million coins. */
export const maximumMoneySats = 21_000_000n * 100_000_000n

/** The node's relay policy, satoshis a byte. */
export const minimumFeeSatsPerByte = 1n

export const dustLimitSats = 546n

export const maximumTransactionBytes = 5_242_880

/** Larger than any transaction, so that whatever is relayed can also be mined. */
export const maximumBlockBytes = 8_000_000

/** OP_RETURN data of one output. */
export const maximumDataBytes = 2_097_152

/** Text in the genesis coinbase: this is what makes it a chain of its own. */
export const genesisText = 'coinstack-signon development chain'

/** 2026-01-01T00:00:00Z */
export const genesisTimeSeconds = 1_767_225_600
