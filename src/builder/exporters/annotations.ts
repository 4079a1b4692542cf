import { StrataError } from '../../errors/index.ts';
import { formatPlatform, type Platform, parsePlatform } from '../../oci/index.ts';
import type { BuildRequest, OutputSpec } from '../../wire/index.ts';

type Texts = Readonly<Record<string, string>>;
type Place = 'manifest' | 'index' | 'manifest-descriptor' | 'index-descriptor';

interface Annotation {
  readonly place: Place;
  /** Absent: of every platform. */
  readonly platform?: string;
  readonly key: string;
  readonly value: string;
}

/** What `--annotation` and the `annotation` attributes of an output put where (OCI image-spec v1.1, annotations.md). */
export interface Annotations {
  readonly isEmpty: boolean;
  readonly index: Texts;
  readonly indexDescriptor: Texts;
  manifest(platform: Platform): Texts;
  manifestDescriptor(platform: Platform): Texts;
}

const place = '(?:manifest|index)(?:-descriptor)?(?:\\[[^\\]]*\\])?';
const typed = new RegExp(`^(${place}(?:,${place})*):(.+)$`);
const attribute = new RegExp(`^annotation(?:-(${place}))?\\.(.+)$`);

/** Throws `invalid_argument` where an index is meant and there is none. */
export function annotationsOf(request: BuildRequest, output: OutputSpec, hasIndex: boolean): Annotations {
  const all = [
    ...Object.entries(request.annotations ?? {}).flatMap(([name, value]) => {
      const [, places = 'manifest', key = name] = typed.exec(name) ?? [];
      return places.split(/,(?![^[]*\])/).map((one) => readAnnotation(one, key, value));
    }),
    ...Object.entries(output.attributes).flatMap(([name, value]) => {
      const [, one = 'manifest', key] = attribute.exec(name) ?? [];
      return key === undefined ? [] : [readAnnotation(one, key, value)];
    }),
  ];
  if (!hasIndex && all.some((one) => one.place === 'index' || one.place === 'manifest-descriptor')) {
    throw new StrataError('invalid_argument', 'index annotations not supported for single platform export', {
      code: 'no_index',
      hint: 'only an image of several platforms has an index',
    });
  }
  const at = (wanted: Place, platform?: Platform): Texts => {
    const serves = (one: Annotation) =>
      one.place === wanted &&
      (one.platform === undefined || platform === undefined || one.platform === formatPlatform(platform));
    return Object.fromEntries(all.filter(serves).map(({ key, value }) => [key, value]));
  };
  return {
    isEmpty: all.length === 0,
    index: at('index'),
    indexDescriptor: at('index-descriptor'),
    manifest: (platform) => at('manifest', platform),
    manifestDescriptor: (platform) => at('manifest-descriptor', platform),
  };
}

function readAnnotation(text: string, key: string, value: string): Annotation {
  const [, name, platform] = /^([a-z-]+)(?:\[([^\]]*)\])?$/.exec(text)!;
  const normal = platform ? { platform: formatPlatform(parsePlatform(platform)) } : {};
  return { place: name as Place, key, value, ...normal };
}
