import { isUtf8 } from 'node:buffer';
import { SaxesParser } from 'saxes';
import type { ElementFields } from './read-elements.ts';

interface Node {
  attributes: [name: string, value: string][];
  children: [name: string, node: Node][];
  text: string;
}

/** What an element holds, for a cell: its text; with attributes or elements inside, JSON of them. */
type Content = string | { [name: string]: Content | Content[] };

/**
 * The fields of one XML record: its attributes as `@name`, its child elements by name with their text verbatim, an attribute of a
 * child as `name@attribute`, text of its own as `#text`. Elements within elements, and elements that come several
 * times, are JSON text. Entities other than XML's own are not known.
 */
export function xmlRecord(bytes: Buffer): ElementFields {
  let record: Node;
  try {
    record = parse(bytes.toString('utf8'));
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'it is not well-formed XML';
    return { code: 'MALFORMED_ROW', message: `Not a record: ${reason}` };
  }
  if (!isUtf8(bytes)) return { code: 'BAD_ENCODING', message: 'The record is not valid UTF-8.' };
  const fields = new Map<string, string>();
  for (const [name, value] of record.attributes) fields.set(`@${name}`, value);
  for (const [name, nodes] of grouped(record.children)) {
    const [first, ...others] = nodes as [Node, ...Node[]];
    if (others.length > 0 || first.children.length > 0) {
      const contents = nodes.map(contentOf);
      fields.set(name, JSON.stringify(others.length > 0 ? contents : contents[0]));
      continue;
    }
    fields.set(name, first.text);
    for (const [attribute, value] of first.attributes) fields.set(`${name}@${attribute}`, value);
  }
  if (record.text.trim() !== '') fields.set('#text', record.text);
  return { fields };
}

function parse(text: string): Node {
  const document: Node = { attributes: [], children: [], text: '' };
  const path: Node[] = [document];
  const parser = new SaxesParser({ fragment: true });
  const addText = (piece: string) => {
    (path.at(-1) as Node).text += piece;
  };
  parser.on('opentag', ({ name, attributes }) => {
    const node: Node = { attributes: Object.entries(attributes), children: [], text: '' };
    (path.at(-1) as Node).children.push([name, node]);
    path.push(node);
  });
  parser.on('closetag', () => {
    path.pop();
  });
  parser.on('text', addText);
  parser.on('cdata', addText);
  parser.on('error', (error) => {
    throw error;
  });
  parser.write(text).close();
  const [only, ...others] = document.children;
  if (only === undefined || others.length > 0 || document.text !== '')
    throw new Error('it is not one element');
  return only[1];
}

function grouped(children: Node['children']): Map<string, Node[]> {
  return children.reduce((groups, [name, node]) => {
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [node]);
    else group.push(node);
    return groups;
  }, new Map<string, Node[]>());
}

function contentOf(node: Node): Content {
  if (node.attributes.length === 0 && node.children.length === 0) return node.text;
  const content: [string, Content | Content[]][] = node.attributes.map(([name, value]) => [
    `@${name}`,
    value,
  ]);
  for (const [name, nodes] of grouped(node.children)) {
    const contents = nodes.map(contentOf);
    content.push([name, contents.length === 1 ? (contents[0] as Content) : contents]);
  }
  if (node.text.trim() !== '') content.push(['#text', node.text]);
  return Object.fromEntries(content);
}
