// Counts as the path of a line. Pure.

export interface Line {
  line: string;
  area: string;
  last: readonly [number, number];
}

const round = (n: number) => Math.round(n * 10) / 10;

/** A line through `points`, zero at the bottom, within `pad` of the edges. */
export function linePath(
  points: readonly number[],
  width: number,
  height: number,
  pad = 1,
  max = Math.max(1, ...points),
): Line {
  const step = points.length > 1 ? (width - 2 * pad) / (points.length - 1) : 0;
  const at = points.map(
    (n, i) =>
      [
        round(pad + i * step),
        round(height - pad - (Math.max(0, n) / max) * (height - 2 * pad)),
      ] as const,
  );
  const line = at.map(([x, y], i) => `${i === 0 ? 'M' : 'L'}${x} ${y}`).join('');
  const last = at.at(-1) ?? ([0, height] as const);
  const area = at.length === 0 ? '' : `${line}L${last[0]} ${height}L${at[0]?.[0]} ${height}Z`;
  return { line, area, last };
}
