// Writes src/lib/api-types.ts from openapi.json, the program's own description of its API
// (GET /api/v1/openapi.json, saved beside package.json).
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import openapi, { astToString } from 'openapi-typescript';

const input = new URL('../openapi.json', import.meta.url);
const output = new URL('../src/lib/api-types.ts', import.meta.url);
const names = [
  'Counters',
  'Explanation',
  'Gate',
  'StoredRankings',
  'StoredRanking',
  'PeopleRules',
  'Ranking',
  'Recorded',
  'RunState',
  'Series',
  'SinkStatus',
  'SourceStatus',
  'Spelling',
  'Status',
  'TagDetail',
  'Trend',
  'WindowCount',
  'WindowScore',
];

if (!existsSync(input)) {
  process.stderr.write(
    'read openapi.json: there is none\n' +
      'help: save GET /api/v1/openapi.json of a running tagtide as web/openapi.json\n',
  );
  process.exit(1);
}
const described = JSON.parse(readFileSync(input, 'utf8')).components?.schemas ?? {};
const missing = names.filter((name) => !Object.hasOwn(described, name));
if (missing.length > 0) {
  process.stderr.write(`read openapi.json: no schema for ${missing.join(', ')}\n`);
  process.exit(1);
}
const shapes = { openapi: '3.1.0', info: { title: '', version: '' }, components: { schemas: described } };
const body = astToString(await openapi(shapes));
const aliases = names.map((name) => `export type ${name} = components['schemas']['${name}'];`);
writeFileSync(
  output,
  `// Written by \`npm run types\` from openapi.json.\n${body}\n${aliases.join('\n')}\n`,
);
