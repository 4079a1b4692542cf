import packageJson from '../../package.json' with { type: 'json' };

/** Version of the engine: the package's. */
export const version: string = packageJson.version;
