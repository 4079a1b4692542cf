/** Columns as Go's tabwriter leaves them: `gap` blanks apart, the last cell of a line not filled up. */
export function table(rows: readonly (readonly string[])[], gap = 1): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) => {
    const last = row.length - 1;
    return row.map((cell, column) => (column === last ? cell : cell.padEnd(widths[column]! + gap))).join('');
  });
  return `${lines.join('\n')}\n`;
}
