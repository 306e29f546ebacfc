// The chart: instructions a check by kind, as SVG. No dependencies.
import { BESIDE, CHECKS, UNCACHED, thousands } from './kinds.mjs';

const WIDTH = 860;
const LABEL = 270;
const ROOM = 110;
const BAR = 20;
const ROW = 30;

const STYLE = `
  text { font: 14px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328; }
  .title { font-weight: 600; font-size: 16px; }
  .quiet { fill: #59636e; font-size: 12px; }
  .paper { fill: #ffffff; }
  .ours { fill: #0969da; }
  .beside { fill: #8c959f; }
  .line { stroke: #d1d9e0; stroke-width: 1; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .quiet { fill: #9198a1; }
    .paper { fill: #0d1117; }
    .ours { fill: #4493f8; }
    .beside { fill: #6e7681; }
    .line { stroke: #3d444d; }
  }`;

/** A round number above `most`, and how far apart the lines of the grid are. */
function scale(most) {
  const power = 10 ** Math.floor(Math.log10(most));
  const step = [0.2, 0.25, 0.5, 1, 2].map((factor) => factor * power).find((size) => most / size <= 6);
  return { step, end: Math.ceil(most / step) * step };
}

/** One panel: bars from `top` on, ours in colour. */
function panel(top, title, bars) {
  const shown = bars.filter(({ count }) => count > 0);
  const { step, end } = scale(Math.max(...shown.map(({ count }) => count)));
  const x = (count) => LABEL + (count / end) * (WIDTH - LABEL - ROOM);
  const rows = top + 40;
  const bottom = rows + shown.length * ROW;
  const out = [`<text class="title" x="16" y="${top + 20}">${title}</text>`];
  for (let at = 0; at <= end; at += step) {
    out.push(`<line class="line" x1="${x(at).toFixed(1)}" x2="${x(at).toFixed(1)}" y1="${rows - 4}" y2="${bottom}"/>`);
    out.push(`<text class="quiet" text-anchor="middle" x="${x(at).toFixed(1)}" y="${bottom + 16}">${thousands(at)}</text>`);
  }
  shown.forEach(({ label, count, ours }, index) => {
    const y = rows + index * ROW;
    out.push(`<text text-anchor="end" x="${LABEL - 10}" y="${y + 15}">${label}</text>`);
    out.push(`<rect class="${ours ? 'ours' : 'beside'}" x="${LABEL}" y="${y}" width="${(x(count) - LABEL).toFixed(1)}" height="${BAR}" rx="2"/>`);
    out.push(`<text x="${(x(count) + 8).toFixed(1)}" y="${y + 15}">${thousands(count)}</text>`);
  });
  return { svg: out.join('\n'), bottom: bottom + 30 };
}

/** The whole chart. */
export function chart({ instructions }) {
  const bars = (names, ours) => Object.entries(names).map(([kind, label]) => ({ label, count: instructions[kind], ours }));
  const one = (kind) => bars({ [kind]: BESIDE[kind] }, false);
  const first = panel(16, 'Instructions a check, beside a server that decodes it and says OK', [...one('reference'), ...bars(CHECKS, true)]);
  const rest = Object.entries(UNCACHED).flatMap(([kind, label]) => [...one(`bare_${kind}`), ...bars({ [kind]: label }, true)]);
  const second = panel(first.bottom + 14, 'Tokens seen for the first time, beside their signature alone (another scale)', rest);
  const height = second.bottom + 6;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="Instructions a check by kind, beside the reference">
<style>${STYLE}
</style>
<rect class="paper" width="${WIDTH}" height="${height}"/>
${first.svg}
${second.svg}
</svg>
`;
}
