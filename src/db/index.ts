export type { Database, MakeRoom, Migration, Row, Value } from './database.ts';
export { openDatabase } from './database.ts';
export { dateText, documentLimit, documentText, readDocument, readJson, sealOf } from './documents.ts';
