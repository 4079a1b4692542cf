import type { FastifyInstance, RouteHandlerMethod } from 'fastify';
import { publishNetwork } from '../../engine/index.ts';
import { StrataError } from '../../errors/index.ts';
import type { EndpointSettings, Network } from '../../network/index.ts';
import { noBool, parseBool } from '../../oci/index.ts';
import { readJson } from '../body.ts';
import { type Filters, readFilters } from '../filters.ts';
import { checkAddressDriver, checkFamilies, checkScope, networkWarnings } from '../network-request.ts';
import { sendEmpty, sendJson } from '../reply.ts';
import { queryOf, versionOf } from '../server.ts';
import { networkConnectRequest, networkCreateRequest, networkDisconnectRequest } from '../shapes/network.ts';
import { parseMoment } from '../time.ts';
import type { ApiBackend } from '../types.ts';
import { before } from '../version.ts';
import { connectFields, networkFields, withKnownFields } from '../version-history.ts';
import { networkView } from '../views/network.ts';

type Backend = Pick<ApiBackend, 'networks' | 'containers' | 'events'>;
type ById = { Params: { id: string } };

const predefined = new Set(['bridge', 'host', 'none', 'default']);

export function addNetworkRoutes(app: FastifyInstance, backend: Backend): void {
  const { networks, containers, events } = backend;

  const list: RouteHandlerMethod = async (request, reply) => {
    const filters = readFilters(queryOf(request), ['dangling', 'driver', 'id', 'label', 'name', 'scope', 'type']);
    const wrong = filters.values('type').find((type) => type !== 'builtin' && type !== 'custom');
    if (wrong !== undefined) throw new StrataError('invalid_argument', `invalid filter: 'type'='${wrong}'`);
    const old = before(versionOf(request), 'networksWithoutContainers');
    const keep = (network: Network) => matches(network, filters, backend);
    sendJson(
      reply,
      networks
        .list()
        .filter(keep)
        .map((network) => networkView(network, old ? containers.list() : [])),
    );
  };
  for (const path of ['/networks', '/networks/']) app.get(path, list);

  const inspect = async (id: string) => networkView(networks.get(id), containers.list());
  app.get<ById>('/networks/:id', async (request, reply) => {
    const query = queryOf(request);
    const verbose = query.text('verbose');
    if (verbose !== '' && parseBool(verbose) === undefined)
      throw new StrataError('invalid_argument', `invalid value for verbose: ${verbose}: ${noBool(verbose)}`);
    const scope = query.text('scope');
    if (scope !== '' && scope !== 'local')
      throw new StrataError('not_found', `network ${request.params.id} not found`, { code: 'network_not_found' });
    sendJson(reply, await inspect(request.params.id));
  });

  app.post('/networks/create', async (request, reply) => {
    const body = await readJson(request, networkCreateRequest, { required: true });
    const given = withKnownFields(body, networkFields, versionOf(request));
    const name = given.Name ?? '';
    if (name.trim() === '') throw new StrataError('invalid_argument', 'invalid name: name is empty');
    if (predefined.has(name)) {
      throw new StrataError('permission_denied', `operation is not permitted on predefined ${name} network `);
    }
    checkScope(given);
    checkFamilies(given);
    checkAddressDriver(given.IPAM?.Driver ?? '');
    const subnets = (given.IPAM?.Config ?? []).map(({ Subnet = '', Gateway, IPRange, AuxiliaryAddresses = {} }) => ({
      subnet: Subnet,
      ...(Gateway && { gateway: Gateway }),
      ...(IPRange && { ipRange: IPRange }),
      ...(Object.keys(AuxiliaryAddresses).length > 0 && { auxiliary: AuxiliaryAddresses }),
    }));
    const { Network: from = '' } = given.ConfigFrom ?? {};
    const network = await networks.create({
      name,
      ...(given.Driver && { driver: given.Driver }),
      ...(given.Internal && { internal: true }),
      ...(given.Attachable && { attachable: true }),
      ...(given.Labels && { labels: given.Labels }),
      ...(given.Options && { options: given.Options }),
      ...(given.IPAM?.Options && { addressOptions: given.IPAM.Options }),
      ...(given.ConfigOnly && { configOnly: true }),
      ...(from !== '' && { configFrom: from }),
      ...(subnets.length > 0 && { subnets }),
    });
    publishNetwork(events, 'create', network);
    sendJson(reply, { Id: network.id, Warning: networkWarnings(given).join('; ') }, 201);
  });

  app.delete<ById>('/networks/:id', async (request, reply) => {
    const network = networks.get(request.params.id);
    if (predefined.has(network.name))
      throw new StrataError('permission_denied', `${network.name} is a pre-defined network and cannot be removed`, {
        code: 'predefined_network',
      });
    const users = containers.list().filter((container) => container.state.pid > 0 && container.networks[network.name]);
    if (users.length > 0) {
      const names = users.map((user) => `name:"${user.name}" id:"${user.id.slice(0, 12)}"`).join(', ');
      throw new StrataError(
        'permission_denied',
        `error while removing network: network ${network.name} has active endpoints (${names})`,
        {
          code: 'network_in_use',
        },
      );
    }
    await networks.remove(network.id);
    publishNetwork(events, 'destroy', network);
    sendEmpty(reply);
  });

  app.post<ById>('/networks/:id/connect', async (request, reply) => {
    const body = await readJson(request, networkConnectRequest, { required: true });
    const { Container, EndpointConfig } = withKnownFields(body, connectFields, versionOf(request));
    const { network, container } = pair(backend, request.params.id, Container);
    await containers.connectNetwork(container.id, network.name, (EndpointConfig ?? {}) as EndpointSettings);
    // What does not run is attached when it starts.
    if (container.state.pid > 0) publishNetwork(events, 'connect', network, { container: container.id });
    sendEmpty(reply, 200);
  });

  app.post<ById>('/networks/:id/disconnect', async (request, reply) => {
    const { Container } = await readJson(request, networkDisconnectRequest, { required: true });
    const { network, container } = pair(backend, request.params.id, Container);
    await containers.disconnectNetwork(container.id, network.name);
    if (container.state.pid > 0) publishNetwork(events, 'disconnect', network, { container: container.id });
    sendEmpty(reply, 200);
  });

  app.post('/networks/prune', async (request, reply) => {
    const filters = readFilters(queryOf(request), ['label', 'label!', 'until']);
    const until = parseMoment(filters.values('until')[0] ?? '') ?? Number.POSITIVE_INFINITY;
    const deleted = await networks.prune(
      ({ labels, created }) => filters.labels(labels) && Date.parse(created) / 1000 < until,
    );
    for (const network of deleted) publishNetwork(events, 'destroy', network);
    events.publish({ Type: 'network', Action: 'prune', Actor: { ID: '', Attributes: { reclaimed: '0' } } });
    sendJson(reply, { NetworksDeleted: deleted.length > 0 ? deleted.map(({ name }) => name) : null });
  });
}

function pair({ networks, containers }: Backend, id: string, container: string | undefined) {
  if (!container) throw new StrataError('invalid_argument', 'invalid name or ID supplied: ""');
  return { network: networks.get(id), container: containers.get(container) };
}

function matches(network: Network, filters: Filters, { containers }: Backend): boolean {
  const inUse = () => containers.list().some((container) => container.networks[network.name]);
  const driver = network.driver === 'none' ? 'null' : network.driver;
  const dangling = filters.flag('dangling');
  const builtin = predefined.has(network.name);
  return (
    filters.exact('driver', driver) &&
    filters.exact('scope', 'local') &&
    filters.exact('type', builtin ? 'builtin' : 'custom') &&
    filters.prefix('id', [network.id]) &&
    (!filters.has('name') || filters.values('name').some((want) => network.name.includes(want))) &&
    filters.labels(network.labels) &&
    (dangling === undefined || dangling === (!builtin && !inUse()))
  );
}
