import type { BuildRequest, ContextSource, NamedContext } from '../../wire/index.ts';
import { contextNames } from '../frontend/externals.ts';
import { knownOp } from '../frontend/passing.ts';
import type { BuildVertex, External } from '../frontend/plan.ts';
import type { Workshop } from '../ops/workshop.ts';
import type { Session } from '../session.ts';
import { allowedContext } from '../source-policy.ts';
import { openContext } from './open-context.ts';
import { readIgnore } from './read-dockerfile.ts';

/** The named context that stands for `name`, if one does. */
export function findNamedContext(request: BuildRequest, name: string): NamedContext | undefined {
  const contexts = request.namedContexts ?? {};
  for (const candidate of contextNames(name)) if (Object.hasOwn(contexts, candidate)) return contexts[candidate];
  return undefined;
}

/** Opens the files of a named context that is no image. */
export async function openNamedContext(
  shop: Workshop,
  session: Session,
  name: string,
  context: ContextSource,
): Promise<External> {
  const event = { kind: 'internal', name: `[context ${name}] load from client` } as const;
  const opened = await session.step(event, async (work) => {
    const allowed = allowedContext(session.allowed, context);
    await session.bring(allowed, undefined, work);
    return await openContext(shop, allowed, work);
  });
  session.onEnd(opened.close);
  const ignore = readIgnore(opened.dir);
  return {
    kind: 'tree',
    label: name,
    vertex: contextVertex(session, opened.dir, `[context ${name}] files`, opened.label, ignore),
  };
}

/** A vertex whose result is a folder's files. */
export function contextVertex(
  session: Session,
  root: string,
  name: string,
  label: string,
  ignore: string | undefined,
): BuildVertex {
  const source = { root, resetOwner: true, ...(ignore !== undefined && { ignore }) };
  return {
    event: { id: session.vertexID(), kind: 'internal', name },
    inputs: [],
    op: knownOp({ kind: 'tree', source, label }),
  };
}
