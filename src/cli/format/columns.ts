export interface ColumnOptions {
  /** Least width of a cell with its padding. */
  readonly minWidth: number;
  readonly padding: number;
}

/**
 * Aligns cells that tabs end, as Go's tabwriter does: a column is a run of lines that all have a cell there, as wide as
 * its widest cell. What follows the last tab of a line is no cell and takes no part.
 */
export function alignColumns(text: string, { minWidth, padding }: ColumnOptions): string {
  const lines = text.split('\n').map((line) => line.split('\t'));
  const widths = lines.map(() => [] as number[]);
  const deepest = Math.max(...lines.map((cells) => cells.length - 1));
  for (let column = 0; column < deepest; column++) {
    for (let first = 0; first < lines.length; first++) {
      if (!hasCell(lines[first]!, column)) continue;
      let end = first;
      while (end < lines.length && hasCell(lines[end]!, column)) end++;
      // A column without any text takes no room.
      const widest = Math.max(...lines.slice(first, end).map((cells) => [...cells[column]!].length));
      const width = widest === 0 ? 0 : Math.max(minWidth, widest + padding);
      for (let line = first; line < end; line++) widths[line]![column] = width;
      first = end;
    }
  }
  return lines
    .map((cells, line) =>
      cells.map((cell, column) => (hasCell(cells, column) ? pad(cell, widths[line]![column]!) : cell)).join(''),
    )
    .join('\n');
}

function hasCell(cells: readonly string[], column: number): boolean {
  return column < cells.length - 1;
}

function pad(cell: string, width: number): string {
  return cell + ' '.repeat(Math.max(0, width - [...cell].length));
}
