import { flag, list, map, object, text } from '../shape.ts';
import { endpointSettings } from './container.ts';

export const networkCreateRequest = object({
  Name: text,
  CheckDuplicate: flag,
  Driver: text,
  Scope: text,
  EnableIPv4: flag,
  EnableIPv6: flag,
  IPAM: object({
    Driver: text,
    Options: map(text),
    Config: list(object({ Subnet: text, IPRange: text, Gateway: text, AuxiliaryAddresses: map(text) })),
  }),
  Internal: flag,
  Attachable: flag,
  Ingress: flag,
  ConfigOnly: flag,
  ConfigFrom: object({ Network: text }),
  Options: map(text),
  Labels: map(text, () => ''),
});

export const networkConnectRequest = object({ Container: text, EndpointConfig: endpointSettings });

export const networkDisconnectRequest = object({ Container: text, Force: flag });
