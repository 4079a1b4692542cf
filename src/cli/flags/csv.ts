/** Fields of one line of comma-separated values; a field in double quotes may hold commas. */
export function csvFields(line: string): string[] {
  const fields: string[] = [];
  let at = 0;
  for (;;) {
    if (line[at] !== '"') {
      const comma = line.indexOf(',', at);
      const field = line.slice(at, comma === -1 ? undefined : comma);
      if (field.includes('"'))
        throw new Error(`parse error on line 1, column ${at + field.indexOf('"') + 1}: bare " in non-quoted-field`);
      fields.push(field);
      if (comma === -1) return fields;
      at = comma + 1;
      continue;
    }
    const closing = /"((?:[^"]|"")*)"(,|$)/y;
    closing.lastIndex = at;
    const match = closing.exec(line);
    if (!match) throw new Error(`parse error on line 1, column ${at + 1}: extraneous or missing " in quoted-field`);
    fields.push(match[1]!.replaceAll('""', '"'));
    if (match[2] === '') return fields;
    at = closing.lastIndex;
  }
}
