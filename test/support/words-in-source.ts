import { readFileSync } from 'node:fs';
import { parse } from '@babel/parser';

/** Words of a source file that a person may read: a string, a template, or the text of an element on a page. */
export interface Words {
  file: string;
  line: number;
  /** What stands around it: the tag of an element, the attribute or key that a string is given to. */
  of: string;
  /** The words in one line. A value that is filled in later reads `{}`. */
  text: string;
}

interface Node {
  type: string;
  loc: { start: { line: number } };
  [key: string]: unknown;
}

/** Tags whose text belongs to the sentence around them. */
const INLINE = new Set(['a', 'b', 'strong', 'em', 'i', 'code', 'kbd', 'span', 'abbr', 'Time', 'Copyable']);
/** Where a string is never words: attributes and keys for machines. */
const MACHINE =
  /^(?:class|href|action|name|type|id|for|key|src|rel|role|method|autocomplete|pattern|style|http-equiv|data-.*)$/;

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string';

const nodesOf = (value: unknown): Node[] =>
  Array.isArray(value) ? value.filter(isNode) : isNode(value) ? [value] : [];

const nameOf = (node: unknown): string => {
  if (!isNode(node)) return '';
  if (node.type === 'JSXMemberExpression') return nameOf(node.property);
  return String(node.name ?? node.value ?? '');
};

const oneLine = (text: string) => text.replace(/\s+/g, ' ').trim();

/** Reads the words of a TypeScript file, comments, types, imports and keys left out. */
export function wordsIn(file: string): Words[] {
  const { program } = parse(readFileSync(file, 'utf8'), {
    sourceType: 'module',
    plugins: file.endsWith('x') ? ['typescript', 'jsx'] : ['typescript'],
  });
  const found: Words[] = [];

  const add = (node: Node, of: string, text: string) => {
    const words = oneLine(text);
    if (/[a-z]/i.test(words.replaceAll('{}', ''))) found.push({ file, line: node.loc.start.line, of, text: words });
  };

  /** The text of an element, its inline children in place; the rest is walked on its own. */
  const elementText = (element: Node): string =>
    nodesOf(element.children)
      .map((child) => {
        if (child.type === 'JSXText') return String(child.value);
        if (child.type === 'JSXExpressionContainer') {
          const inner = child.expression;
          if (isNode(inner) && inner.type === 'StringLiteral') return String(inner.value);
          walk(inner, 'child');
          return isNode(inner) && inner.type === 'JSXEmptyExpression' ? '' : '{}';
        }
        if (child.type === 'JSXElement' && INLINE.has(tagOf(child))) {
          walk((child.openingElement as Node).attributes, tagOf(child));
          return elementText(child) || '{}';
        }
        walk(child, 'child');
        return '';
      })
      .join('');

  const tagOf = (element: Node) => nameOf((element.openingElement as Node).name);

  function walk(value: unknown, of: string): void {
    for (const node of nodesOf(value)) visit(node, of);
  }

  function visit(node: Node, of: string): void {
    switch (node.type) {
      case 'StringLiteral':
        add(node, of, String(node.value));
        return;
      case 'TemplateLiteral': {
        const text = nodesOf(node.quasis).map((quasi) => String((quasi.value as { cooked?: string }).cooked));
        add(node, of, text.join('{}'));
        walk(node.expressions, of);
        return;
      }
      case 'JSXElement':
        walk((node.openingElement as Node).attributes, tagOf(node));
        add(node, tagOf(node), elementText(node));
        return;
      case 'JSXFragment':
        add(node, of, elementText(node));
        return;
      case 'JSXAttribute':
        if (!MACHINE.test(nameOf(node.name))) walk(node.value, nameOf(node.name));
        return;
      case 'ObjectProperty':
        walk(node.value, nameOf(node.key));
        return;
      case 'ImportDeclaration':
      case 'ExportAllDeclaration':
      case 'TSTypeAliasDeclaration':
      case 'TSInterfaceDeclaration':
      case 'TSLiteralType':
      case 'TSUnionType':
        return;
      default:
        for (const [key, child] of Object.entries(node)) if (key !== 'loc') walk(child, of);
    }
  }

  walk(program.body, '');
  return found.sort((one, other) => one.line - other.line);
}
