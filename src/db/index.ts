export type { Database, MakeRoom, Migration, Row, Value } from './database.ts';
export { openDatabase } from './database.ts';
export { documentLimit, documentText } from './documents.ts';
