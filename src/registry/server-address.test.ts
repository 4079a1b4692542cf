import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StrataError } from '../errors/index.ts';
import { serverHost } from './server-address.ts';

test('addresses of registries are read as docker reads them', () => {
  const hosts: Record<string, string> = {
    '': 'docker.io',
    'https://index.docker.io/v1/': 'docker.io',
    'index.docker.io': 'docker.io',
    'registry.example:5000/': 'registry.example:5000',
    'http://127.0.0.1:1/v2/': '127.0.0.1:1',
    'http://user:pw@host/': 'host',
    'a/b/c': 'a',
    'ftp://127.0.0.1:1': 'ftp:',
    '[::1]:5000': '[::1]:5000',
    'http://127.0.0.1:1?x=1': '127.0.0.1:1',
  };
  for (const [address, host] of Object.entries(hosts)) assert.equal(serverHost(address), host, address);
});

test('what is no address is refused in docker’s words, and never ends in another error', () => {
  const words: Record<string, string> = {
    '[::1': `unable to parse server address: parse "https://[::1": missing ']' in host`,
    'a b': `unable to parse server address: parse "https://a b": invalid character " " in host name`,
    'a\tb': `unable to parse server address: parse "https://a\\tb": net/url: invalid control character in URL`,
    'host:abc': `unable to parse server address: parse "https://host:abc": invalid port ":abc" after host`,
    '%zz': `unable to parse server address: parse "https://%zz": invalid URL escape "%zz"`,
    'host:99999': 'Get "https://host:99999/v2/": dial tcp: address 99999: invalid port',
    'http://': 'Get "https:/v2/": http: no Host in request URL',
    '?x': 'Get "https:/v2/": http: no Host in request URL',
  };
  for (const [address, message] of Object.entries(words))
    assert.throws(() => serverHost(address), { name: 'StrataError', message }, address);
  const odd = [
    '\u0000',
    '../..',
    '@',
    'a@b',
    '.',
    '*',
    'host:',
    ':5000',
    '-x',
    '::1',
    'x'.repeat(5000),
    'ü',
    '\ud800',
    '127.0.0.1:1\\x',
    '<>',
    '%00',
    '0x7f.1',
    '1.2.3.4.5',
  ];
  for (const address of odd) {
    try {
      assert.ok(URL.canParse(`https://${serverHost(address)}/`), address);
    } catch (error) {
      assert.ok(error instanceof StrataError, `${address}: ${error}`);
    }
  }
});
