/** The page of results, one section a part. */
import { readFile, writeFile } from 'node:fs/promises';

const PAGE = new URL('../../docs/results/leastVolume.md', import.meta.url);

/** A Markdown table. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((cell, i) =>
    Math.max(3, cell.length, ...rows.map((row) => row[i].length)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i])).join(' | ')} |`;
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)];
}

/** Replace the section between the markers of a part, and print it. */
export async function writeSection(name: string, lines: readonly string[]): Promise<void> {
  console.log(lines.join('\n'));
  const [begin, end] = [`<!-- begin ${name} -->`, `<!-- end ${name} -->`];
  const page = await readFile(PAGE, 'utf8');
  const [from, to] = [page.indexOf(begin), page.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${PAGE.pathname} has no markers of ${name}`);
  const body = `${begin}\n\n${lines.join('\n')}\n\n`;
  await writeFile(PAGE, page.slice(0, from) + body + page.slice(to));
}
