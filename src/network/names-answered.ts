import { Resolver } from 'node:dns/promises';
import { setTimeout as sleep } from 'node:timers/promises';

export interface NamedAddress {
  /** Address of the network's name server. */
  readonly server: string;
  readonly name: string;
  readonly address: string;
}

/** Longest wait, in milliseconds: a name server that cannot work holds up no container for longer. */
const patience = 2000;

/**
 * Waits until a network's name server knows a member. aardvark-dns is told of a change by a signal; it then closes its
 * sockets, reads its files and listens anew, and whoever asks meanwhile is refused.
 */
export async function namesAnswered(wanted: readonly NamedAddress[]): Promise<void> {
  const until = performance.now() + patience;
  await Promise.all(wanted.map((one) => answered(one, until)));
}

async function answered({ server, name, address }: NamedAddress, until: number): Promise<void> {
  const resolver = new Resolver({ timeout: 100, tries: 1 });
  resolver.setServers([server]);
  while (performance.now() < until) {
    const addresses = await resolver.resolve4(name).catch((): string[] => []);
    if (addresses.includes(address)) return;
    await sleep(2);
  }
}
