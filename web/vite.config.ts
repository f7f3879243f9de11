import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, type Plugin } from 'vite';

/** Emits src/boot.js as a hashed classic script in the head: it must run before the first paint. */
function bootScript(): Plugin {
  const source = readFileSync(new URL('./src/boot.js', import.meta.url), 'utf8');
  const hash = createHash('sha256').update(source).digest('base64url').slice(0, 8);
  const fileName = `assets/boot-${hash}.js`;
  return {
    name: 'tagtide-boot-script',
    apply: 'build',
    buildStart() {
      this.emitFile({ type: 'asset', fileName, source });
    },
    transformIndexHtml: () => [
      { tag: 'script', attrs: { src: `/${fileName}` }, injectTo: 'head-prepend' },
    ],
  };
}

// A strict Content-Security-Policy is served with the page: nothing may be inlined.
export default defineConfig({
  plugins: [svelte(), bootScript()],
  build: {
    outDir: process.env.TAGTIDE_PAGE_OUT ?? 'dist',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: false,
    target: ['chrome111', 'firefox114', 'safari16.4'],
  },
  server: { proxy: { '/api': 'http://127.0.0.1:5001' } },
});
