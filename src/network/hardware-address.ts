/**
 * The hardware address that goes with an IPv4 address, as Docker chose it for long: whoever remembers where the former
 * owner of the address was still reaches the next one, where a random address would leave it unreachable for up to a minute.
 */
export function hardwareAddress(ip: string): string {
  return ['02', '42', ...ip.split('.').map((part) => Number(part).toString(16).padStart(2, '0'))].join(':');
}
