/**
 * A table in plain text: columns as wide as their widest cell, numbers right, text left.
 * @param rows The first row is the head.
 * @param left Indices of the columns that hold text.
 */
export function formatTable(rows: readonly (readonly string[])[], left: readonly number[]): string {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) =>
        left.includes(column) ? cell.padEnd(widths[column]) : cell.padStart(widths[column]),
      )
      .join('  ')
      .trimEnd();
  const rule = widths.map((width) => '-'.repeat(width)).join('  ');
  return [line(rows[0]), rule, ...rows.slice(1).map(line)].join('\n');
}
