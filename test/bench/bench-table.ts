/** A table: what was measured, and the figures that it has to hold. Only says what it was given. */

import type { Series } from './interleave.js';
import type { Stage } from './stage.js';

export interface BenchTable {
  readonly name: string;
  readonly title: string;
  measure(stage: Stage): Promise<TableResult>;
}

export interface TableResult {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly figures: readonly Figure[];
  readonly series: readonly Series[];
  readonly notes?: readonly string[];
}

/** A figure to hold. Not held when it could not be measured. */
export interface Figure {
  readonly text: string;
  readonly value: number;
  readonly limit: number;
  readonly isAtLeast: boolean;
  readonly unit: string;
  /** The same of the least client: one that does nothing but keep our promises. NaN when there is none. */
  readonly ofLeastClient: number;
}

export function atLeast(text: string, value: number, limit: number, unit = 'x', ofLeastClient = Number.NaN): Figure {
  return { text, value, limit, unit, ofLeastClient, isAtLeast: true };
}

export function atMost(text: string, value: number, limit: number, unit = 'x', ofLeastClient = Number.NaN): Figure {
  return { text, value, limit, unit, ofLeastClient, isAtLeast: false };
}

export function isHeld({ value, limit, isAtLeast }: Figure): boolean {
  return isAtLeast ? value >= limit : value <= limit;
}

export function figureText(figure: Figure): string {
  const { text, value, limit, isAtLeast, unit, ofLeastClient } = figure;
  const verdict = Number.isNaN(value) ? 'not measured' : isHeld(figure) ? 'holds' : 'MISSED';
  const least = Number.isNaN(ofLeastClient) ? '' : `; the least client: ${number(ofLeastClient)}`;
  return `${verdict.padEnd(7)} ${text}: ${number(value)} ${unit} (${isAtLeast ? 'at least' : 'at most'} ${limit}${least})`;
}

/** Three significant digits, and never an exponent. */
export function number(value: number): string {
  if (Number.isNaN(value)) return '-';
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toFixed(Math.abs(value) < 0.1 && value !== 0 ? 3 : digits);
}

/** `median (least-most)` */
export function spread(series: Series, key: string): string {
  if (series.failure !== undefined) return 'FAILED';
  return `${number(series.median(key))} (${number(series.least(key))}-${number(series.most(key))})`;
}

export function tableText(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map((column, index) => Math.max(column.length, ...rows.map((row) => row[index]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${widths.map((width, index) => (cells[index] ?? '').padEnd(width)).join(' | ')} |`;
  const rule = `|${widths.map((width) => '-'.repeat(width + 2)).join('|')}|`;
  return [line(columns), rule, ...rows.map(line)].join('\n');
}
