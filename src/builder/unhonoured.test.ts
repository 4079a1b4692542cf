import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BuildRequest, OutputSpec } from '../wire/build.ts';
import { unhonoured } from './unhonoured.ts';

const told = (request: Partial<BuildRequest>) => unhonoured({ context: { kind: 'empty' }, ...request });
const output = (type: OutputSpec['type'], attributes: OutputSpec['attributes']) => ({
  outputs: [{ type, attributes }],
});

test('what a build asks for and does not get is told', () => {
  const rows: readonly (readonly [Partial<BuildRequest>, readonly (string | RegExp)[]])[] = [
    [{}, []],
    [output('image', { name: 'a', push: 'true', compression: 'zstd', 'annotation.a': 'b' }), []],
    [
      output('image', { 'oci-mediatypes': 'true' }),
      [/^attribute oci-mediatypes of the output type=image has no effect$/],
    ],
    [output('local', { dest: 'a', 'platform-split': 'false' }), []],
    [output('local', { foo: 'bar' }), [/^attribute foo of the output type=local/]],
    [{ cacheTo: [{ type: 'registry', ref: 'a', mode: 'max' }] }, []],
    [
      { cacheTo: [{ type: 'registry', ref: 'a', 'image-manifest': 'true' }] },
      [/^attribute image-manifest of --cache-to/],
    ],
    [{ cacheFrom: [{ type: 'local', src: 'a', foo: 'b' }] }, [/^attribute foo of --cache-from type=local/]],
    [{ attests: { sbom: 'true', provenance: 'mode=max' } }, [/no SBOM$/, /no provenance$/]],
    [{ attests: { sbom: 'disabled=true' } }, []],
    [{ buildArgs: { BUILDKIT_SYNTAX: 'a/b' } }, [/^BUILDKIT_SYNTAX=a\/b is not fetched/]],
    [
      { buildArgs: { BUILDKIT_MULTI_PLATFORM: '1', BUILDKIT_INLINE_CACHE: '1', BUILDKIT_X: '1' } },
      [/^build argument BUILDKIT_MULTI_PLATFORM/],
    ],
    [{ allow: ['network.host', 'security.insecure'] }, []],
    [{ ignored: ['a'] }, ['a']],
  ];
  for (const [request, expected] of rows) {
    const said = told(request);
    assert.equal(said.length, expected.length, `${JSON.stringify(request)}: ${said}`);
    for (const [i, one] of expected.entries()) assert.match(said[i]!, typeof one === 'string' ? new RegExp(one) : one);
  }
});

test('what would make another thing is refused', () => {
  const rows: readonly (readonly [Partial<BuildRequest>, string])[] = [
    [output('image', { compression: 'estargz' }), 'unsupported compression type estargz'],
    [output('registry', { compression: 'foo' }), 'unsupported compression type foo'],
    [{ cacheTo: [{ type: 'registry', ref: 'a', compression: 'estargz' }] }, 'unsupported compression type estargz'],
    [{ allow: ['device=foo'] }, 'granting entitlement device is not allowed by build daemon configuration'],
    [{ allow: ['foo'] }, 'unknown entitlement foo'],
    [{ attests: { foo: '' } }, 'unknown attestation type "foo"'],
  ];
  for (const [request, message] of rows) assert.throws(() => told(request), { message });
});
