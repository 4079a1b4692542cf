export type { Database, Migration, Row, Value } from './database.ts';
export { openDatabase } from './database.ts';
