import type { OpenApiDocument } from './openapi.ts';

const METHODS = ['get', 'head', 'options', 'post', 'put', 'patch', 'delete'] as const;

const STYLE = `
:root{color-scheme:light dark;--line:#8884;--soft:#8881}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:0 auto;padding:1rem 1.5rem 4rem}
h1{margin:.5rem 0}h2{margin-top:2.5rem;border-bottom:1px solid var(--line)}
code,pre{font:13px/1.45 ui-monospace,monospace}pre{background:var(--soft);padding:.75rem;overflow:auto;margin:.4rem 0}
details{border:1px solid var(--line);border-radius:6px;margin:.5rem 0;padding:.4rem .75rem}
summary{cursor:pointer}summary code{font-size:14px}summary span{opacity:.75;margin-left:.6rem}
.m{display:inline-block;min-width:4.2rem;font-weight:700;text-transform:uppercase}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.2rem .6rem .2rem 0;border-top:1px solid var(--line)}
nav a{margin-right:1rem}
`;

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** The little of Markdown that descriptions use: paragraphs, lists and code. */
function prose(text: string | undefined): string {
  const inline = (line: string): string => escaped(line).replaceAll(/`([^`]+)`/g, '<code>$1</code>');
  return (text ?? '')
    .split(/\n{2,}/)
    .filter((block) => block.trim() !== '')
    .map((block) => {
      const lines = block.split('\n');
      if (!lines.every((line) => line.startsWith('- '))) return `<p>${inline(block)}</p>`;
      return `<ul>${lines.map((line) => `<li>${inline(line.slice(2))}</li>`).join('')}</ul>`;
    })
    .join('');
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null;

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** A schema as a link to its component, or as JSON Schema with such links in it. */
function schemaHtml(schema: unknown): string {
  if (isObject(schema) && typeof schema['$ref'] === 'string') {
    const name = schema['$ref'].split('/').at(-1) ?? '';
    return `<p><a href="#schema-${escaped(name)}">${escaped(name)}</a></p>`;
  }
  const json = escaped(JSON.stringify(schema, null, 2));
  const linked = json.replaceAll(
    /#\/components\/schemas\/([A-Za-z0-9]+)/g,
    (ref, name: string) => `<a href="#schema-${name}">${ref}</a>`,
  );
  return `<pre>${linked}</pre>`;
}

function contentHtml(content: unknown): string {
  if (!isObject(content)) return '';
  return Object.entries(content)
    .map(
      ([type, media]) =>
        `<p><code>${escaped(type)}</code></p>${isObject(media) ? schemaHtml(media['schema']) : ''}`,
    )
    .join('');
}

/** What a value may be, as the words of its schema have it. */
function valueHtml(schema: unknown): string {
  if (!isObject(schema)) return '';
  const told = ['type', 'enum', 'const', 'minimum', 'maximum', 'maxLength', 'default'].flatMap((word) => {
    const value = schema[word];
    if (value === undefined || (word === 'type' && 'enum' in schema)) return [];
    const values = (Array.isArray(value) ? value : [value]).map(String).join(', ');
    return [word === 'type' || word === 'enum' ? values : `${word} ${values}`];
  });
  return told.length === 0 ? '' : `<code>${escaped(told.join('; '))}</code>`;
}

/** Of a parameter or header: what it means, and what it may be. */
function meaningHtml(named: Record<string, unknown>): string {
  const { description, schema } = named;
  const own = textOf(description);
  return `${prose(own === '' && isObject(schema) ? textOf(schema['description']) : own)}${valueHtml(schema)}`;
}

function headersHtml(headers: unknown): string {
  if (!isObject(headers)) return '';
  const rows = Object.entries(headers).map(([name, header]) => {
    const required = isObject(header) && header['required'] === true ? '' : ', where it helps';
    return `<tr><td><code>${escaped(name)}</code></td><td>header${required}</td><td>${isObject(header) ? meaningHtml(header) : ''}</td></tr>`;
  });
  return `<table>${rows.join('')}</table>`;
}

function parameterRows(parameters: unknown): string {
  if (!Array.isArray(parameters) || parameters.length === 0) return '';
  const rows = parameters.filter(isObject).map((parameter) => {
    const required = parameter['required'] === true ? ', required' : '';
    return `<tr><td><code>${escaped(String(parameter['name']))}</code></td><td>${escaped(String(parameter['in']))}${required}</td><td>${meaningHtml(parameter)}</td></tr>`;
  });
  return `<table><tr><th>Parameter</th><th>In</th><th></th></tr>${rows.join('')}</table>`;
}

function operationHtml(path: string, method: string, operation: Record<string, unknown>): string {
  const body = operation['requestBody'];
  const responses = isObject(operation['responses']) ? operation['responses'] : {};
  const answers = Object.entries(responses).map(([status, response]) => {
    const { description, headers, content } = isObject(response) ? response : {};
    return `<tr><td><code>${escaped(status)}</code></td><td>${prose(textOf(description))}${headersHtml(headers)}${contentHtml(content)}</td></tr>`;
  });
  return `<details id="${escaped(String(operation['operationId']))}"><summary><code><span class="m">${method}</span>${escaped(path)}</code><span>${escaped(textOf(operation['summary']))}</span></summary>
${prose(textOf(operation['description']))}${parameterRows(operation['parameters'])}
${isObject(body) ? `<h4>Body${body['required'] === true ? ', required' : ''}</h4>${contentHtml(body['content'])}` : ''}<h4>Answers</h4><table>${answers.join('')}</table></details>`;
}

/** The OpenAPI document as one page without scripts, for people. */
export function docsPage(document: OpenApiDocument): string {
  const operations = Object.entries(document.paths ?? {}).flatMap(([path, item]) =>
    METHODS.flatMap((method) => {
      const operation: unknown = item[method];
      return isObject(operation) ? [{ path, method, operation }] : [];
    }),
  );
  const sections = (document.tags ?? []).map(({ name, description }) => {
    const own = operations.filter(
      ({ operation }) => Array.isArray(operation['tags']) && operation['tags'].includes(name),
    );
    return `<h2 id="${escaped(name)}">${escaped(name)}</h2>${prose(description)}${own.map(({ path, method, operation }) => operationHtml(path, method, operation)).join('')}`;
  });
  const schemas = Object.entries(document.components?.schemas ?? {}).map(
    ([name, schema]) =>
      `<details id="schema-${escaped(name)}"><summary><code>${escaped(name)}</code></summary>${schemaHtml(schema)}</details>`,
  );
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><title>Deskferry API</title><style>${STYLE}</style></head>
<body><h1>Deskferry API</h1><p>${escaped(document.info.summary ?? '')} Send an API key as <code>Authorization: Bearer &lt;key&gt;</code>. The same description for programs: <a href="/openapi.json">openapi.json</a>.</p>
<nav>${(document.tags ?? []).map(({ name }) => `<a href="#${escaped(name)}">${escaped(name)}</a>`).join('')}<a href="#schemas">Schemas</a></nav>
<h2>Problems</h2>${prose(document.info.description)}
${sections.join('\n')}
<h2 id="schemas">Schemas</h2>${schemas.join('\n')}
</body></html>
`;
}
