import { documentText } from '../../db/index.ts';
import { StrataError } from '../../errors/index.ts';
import type { Networks } from '../../network/index.ts';
import { type ContainerRecord, hasProcess } from '../record.ts';
import { linkedAddresses, linkedFrom, linkVariables } from '../request/links.ts';
import type { ContainerStore } from '../store.ts';
import type { Turns } from '../turns.ts';
import type { Containers } from '../types.ts';
import { containerFiles } from './injected-files.ts';
import { askedEndpoint, joinOneMore, refuseUnknownOptions } from './join-network.ts';
import { sharedNetwork } from './network-mode.ts';

export interface MembershipParts {
  readonly store: ContainerStore;
  readonly networks: Networks;
  readonly turns: Turns;
  /** Folder of a container's injected files. */
  readonly folderOf: (id: string) => string;
}

export interface Membership extends Pick<Containers, 'connectNetwork' | 'disconnectNetwork'> {
  /** A container has started, maybe with another address: what links to it is told. */
  relink(id: string): Promise<void>;
}

/** Joining and leaving networks after `create`: of a container that runs at once, of another one at its next start. */
export function createMembership({ store, networks, turns, folderOf }: MembershipParts): Membership {
  /** The names that the container resolves by and those of its networks are in files that are mounted. */
  async function rewriteFiles(id: string): Promise<void> {
    await containerFiles(store.get(id), { own: folderOf(id), shared: undefined }, networks, store);
    await nameLinks(store.get(id));
  }

  /** On a user's network linked containers are known to the name server, too. */
  async function nameLinks(record: ContainerRecord): Promise<void> {
    for (const [network, { Links = [] }] of Object.entries(record.networks))
      if (Links.length > 0) await networks.nameLinks(record.id, network, linkedAddresses(Links, network, store));
  }

  /** Processes that are still to be started in it hear of the new address. */
  function retell(id: string): void {
    try {
      const record = store.get(id);
      store.change(id, { linkVariables: linkVariables(record, record.networks, store) });
    } catch {
      // Another one that it is linked to does not run: it keeps what it knows.
    }
  }

  return {
    async relink(id) {
      const record = store.get(id);
      await nameLinks(record);
      for (const from of linkedFrom(record, store)) {
        // What is wrong with the other one, it hears at its own start.
        await rewriteFiles(from).catch(() => undefined);
        retell(from);
      }
    },
    async connectNetwork(ref, network, endpoint) {
      const { id } = store.get(ref);
      const { name } = networks.get(network);
      await turns.run(id, async () => {
        const record = store.get(id);
        refuseFixed(record, name);
        const asked = askedEndpoint(networks.get(name), endpoint);
        refuseUnknownOptions(asked);
        documentText('the configuration of the container', {
          ...record,
          networks: { ...record.networks, [name]: asked },
        });
        if (!hasProcess(record)) {
          store.change(id, { networks: { ...record.networks, [name]: asked } });
          return;
        }
        if (record.networks[name])
          throw new StrataError(
            'permission_denied',
            `endpoint with name ${record.name} already exists in network ${name}`,
            { code: 'endpoint_exists' },
          );
        const joined = await joinOneMore(record, networks, name, asked);
        store.change(id, { networks: { ...store.get(id).networks, [name]: joined } });
        await rewriteFiles(id);
      });
    },
    async disconnectNetwork(ref, network) {
      const { id } = store.get(ref);
      const { name } = networks.get(network);
      await turns.run(id, async () => {
        const record = store.get(id);
        if (!record.networks[name])
          throw new StrataError('permission_denied', `container ${id} is not connected to network ${name}`, {
            code: 'not_connected',
          });
        if (name === 'host')
          throw new StrataError(
            'permission_denied',
            'container cannot be disconnected from host network or connected to host network',
          );
        if (hasProcess(record)) await networks.leave(id, name);
        const { [name]: _, ...rest } = record.networks;
        store.change(id, { networks: rest });
        if (hasProcess(record)) await rewriteFiles(id);
      });
    },
  };
}

/** A container on the host's network or on none stays there; so does one in another's. */
function refuseFixed(record: ContainerRecord, name: string): void {
  const refuse = (message: string) => {
    throw new StrataError('permission_denied', message, { code: 'network_fixed' });
  };
  if (name === 'host')
    refuse('cannot connect container to host network - container must be created in host network mode');
  if (record.host.NetworkMode === 'host' || sharedNetwork(record.host) !== undefined)
    refuse(
      'container sharing network namespace with another container or host cannot be connected to any other network',
    );
  if (name === 'none' || (record.host.NetworkMode === 'none' && record.networks['none']))
    refuse('container cannot be connected to multiple networks with one of the networks in private (none) mode');
}
