// An explanation as words and numbers. Pure.
import type { Explanation, Gate, WindowScore } from './api-types';
import { count, LEARNED, windowLabel } from './format';

const tenth = (n: number): string => (Number.isInteger(n) ? count(n) : n.toFixed(1));
const two = (n: number | null | undefined): string => (n == null ? 'none yet' : n.toFixed(2));

/** What a gate requires, and what the tag has. */
export function gateWords(gate: Gate): string {
  const has = gate.value ?? 0;
  const least = `at least ${tenth(gate.bound)}`;
  switch (gate.name) {
    case 'min_count':
      return `${tenth(has)} people count, ${least}`;
    case 'min_authors':
      return `${tenth(has)} authors, ${least}`;
    case 'score':
      return gate.value == null ? 'no score yet' : `score ${two(has)}, ${least}`;
    case 'lists':
      return gate.passed ? 'not on a list of hidden tags' : 'hidden by a list of the job';
    case 'learned':
      return `baseline learned from ${tenth(has)} of ${LEARNED} windows`;
    default:
      return `${gate.name} ${two(gate.value)}, ${least}`;
  }
}

/** Length of the bar of `z`; 0 below the usual level. */
export const zBar = (z: number, widest: number): string =>
  `${Math.min(100, (100 * Math.max(0, z)) / Math.max(1, widest)).toFixed(1)}%`;

type Row = [name: string, value: string, title: string];

const ofWindow = (one: WindowScore): Row[] => {
  const label = windowLabel(one.window_s);
  return [
    [`${label}: posts, authors`, `${count(one.posts)}, ${count(one.authors)}`, 'before the rules'],
    [`${label}: x, y`, `${tenth(one.x)}, ${two(one.y)}`, 'people who count, and their transform'],
    [`${label}: μ, ν`, `${two(one.mu)}, ${two(one.nu)}`, 'mean and variance of y in its past'],
    [`${label}: z`, two(one.z), 'distance from the mean in units of the noise'],
  ];
};

/** Every number, with its name and what it means. */
export function numbers(of: Explanation): Row[] {
  const rows: Row[] = [
    ['score', two(of.score), 'mean of z over the windows with a baseline'],
    ['highest score, held', two(of.held), 'halves every four windows'],
    ['usual', of.expected == null ? 'none yet' : `${tenth(of.expected)} people`, 'expected'],
    ['times the usual', two(of.lift), '(x + 1) / (usual + 1)'],
    ['status', of.status ?? 'none yet', ''],
  ];
  const rules = of.people;
  if (rules != null) {
    const estimated = of.estimated ? ' (estimated)' : '';
    rows.push(
      ['authors', `${tenth(rules.authors)}${estimated}`, 'not including posts without author'],
      ['their posts', tenth(rules.posts), ''],
      [
        'rule of spread allows',
        rules.spread == null ? 'does not apply' : tenth(rules.spread),
        'people who post at the same time count less',
      ],
      ['rule of repetition allows', tenth(rules.repeat), 'few people who post often count less'],
    );
    if (rules.known != null && rules.known_share != null && rules.known_allows != null) {
      rows.push(
        ['had posted before', tenth(rules.known), 'before they came to the tag'],
        ['usually have', two(rules.known_share), 'share of all who come to a tag'],
        ['rule of known authors allows', tenth(rules.known_allows), 'had posted before / usual share'],
      );
    }
    rows.push(
      ['people who count', tenth(rules.counted), 'x of the window'],
    );
  }
  return [...rows, ...of.windows.flatMap(ofWindow)];
}
