import type { RedisClient } from './connection.js';
import { nameOf } from './server-mode.js';
import type { RedisAddress } from './target.js';

const SLOTS = 16_384;
const POLYNOMIAL = 0x1021;

/** CRC16 (XMODEM) of every byte. */
const CRC16 = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 0x8000 ? (crc << 1) ^ POLYNOMIAL : crc << 1;
  return crc;
});

/** The hash slot of a key or channel: https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/#key-distribution-model */
export function slotOf(name: string): number {
  const open = name.indexOf('{');
  const close = open === -1 ? -1 : name.indexOf('}', open + 1);
  const hashed = close > open + 1 ? name.slice(open + 1, close) : name;
  let crc = 0;
  for (const byte of Buffer.from(hashed)) crc = ((crc << 8) & 0xffff) ^ (CRC16[(crc >> 8) ^ byte] ?? 0);
  return crc % SLOTS;
}

/** Which master has which slots, as one node sees it. */
export class ClusterMap {
  /** By name. */
  readonly masters = new Map<string, RedisAddress>();
  private readonly owners: (string | undefined)[] = new Array(SLOTS);
  /** Equal for equal maps. */
  readonly text: string;

  constructor(ranges: readonly { from: number; to: number; master: RedisAddress }[]) {
    for (const { from, to, master } of ranges) {
      this.masters.set(nameOf(master), master);
      this.owners.fill(nameOf(master), from, to + 1);
    }
    this.text = ranges
      .map(({ from, to, master }) => `${from}-${to} ${nameOf(master)}`)
      .sort()
      .join('\n');
  }

  /** The name of the master that has a slot; undefined when no node has it. */
  ownerOf(slot: number): string | undefined {
    return this.owners[slot];
  }

  /** A slot was found at another master. `text` stays what the node said. */
  move(slot: number, name: string): void {
    this.owners[slot] = name;
  }
}

/** How a node sees its cluster. */
export interface ClusterView {
  map: ClusterMap;
  /** False when the node is cut off from most masters, or slots have no node. */
  isHealthy: boolean;
}

/** @param address of the node that is asked: it may not know its own */
export async function readCluster(client: RedisClient, address: RedisAddress): Promise<ClusterView> {
  const [information, slots] = await Promise.all([client.clusterInfo(), client.clusterSlots()]);
  const ranges = slots.map(({ from, to, master }) => ({
    from,
    to,
    master: { host: master.host || address.host, port: master.port },
  }));
  return { map: new ClusterMap(ranges), isHealthy: /^cluster_state:ok/m.test(String(information)) };
}
