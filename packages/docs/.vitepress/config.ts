/** The documentation as a site: the Markdown files of the repository where they are, with a sidebar and a search. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig, type MarkdownOptions } from 'vitepress';

const REPOSITORY = resolve(import.meta.dirname, '../../..');

const PARTS: { text: string; pages: string[] }[] = [
  { text: 'Start', pages: ['README.md', 'CHANGELOG.md'] },
  {
    text: 'Connect an identity provider',
    pages: ['okta', 'entra', 'sailpoint', 'authentik', 'pingone', 'google', 'onelogin', 'jumpcloud'].map(guide),
  },
  {
    text: 'In front of your SCIM server',
    pages: [...['upstream', 'forward-auth', 'resource-servers'].map(guide), 'packages/verify/README.md'],
  },
  {
    text: 'Operate',
    pages: [
      ...['operations', 'rotation', 'migration', 'leaks', 'upgrade'].map(guide),
      ...['reports', 'reliability', 'performance'].map(page),
    ],
  },
  {
    text: 'Reference',
    pages: ['configuration', 'findings', 'errors', 'events', 'webhooks', 'notifications'].map(page),
  },
  {
    text: 'How it is built',
    pages: [page('architecture'), 'SECURITY.md', page('security-review'), 'CONTRIBUTING.md', ...decisions()],
  },
];

const published = new Set(allPages());

export default defineConfig({
  title: 'Latchkey',
  description: 'A self-hosted OAuth 2.0 authorization server for SCIM credentials',
  srcDir: '../..',
  outDir: './dist',
  cacheDir: './node_modules/.cache',
  srcExclude: ['**/node_modules/**', '{src,test,build,dist,data,config,artifacts,packages/docs,.cache,.ci}/**'],
  rewrites: { 'README.md': 'index.md' },
  cleanUrls: true,
  lastUpdated: false,
  markdown: { config: plainLinksToSources },
  // The pages lie outside of this package, where vue would not be found.
  vite: {
    resolve: {
      alias: ['vue/server-renderer', 'vue'].map((find) => ({
        find,
        replacement: fileURLToPath(import.meta.resolve(find)),
      })),
    },
  },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    sidebar: PARTS.map(({ text, pages }) => ({
      text,
      collapsed: text === 'How it is built',
      items: pages
        .filter((file) => published.has(file))
        .map((file) => ({ text: titleOf(file), link: `/${file.replace(/\.md$/, '').replace(/^README$/, '')}` })),
    })),
  },
});

function guide(name: string): string {
  return `docs/guides/${name}.md`;
}

function page(name: string): string {
  return `docs/${name}.md`;
}

function decisions(): string[] {
  return readdirSync(join(REPOSITORY, 'docs/decisions')).map((file) => `docs/decisions/${file}`);
}

function allPages(): string[] {
  const below = readdirSync(join(REPOSITORY, 'docs'), { recursive: true, encoding: 'utf8' }).map((file) =>
    join('docs', file),
  );
  return [...readdirSync(REPOSITORY), ...below, 'packages/verify/README.md'].filter((file) => file.endsWith('.md'));
}

function titleOf(file: string): string {
  return /^# (.+)$/m.exec(readFileSync(join(REPOSITORY, file), 'utf8'))?.[1]?.replaceAll('`', '') ?? file;
}

/** A link to a source file leads nowhere on the site, so that only its text stays. */
function plainLinksToSources(markdown: Parameters<NonNullable<MarkdownOptions['config']>>[0]): void {
  markdown.core.ruler.push('plain_links_to_sources', ({ tokens, env }) => {
    for (const { children } of tokens) {
      let isPlain = false;
      for (const token of children ?? []) {
        if (token.type === 'link_open') isPlain = !leadsToPage(token.attrGet('href') ?? '', env.path);
        if (isPlain && /^link_(?:open|close)$/.test(token.type))
          Object.assign(token, { type: 'text', tag: '', content: '' });
      }
    }
  });
}

function leadsToPage(href: string, from: string): boolean {
  if (/^(?:[a-z]+:|#|\/)/.test(href)) return true;
  const [path = ''] = href.split('#');
  return published.has(relative(REPOSITORY, resolve(dirname(from), path)));
}
