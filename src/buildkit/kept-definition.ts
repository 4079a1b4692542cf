import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { sha256 } from '../oci/index.ts';
import { type Definition, DefinitionSchema, OpMetadataSchema, OpSchema } from './wire/ops_pb.ts';

const scheme = 'strata-result://';

/** A result that the builder keeps in the form in which clients give it to another build: a graph of one source. */
export function definitionOf(id: string): Definition {
  const source = toBinary(OpSchema, create(OpSchema, { source: { identifier: `${scheme}${id}` } }));
  const result = toBinary(OpSchema, create(OpSchema, { inputs: [{ digest: sha256(source), index: 0n }] }));
  const metadata = Object.fromEntries([source, result].map((op) => [sha256(op), create(OpMetadataSchema)]));
  return create(DefinitionSchema, { def: [source, result], metadata });
}

/** The result that a graph is made of; undefined for any other graph. */
export function resultIn({ def }: Definition): string | undefined {
  for (const bytes of def) {
    const { source } = fromBinary(OpSchema, bytes);
    if (source?.identifier.startsWith(scheme)) return source.identifier.slice(scheme.length);
  }
  return undefined;
}
