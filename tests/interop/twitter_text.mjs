// Reads texts as JSON strings, one per line, and prints for each a JSON array of
// {"tag","start","end"} as the npm package `twitter-text` finds them (code points, sign included).
// Usage: node twitter_text.mjs DIRECTORY < texts   (DIRECTORY has node_modules/twitter-text)
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { join, resolve } from "node:path";

const root = resolve(process.argv[2] ?? ".");
const twitter = createRequire(join(root, "package.json"))("twitter-text");
for await (const line of createInterface({ input: process.stdin })) {
  const text = JSON.parse(line);
  const found = twitter.extractHashtagsWithIndices(text);
  // The package's own conversion miscounts a tag that ends outside the basic plane.
  const points = (units) => [...text.slice(0, units)].length;
  const tags = found.map(({ hashtag, indices: [start, end] }) => ({
    tag: hashtag,
    start: points(start),
    end: points(end),
  }));
  process.stdout.write(JSON.stringify(tags) + "\n");
}
